"""Reading and writing pickles through a pipe, without buffers and locks that a fork would inherit."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


class Reader:
    """What `pickle.load` reads a descriptor with: it has no buffer and no lock that a fork would inherit."""

    def __init__(self, descriptor: int, wait: Callable[[], None] = lambda: None) -> None:
        self._descriptor, self._wait = descriptor, wait

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; return how many bytes there were before the end."""
        view, count = memoryview(buffer).cast("B"), 0
        while count < len(view):
            self._wait()
            size = os.readv(self._descriptor, [view[count:]])
            if not size:
                break
            count += size
        return count

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer only at the end."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readline(self) -> bytes:
        """Return the bytes up to the next end of a line."""
        line = bytearray()
        while not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return bytes(line)


class Writer:
    """What `pickle.dump` writes to a descriptor with, at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: Any) -> int:
        """Write all of the data."""
        view = memoryview(data).cast("B")
        count = 0
        while count < len(view):
            count += os.write(self._descriptor, view[count:])
        return count
