"""The tables of a store, their columns, and the checksum of a row."""

from __future__ import annotations

import json
import sqlite3
import zlib
from typing import Any

RUN = ("fingerprint", "candidate", "seed", "rate", "diverged_at", "epochs", "seconds", "curves")
STUDY = ("definition", "name", "fingerprint", "saved", "cost")
LOOK = ("fingerprint", "candidates", "seeds")
SCHEMA = """
CREATE TABLE IF NOT EXISTS study (
    definition TEXT PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, saved TEXT NOT NULL,
    cost TEXT, checksum INTEGER
);
CREATE TABLE IF NOT EXISTS run (
    fingerprint TEXT NOT NULL, candidate TEXT NOT NULL, seed INTEGER NOT NULL, rate REAL,
    diverged_at INTEGER, epochs INTEGER NOT NULL, seconds REAL NOT NULL DEFAULT 0, curves BLOB NOT NULL,
    checksum INTEGER,
    PRIMARY KEY (fingerprint, candidate, seed)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS look (
    number INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, candidates TEXT NOT NULL, seeds TEXT NOT NULL,
    checksum INTEGER,
    UNIQUE (fingerprint, candidates, seeds)
);
CREATE TABLE IF NOT EXISTS process (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, pid INTEGER NOT NULL, beats INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim (
    fingerprint TEXT NOT NULL, candidate TEXT NOT NULL, seed INTEGER NOT NULL, process TEXT NOT NULL,
    PRIMARY KEY (fingerprint, candidate, seed)
) WITHOUT ROWID;
"""


def checksum(*row: Any) -> int:
    """Return the CRC-32 of the columns of a row."""
    *others, last = row
    start = zlib.crc32(ascii(others).encode())  # the same text in every version of Python
    return zlib.crc32(last if isinstance(last, bytes) else ascii(last).encode(), start)


def insertion(columns: tuple[str, ...]) -> str:
    """Return the columns of a row, with its checksum, and as many places for values."""
    return f"({', '.join(columns)}, checksum) VALUES ({', '.join('?' * (len(columns) + 1))})"


def is_look(candidates: Any, seeds: Any) -> bool:
    """Return whether both are lists in JSON, one of texts and one of whole numbers, and neither is empty."""
    try:
        lists = (json.loads(candidates), str), (json.loads(seeds), int)
    except (TypeError, ValueError, RecursionError):
        return False
    return all(isinstance(x, list) and x and all(isinstance(y, kind) for y in x) for x, kind in lists)


def add_checksums(database: sqlite3.Connection) -> None:
    """Add the columns that the tables of an older format lack.

    A look that cannot be read gets no checksum, so that it counts as damaged.
    """
    database.create_function("checksum", -1, checksum, deterministic=True)
    database.create_function("is_look", 2, is_look, deterministic=True)
    for table, columns in (("run", RUN), ("study", STUDY), ("look", LOOK)):
        present = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
        if table == "run" and "seconds" not in present:
            database.execute("ALTER TABLE run ADD COLUMN seconds REAL NOT NULL DEFAULT 0")
        if "checksum" not in present:
            intact = " WHERE is_look(candidates, seeds)" if table == "look" else ""
            database.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
            database.execute(f"UPDATE {table} SET checksum = checksum({', '.join(columns)}){intact}")
