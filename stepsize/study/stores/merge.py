"""Merge stores whose runs were made on different machines."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from stepsize.errors import StoreError
from stepsize.study.stores.check import check_store
from stepsize.study.stores.curves import unpacked
from stepsize.study.stores.rows import LOOK, RUN, STUDY, insertion
from stepsize.study.stores.store import FORMAT, Store

SHOWN = 5  # runs that differ, in the message
TABLES = (
    ("run", RUN, "IGNORE"),
    ("study", STUDY, "REPLACE"),
    ("look", LOOK, "IGNORE"),
)  # and what to do twice


@dataclass(frozen=True)
class Merge:
    """How many runs a store has after a merge, and how many of them came from the others."""

    runs: int
    added: int


def merge_stores(target: str | Path, others: Sequence[str | Path]) -> Merge:
    """Add the runs, studies and looks of other stores to `target`, which is created if it does not exist.

    A run that is in two stores must be the same in both, to the last bit; if one is not, nothing is added.

    Raises: StoreError for runs that differ, a store that is damaged or cannot be used, or one of an older
    format.
    """
    target = Path(target)
    for each in [target] * target.exists() + [Path(other) for other in others]:
        _check(each)
        if each is not target and target.exists() and each.samefile(target):
            raise StoreError(f"store={str(each)!r} is given twice; name each store once")
    with Store(target):
        pass
    try:
        with closing(sqlite3.connect(target, timeout=30, isolation_level=None)) as database:
            before = _count(database)
            database.execute("BEGIN IMMEDIATE")
            for other in others:
                _load(database, Path(other))
                _add(database, target, Path(other))
            after = _count(database)
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(
            f"nothing was merged into store={str(target)!r}: {error}; run again when this is repaired"
        ) from None
    return Merge(after, after - before)


def _check(path: Path) -> None:
    """Raise StoreError for a store that is damaged, or of an older format."""
    state = check_store(path)
    if not state.is_sound:
        raise StoreError(
            f"store={str(path)!r} is damaged; repair it first with stepsize check "
            f"{shlex.quote(str(path))} --repair"
        )
    if state.format < FORMAT:
        raise StoreError(
            f"store={str(path)!r} has format {state.format}, and merging needs format {FORMAT}; open it once "
            f"with stepsize report {shlex.quote(str(path))}, which converts it"
        )


def _load(database: sqlite3.Connection, other: Path) -> None:
    """Copy the rows of another store to temporary tables: a connection can attach only ten stores."""
    with closing(sqlite3.connect(other, timeout=30)) as source:
        for table, columns, _ in TABLES:
            names, order = ", ".join((*columns, "checksum")), {"look": "ORDER BY number"}.get(table, "")
            database.execute(f"DROP TABLE IF EXISTS other_{table}")
            database.execute(f"CREATE TEMP TABLE other_{table} ({names})")
            rows = source.execute(f"SELECT {names} FROM {table} {order}")
            database.executemany(f"INSERT INTO other_{table} {insertion(columns)}", rows)


def _add(database: sqlite3.Connection, target: Path, other: Path) -> None:
    """Add the rows of the other store."""
    differing = database.execute(
        "SELECT one.candidate, one.seed, one.epochs, one.curves, other.curves FROM run AS one "
        "JOIN other_run AS other USING (fingerprint, candidate, seed) WHERE one.curves IS NOT other.curves "
        "OR one.rate IS NOT other.rate OR one.diverged_at IS NOT other.diverged_at"
    ).fetchall()
    if differing:
        lines = [
            f"{candidate} with seed {seed} ends at {_last(one, epochs)} in {target}, but at "
            f"{_last(two, epochs)} in {other}"
            for candidate, seed, epochs, one, two in differing[:SHOWN]
        ]
        more = f"; and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise StoreError(f"nothing was merged, because runs differ: {'; '.join(lines)}{more}")
    for table, columns, word in TABLES:
        names = ", ".join((*columns, "checksum"))
        saved = "(SELECT saved FROM study WHERE definition = other_study.definition)"
        which = {"study": f"WHERE saved > coalesce({saved}, '')", "look": "ORDER BY rowid"}.get(table, "")
        into = insertion(columns).partition(" VALUES")[0]
        database.execute(f"INSERT OR {word} INTO {table} {into} SELECT {names} FROM other_{table} {which}")


def _count(database: sqlite3.Connection) -> int:
    return database.execute("SELECT count(*) FROM run").fetchone()[0]


def _last(curves: bytes, epochs: int) -> float:
    """Return the score after the last epoch."""
    return round(float(unpacked(curves, epochs)[2, -1]), 6)
