"""Check a store for damage, and repair it by keeping everything that is intact."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepsize.errors import StoreError, first_line
from stepsize.study.stores.rows import LOOK, RUN, STUDY, checksum, insertion, is_look
from stepsize.study.stores.store import APPLICATION, DAMAGED, FORMAT, Store

HEADER = 100  # bytes at the beginning of a database
PROBLEMS = 20  # of the file, as SQLite describes them


@dataclass(frozen=True)
class StoreCheck:
    """What a store holds, and which parts of it are damaged.

    `runs` and `studies` count those that are intact; `damaged_runs` lists damaged runs by candidate and seed.
    `file_problems` are SQLite's own messages about the file: rows in a damaged page may be missing without a
    trace.
    """

    path: Path
    format: int
    runs: int
    studies: int
    damaged_runs: list[tuple[str, int]] = field(default_factory=list)
    damaged_studies: int = 0
    damaged_looks: int = 0
    file_problems: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not (self.damaged_runs or self.damaged_studies or self.damaged_looks or self.file_problems)


@dataclass(frozen=True)
class _Content:
    """The intact rows of a store, and the keys of the others."""

    runs: list[tuple[Any, ...]]
    studies: list[tuple[Any, ...]]
    looks: list[tuple[Any, ...]]
    damaged_runs: list[tuple[str, int]]
    damaged_studies: int
    damaged_looks: int


@dataclass(frozen=True)
class _Source:
    """An open store, its format, and what is known to be wrong with it."""

    database: sqlite3.Connection
    version: int
    problems: list[str]


def check_store(path: str | Path) -> StoreCheck:
    """Return what is damaged in a store; the file is only read.

    Every row has a checksum, and SQLite checks the structure of the file. A store of format 1 has no
    checksums, and one of format 2 none of looks.

    Raises: StoreError for a file that is missing, or is not a store.
    """
    with _opened(path) as source:
        content = _content(source.database)
        return StoreCheck(
            Path(path),
            source.version,
            len(content.runs),
            len(content.studies),
            content.damaged_runs,
            content.damaged_studies,
            content.damaged_looks,
            source.problems + _file_problems(source.database),
        )


def repair_store(path: str | Path) -> Path:
    """Replace a store by one with its intact rows; return the path under which the damaged file is kept.

    Runs that are lost are trained again when their study is run again.

    Raises: StoreError for a file that is missing, is not a store, or cannot be replaced.
    """
    path = Path(path)
    with _opened(path) as source:
        content = _content(source.database)
    new, old = _free(path, "repaired"), _free(path, "damaged")
    try:
        with Store(new):
            pass
        with closing(sqlite3.connect(new)) as database:
            runs, studies = _with_checksums(content.runs), _with_checksums(content.studies)
            database.executemany(f"INSERT OR IGNORE INTO run {insertion(RUN)}", runs)
            database.executemany(f"INSERT OR IGNORE INTO study {insertion(STUDY)}", studies)
            looks = _with_checksums(content.looks)
            database.executemany(f"INSERT OR IGNORE INTO look {insertion(LOOK)}", looks)
            database.commit()
            database.execute("PRAGMA journal_mode = DELETE")  # one file, which can be moved
        for end in ("-wal", "-shm"):
            if (beside := path.with_name(path.name + end)).exists():
                os.replace(beside, old.with_name(old.name + end))
        os.replace(path, old)
        os.replace(new, path)
    except (OSError, sqlite3.Error, StoreError) as error:
        with suppress(OSError):
            new.unlink()
        raise StoreError(
            f"store={str(path)!r} cannot be repaired: {error}; copy it to a folder that can be written, and "
            "repair the copy"
        ) from None
    return old


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the system raises about a file into StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"store={str(path)!r} cannot be read: {error}") from None


@contextmanager
def _opened(path: str | Path) -> Iterator[_Source]:
    """Open a store for reading only; one that was cut off is read from a copy that is padded with zeros.

    Raises: StoreError if it is missing, not a store, or of a newer format.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"store={str(path)!r} does not exist")
    with ExitStack() as stack:
        stack.enter_context(_readable(path))
        with path.open("rb") as file:
            header, size = file.read(HEADER), path.stat().st_size
        if len(header) < HEADER or int.from_bytes(header[68:72]) != APPLICATION:
            raise StoreError(f"store={str(path)!r} is not a stepsize store")
        if (version := int.from_bytes(header[60:64])) > FORMAT:
            raise StoreError(
                f"store={str(path)!r} has format {version}, and this version of stepsize reads formats up to "
                f"{FORMAT}; update it with pip install -U stepsize"
            )
        page = int.from_bytes(header[16:18])
        whole = (65536 if page == 1 else page) * int.from_bytes(header[28:32])
        problems, source = [], path
        if size < whole:
            problems.append(f"cut off after {size:,} of {whole:,} bytes")
            source = Path(stack.enter_context(TemporaryDirectory())) / "store.sqlite"
            shutil.copyfile(path, source)
            os.truncate(source, whole)
        # A log beside it means that it is open somewhere, or was when its process was killed.
        is_open = source.with_name(f"{source.name}-wal").exists()
        address = f"{source.absolute().as_uri()}?{'mode=ro' if is_open else 'immutable=1'}"
        database = stack.enter_context(closing(sqlite3.connect(address, uri=True, timeout=30)))
        database.text_factory = partial(str, encoding="utf-8", errors="replace")  # damaged text is read too
        try:
            database.execute("SELECT count(*) FROM sqlite_master")
        except DAMAGED as error:  # the definition of one table, for which SQLite refuses all of them
            problems.append(first_line(error))
            database.execute("PRAGMA writable_schema = ON")
        yield _Source(database, version, problems)


