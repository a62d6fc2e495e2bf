"""Checkpoints of a call that takes long: named arrays in one file, and the file before it.

A file is written beside its place and moved there when it is complete. It is a `.npz` archive without
pickles, followed by its SHA-256. A file that is damaged counts as missing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

EVERY = 60.0  # seconds of training between two checkpoints of a call
DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of a call is kept while it trains, and how often, in seconds."""

    path: Path
    every: float

    @property
    def previous(self) -> Path:
        """The file of the checkpoint before the last one."""
        return self.path.with_name(f"{self.path.name}.previous")

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the last checkpoint by a new one, and keep it as the one before.

        If the disk is full or the folder cannot be written, the run continues without a checkpoint.
        """
        if any(array.dtype.hasobject for array in arrays.values()):
            raise ValueError("a checkpoint holds no Python objects")
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w+b") as file:
                np.savez(file, **dict[str, Any](arrays))
                file.seek(0)
                file.write(hashlib.file_digest(file, "sha256").digest())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                os.replace(self.path, self.previous)
            os.replace(new, self.path)
        except OSError:
            with suppress(OSError):
                new.unlink()

    def load(self) -> dict[str, np.ndarray] | None:
        """Return the last checkpoint, or the one before if that is damaged; None if there is none."""
        for path in (self.path, self.previous):
            with suppress(OSError, ValueError):  # missing, or with objects
                content = path.read_bytes()
                if hashlib.sha256(content[:-DIGEST]).digest() == content[-DIGEST:]:
                    with np.load(BytesIO(content[:-DIGEST]), allow_pickle=False) as file:
                        return {name: file[name] for name in file.files}
        return None

    def remove(self) -> None:
        """Remove the files, and their folder if no other call has one in it."""
        for path in (self.path, self.previous):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.parent.rmdir()


class Clock:
    """When the next checkpoint of a call is due."""

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._every, self._last = checkpoint.every if checkpoint else float("inf"), time.monotonic()

    def is_due(self) -> bool:
        """Return whether so many seconds have passed since the start, or since this was last true."""
        if time.monotonic() - self._last < self._every:
            return False
        self._last = time.monotonic()
        return True
