"""The file that keeps the runs: one SQLite database, without pickles.

```
study   definition TEXT PRIMARY KEY, the study as JSON; name; fingerprint; saved (UTC); cost, JSON
run     fingerprint, candidate, seed: the primary key; rate; diverged_at, the update, or NULL;
        epochs; curves BLOB, little-endian float32 [4, epochs]: training loss, validation loss,
        metric and the rate of each epoch's last update; seconds, its share of the time of training
look    fingerprint, candidates and seeds as JSON: every verdict, in the order in which they were reached
```

`fingerprint` identifies everything about problem and software that changes a run; `candidate` is the bound
schedule with its optimizer settings. SQLite's `application_id` and `user_version` mark the file.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from stepsize.errors import StoreError

APPLICATION = 0x57E95123
FORMAT = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS study (
    definition TEXT PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, saved TEXT NOT NULL, cost TEXT
);
CREATE TABLE IF NOT EXISTS run (
    fingerprint TEXT NOT NULL, candidate TEXT NOT NULL, seed INTEGER NOT NULL, rate REAL,
    diverged_at INTEGER, epochs INTEGER NOT NULL, curves BLOB NOT NULL, seconds REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (fingerprint, candidate, seed)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS look (
    number INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, candidates TEXT NOT NULL, seeds TEXT NOT NULL,
    UNIQUE (fingerprint, candidates, seeds)
);
"""


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
        value = float(self.curves[2, -1])
        return value if self.diverged_at is None and np.isfinite(value) else None


Runs = Mapping[tuple[str, int], Run]


class Store:
    """The open file; use it as a context manager."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"store={str(path)!r} cannot be opened: {error}; choose another file") from None
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            if "not a database" in str(error):
                raise StoreError(
                    f"store={str(path)!r} is not a stepsize store; choose another file"
                ) from None
            raise StoreError(f"store={str(path)!r} cannot be written: {error}; choose another file") from None
        except StoreError:
            self._db.close()
            raise

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
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        if not tables:
            self._db.execute(f"PRAGMA application_id = {APPLICATION}")
        elif pragma("user_version") == 1:
            self._db.execute("ALTER TABLE run ADD COLUMN seconds REAL NOT NULL DEFAULT 0")
        self._db.execute(f"PRAGMA user_version = {FORMAT}")
        self._db.executescript(SCHEMA)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add(self, fingerprint: str, runs: Iterable[Run]) -> None:
        """Add finished runs, all or none of them; a run that is already there is kept as it is."""
        rows = [
            (
                fingerprint,
                run.candidate,
                run.seed,
                run.rate,
                run.diverged_at,
                run.curves.shape[1],
                run.curves.astype("<f4").tobytes(),
                run.seconds,
            )
            for run in runs
        ]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR IGNORE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def runs(self, fingerprint: str) -> dict[tuple[str, int], Run]:
        """Return the runs of a fingerprint by (candidate, seed)."""
        rows = self._db.execute(
            "SELECT candidate, seed, rate, diverged_at, epochs, curves, seconds FROM run "
            "WHERE fingerprint = ?",
            (fingerprint,),
        )
        return {(run.candidate, run.seed): run for run in starmap(_run, rows)}

    def save_study(self, definition: Mapping[str, Any], cost: Mapping[str, Any] | None = None) -> None:
        """Save the study as the latest of this file."""
        text = json.dumps(definition)
        row = (text, definition["name"], definition["fingerprint"], datetime.now(UTC).isoformat())
        self._db.execute("INSERT OR REPLACE INTO study VALUES (?, ?, ?, ?, ?)", (*row, json.dumps(cost)))

    def add_look(self, fingerprint: str, candidates: Iterable[str], seeds: Iterable[int]) -> None:
        """Add a verdict on these candidates and seeds; one that is already there keeps its place."""
        row = fingerprint, json.dumps(sorted(candidates)), json.dumps(sorted(seeds))
        self._db.execute("INSERT OR IGNORE INTO look (fingerprint, candidates, seeds) VALUES (?, ?, ?)", row)

    def looks(self, fingerprint: str) -> list[tuple[list[str], list[int]]]:
        """Return candidates and seeds of every verdict of a fingerprint, in order."""
        rows = self._db.execute(
            "SELECT candidates, seeds FROM look WHERE fingerprint = ? ORDER BY number", (fingerprint,)
        )
        return [(json.loads(candidates), json.loads(seeds)) for candidates, seeds in rows]

    def latest_study(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return the definition and the cost of the study saved last."""
        row = self._db.execute("SELECT definition, cost FROM study ORDER BY saved DESC LIMIT 1").fetchone()
        if row is None:
            raise StoreError(
                f"store={str(self.path)!r} has no finished study yet; run stepsize compare first"
            )
        return json.loads(row[0]), json.loads(row[1])

    def fingerprints(self, name: str) -> set[str]:
        """Return the fingerprints of the saved studies called `name`."""
        return {row[0] for row in self._db.execute("SELECT fingerprint FROM study WHERE name = ?", (name,))}


def _run(
    candidate: str,
    seed: int,
    rate: float | None,
    diverged_at: int | None,
    epochs: int,
    curves: bytes,
    seconds: float,
) -> Run:
    """Return the run of a row; the runs of a candidate share one name, to save memory."""
    series = np.ndarray((4, epochs), "<f4", curves)
    return Run(sys.intern(candidate), seed, rate, diverged_at, series, seconds)
