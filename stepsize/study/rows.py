"""The columns of the store's tables, and the checksum of a row."""

from __future__ import annotations

import zlib
from typing import Any

RUN = ("fingerprint", "candidate", "seed", "rate", "diverged_at", "epochs", "seconds", "curves")
STUDY = ("definition", "name", "fingerprint", "saved", "cost")


def checksum(*row: Any) -> int:
    """Return the CRC-32 of the columns of a row."""
    *others, last = row
    start = zlib.crc32(ascii(others).encode())  # the same text in every version of Python
    return zlib.crc32(last if isinstance(last, bytes) else ascii(last).encode(), start)


def insertion(columns: tuple[str, ...]) -> str:
    """Return the columns of a row, with its checksum, and as many places for values."""
    return f"({', '.join(columns)}, checksum) VALUES ({', '.join('?' * (len(columns) + 1))})"