def _content(database: sqlite3.Connection) -> _Content:
    """Return the intact rows of a store, and which rows are damaged."""
    runs, damaged_runs = _parts(database, "run", RUN, "fingerprint, candidate, seed")
    studies, damaged_studies = _parts(database, "study", STUDY, "rowid")
    looks, damaged_looks = _parts(database, "look", LOOK, "number")
    keys = [(candidate, seed) for _, candidate, seed, *_ in damaged_runs]
    return _Content(runs, studies, looks, keys, len(damaged_studies), len(damaged_looks))


def _parts(
    database: sqlite3.Connection, table: str, columns: tuple[str, ...], order: str
) -> tuple[list[Any], list[Any]]:
    """Return the intact rows of a table and the others, without their checksums."""
    present = {row[1] for row in _until_damage(database, f"PRAGMA table_info({table})") if row is not None}
    if not present:
        return [], []  # format 1 has no looks
    names = ", ".join(name if name in present else "0.0" for name in columns)  # format 1 has no seconds
    intact, damaged = [], []
    if "checksum" in present:
        for *values, stored in _rows(database, table, f"{names}, checksum", order):
            (intact if stored == checksum(*values) else damaged).append(tuple(values))
    else:
        for row in _rows(database, table, names, order):
            (intact if table != "look" or is_look(*row[1:]) else damaged).append(row)
    return intact, damaged


def _rows(database: sqlite3.Connection, table: str, names: str, order: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table that can be read, from both ends: a damaged page ends a pass."""
    forward = list(_until_damage(database, f"SELECT {names} FROM {table} ORDER BY {order}"))
    yield from (row for row in forward if row is not None)
    if forward and forward[-1] is None:
        seen = {row[:3] for row in forward if row is not None}
        backward = ", ".join(f"{name} DESC" for name in order.split(", "))
        last = list(_until_damage(database, f"SELECT {names} FROM {table} ORDER BY {backward}"))
        yield from (row for row in reversed(last) if row is not None and row[:3] not in seen)


def _until_damage(database: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...] | None]:
    """Yield the rows of a query, and None where a damaged page ends it."""
    try:
        yield from database.execute(query)
    except DAMAGED:
        yield None


def _file_problems(database: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong with the file."""
    try:
        rows = [row[0] for row in database.execute(f"PRAGMA integrity_check({PROBLEMS})")]
    except DAMAGED as error:
        return [str(error)]
    lines = [line for text in rows for line in text.splitlines() if not line.startswith("***")]
    return [] if lines == ["ok"] else lines


def _with_checksums(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(*row, checksum(*row)) for row in rows]


def _free(path: Path, ending: str) -> Path:
    """Return a path beside another one that is not taken yet."""
    name, number = f"{path.name}.{ending}", 1
    while path.with_name(name).exists():
        number += 1
        name = f"{path.name}.{ending}{number}"
    return path.with_name(name)
