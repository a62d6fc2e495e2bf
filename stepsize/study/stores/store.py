"""The file that keeps the runs: one SQLite database, without pickles.

```
study   definition TEXT PRIMARY KEY, the study as JSON; name; fingerprint; saved (UTC); cost, JSON;
        checksum
run     fingerprint, candidate, seed: the primary key; rate; diverged_at, the update from 0, or NULL;
        epochs; curves BLOB, float32 or float64 [4, epochs]: training loss, validation loss, metric
        and the rate of each epoch's last update; seconds, its share of the time of training; checksum
look    fingerprint, candidates and seeds as JSON: every verdict, in the order in which they were reached;
        checksum
process, claim: who is making which runs at the moment (`stepsize.study.stores.claims`)
```

`fingerprint` identifies everything about problem and software that changes a run; `candidate` is the bound
schedule with its optimizer settings. `checksum` is the CRC-32 of the other columns: a run that was damaged
counts as missing, and a study or a look is an error. SQLite's `application_id` and `user_version` mark the
file; format 1 had no checksums, and format 2 none of looks: opening an older file adds them. Format 3 had
no float64.
"""

from __future__ import annotations

import json
import math
import shlex
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from stepsize.errors import OutputError, StoreError, first_line
from stepsize.output_files import require_folder
from stepsize.study.stores.curves import packed, unpacked
from stepsize.study.stores.file import file_at, is_on_network
from stepsize.study.stores.rows import LOOK, RUN, SCHEMA, STUDY, add_checksums, checksum, insertion
from stepsize.study.stores.saved_study import SavedStudy

APPLICATION = 0x57E95123
FORMAT = 4
BUSY = 30.0  # seconds to wait for another process that writes
ONE = "WHERE fingerprint = ? AND candidate = ? AND seed = ?"
DAMAGED = (sqlite3.Error, UnicodeDecodeError)  # what SQLite raises for a damaged file


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """One candidate trained on one seed; `curves` [4, epochs] and `seconds` as in the store."""

    candidate: str
    seed: int
    rate: float | None
    diverged_at: int | None
    curves: np.ndarray
    seconds: float = 0.0

    @property
    def valid_loss(self) -> float:
        """The validation loss after the last epoch."""
        return float(self.curves[1, -1])

    @property
    def score(self) -> float | None:
        """The metric after the last epoch; None if the run diverged."""
        value: float = self.curves.item(2, -1)
        return value if self.diverged_at is None and math.isfinite(value) else None


Runs = Mapping[tuple[str, int], Run]


class Store:
    """The open file; use it as a context manager."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._place = self.path.absolute()
        self._damaged: dict[str, set[tuple[str, int]]] = defaultdict(set)
        try:
            require_folder("store", self.path)
            self._db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None)
        except OutputError as error:
            raise StoreError(str(error)) from None
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"store={str(path)!r} cannot be opened: {error}; choose another file") from None
        try:
            self._prepare()
        except DAMAGED as error:
            self._db.close()
            if "not a database" in str(error):
                raise StoreError(
                    f"store={str(path)!r} is not a stepsize store; choose another file"
                ) from None
            if "malformed" in str(error):
                raise self.damage(first_line(error)) from None
            raise StoreError(
                f"store={str(path)!r} cannot be written: {first_line(error)}; choose another file"
            ) from None
        except StoreError:
            self._db.close()
            raise
        self._file = file_at(self._place)

    def _prepare(self) -> None:
        def pragma(name: str) -> int:
            return self._db.execute(f"PRAGMA {name}").fetchone()[0]

        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and pragma("application_id") != APPLICATION:
            raise StoreError(
                f"store={str(self.path)!r} is a database of another program; choose another file"
            )
        if pragma("user_version") > FORMAT:
            raise StoreError(
                f"store={str(self.path)!r} has format {pragma('user_version')}, and this version of stepsize "
                f"reads formats up to {FORMAT}; update it with pip install -U stepsize"
            )
        self._db.execute(f"PRAGMA journal_mode = {'DELETE' if is_on_network(self._place) else 'WAL'}")
        self._db.execute("PRAGMA synchronous = NORMAL")
        if not tables:
            self._db.execute(f"PRAGMA application_id = {APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {FORMAT}")
        self._db.executescript(SCHEMA)
        if pragma("user_version") < FORMAT:
            with self.transaction() as database:
                add_checksums(database)
                database.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Keep all changes of a block, or none of them."""
        with self._usable():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.rollback()
                raise
            self._db.commit()

    def connect(self) -> sqlite3.Connection:
        """Return another connection to the file, for another thread. Raise sqlite3.Error if it is gone."""
        address = f"{self._place.as_uri()}?mode=rw"
        return sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Turn SQLite's errors into StoreError: a full disk, a damaged file, a file that is locked."""
        try:
            yield
        except DAMAGED as error:
            raise StoreError(
                f"store={str(self.path)!r} cannot be used: {first_line(error)}; finished runs are kept: run "
                "the same command again when this is repaired, or choose another file"
            ) from None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    @property
    def is_lost(self) -> bool:
        """Whether the file was deleted, or replaced by another one, since it was opened."""
        return file_at(self._place) != self._file

    def add(self, fingerprint: str, runs: Iterable[Run]) -> None:
        """Add finished runs, all or none of them; one that is already there is kept, unless it is damaged.

        They are not claimed any more.
        """
        rows = [_row(fingerprint, run) for run in runs]
        damaged = [row[:3] for row in rows if row[1:3] in self._damaged[fingerprint]]
        with self.transaction() as database:
            database.executemany(f"DELETE FROM run {ONE}", damaged)
            database.executemany(f"INSERT OR IGNORE INTO run {insertion(RUN)}", rows)
            database.executemany(f"DELETE FROM claim {ONE}", (row[:3] for row in rows))

    def runs(
        self, fingerprint: str, keys: Iterable[tuple[str, int]] | None = None
    ) -> dict[tuple[str, int], Run]:
        """Return the runs of a fingerprint by (candidate, seed), or those with `keys`.

        Damaged ones are left out.
        """
        damaged, runs = set(), {}
        query = f"SELECT {', '.join(RUN)}, checksum FROM run "
        with self._usable():
            if keys is None:
                rows = self._db.execute(query + "WHERE fingerprint = ?", (fingerprint,))
            else:
                each = (self._db.execute(query + ONE, (fingerprint, *key)) for key in keys)
                rows = chain.from_iterable(each)
            for *row, stored in rows:
                _, candidate, seed, rate, diverged_at, epochs, seconds, curves = row
                if stored != checksum(*row):
                    damaged.add((candidate, seed))
                    continue
                series = unpacked(curves, epochs)
                name = sys.intern(candidate)  # shared by the runs of a candidate, to save memory
                runs[name, seed] = Run(name, seed, rate, diverged_at, series, seconds)
        self._damaged[fingerprint] = damaged if keys is None else self._damaged[fingerprint] | damaged
        return runs

    def damaged(self, fingerprint: str) -> int:
        """Return how many damaged runs the last call of `runs` left out."""
        return len(self._damaged[fingerprint])

    def save_study(self, definition: Mapping[str, Any], cost: Mapping[str, Any] | None = None) -> None:
        """Save the study as the latest of this file."""
        text, saved = json.dumps(definition), datetime.now(UTC).isoformat()
        row = (text, definition["name"], definition["fingerprint"], saved, json.dumps(cost))
        with self._usable():
            self._db.execute(f"INSERT OR REPLACE INTO study {insertion(STUDY)}", (*row, checksum(*row)))

    def add_look(self, fingerprint: str, candidates: Iterable[str], seeds: Iterable[int]) -> None:
        """Add a verdict on these candidates and seeds; one that is already there keeps its place."""
        row = fingerprint, json.dumps(sorted(candidates)), json.dumps(sorted(seeds))
        with self._usable():
            self._db.execute(f"INSERT OR IGNORE INTO look {insertion(LOOK)}", (*row, checksum(*row)))

    def looks(self, fingerprint: str) -> list[tuple[list[str], list[int]]]:
        """Return candidates and seeds of every verdict of a fingerprint, in order.

        Raises: StoreError if one of the file is damaged: how many verdicts there were decides what is shown.
        """
        query = f"SELECT {', '.join(LOOK)}, checksum FROM look NOT INDEXED ORDER BY number"
        with self._usable():
            rows = self._db.execute(query).fetchall()
        if any(stored != checksum(*row) for *row, stored in rows):
            raise self.damage("an earlier verdict is not as it was saved")
        return [
            (json.loads(candidates), json.loads(seeds))
            for each, candidates, seeds, _ in rows
            if each == fingerprint
        ]

    def damage(self, what: str) -> StoreError:
        """Return the error for a store that is damaged in a way that new runs cannot repair."""
        return StoreError(
            f"store={str(self.path)!r} is damaged: {what}; repair it with stepsize check "
            f"{shlex.quote(str(self.path))} --repair, and run the same command again"
        )

    def studies(self) -> list[SavedStudy]:
        """Return the finished studies, the latest first; of each, as it was saved last.

        Raises: StoreError if one of them is damaged.
        """
        query = f"SELECT {', '.join(STUDY)}, checksum FROM study ORDER BY saved DESC"
        with self._usable():
            rows = self._db.execute(query).fetchall()
        if any(stored != checksum(*row) for *row, stored in rows):
            raise StoreError(
                f"store={str(self.path)!r} is damaged: the definition of a study is not as it was saved; "
                "run the study again with another file, or restore a copy of this one"
            )
        latest: dict[str, SavedStudy] = {}
        for definition, _, _, saved, cost, _ in rows:
            study = SavedStudy(saved, json.loads(definition), json.loads(cost))
            latest.setdefault(study.id, study)
        return list(latest.values())

    def saved_study(self, which: str | None = None) -> SavedStudy:
        """Return the study saved last, or the last one with this name or (the beginning of) this id."""
        studies = self.studies()
        if not studies:
            raise StoreError(
                f"store={str(self.path)!r} has no finished study yet; run stepsize compare first"
            )
        for study in studies:
            if which is None or study.definition["name"] == which or study.id.startswith(which):
                return study
        names = [f"{study.id} ({study.definition['name']})" for study in studies]
        raise StoreError(f"study={which!r} is not in {str(self.path)!r}; give one of: {', '.join(names)}")

    def fingerprints(self, name: str) -> set[str]:
        """Return the fingerprints of the saved studies called `name`."""
        with self._usable():
            rows = self._db.execute("SELECT fingerprint FROM study WHERE name = ?", (name,)).fetchall()
        return {row[0] for row in rows}


def _row(fingerprint: str, run: Run) -> tuple[Any, ...]:
    rate = None if run.rate is None else float(run.rate)
    curves = packed(run.curves)
    epochs = run.curves.shape[1]
    row = (fingerprint, run.candidate, run.seed, rate, run.diverged_at, epochs, float(run.seconds), curves)
    return (*row, checksum(*row))
