"""Checkpoints of a call that takes long: named arrays in one file, and the file before it.

A file is written beside its place and moved there when it is complete. It is a `.npz` archive without
pickles, followed by its SHA-256. A file that is damaged counts as missing. One that cannot be written does
not end the training, but the user is told.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.errors import first_line

EVERY = 60.0  # seconds of training between two checkpoints of a call
DIGEST = hashlib.sha256().digest_size
PROBE = 1 << 20  # bytes that a disk which is not full has room for


def disk_error(folder: Path) -> OSError | None:
    """Return why a file cannot be written to a folder; None if it can."""
    try:
        with (folder / f"probe-{os.getpid()}").open("wb") as file:
            os.unlink(file.name)
            file.write(bytes(PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def not_written(folder: str | Path, error: Exception) -> str:
    """Return the message for people that checkpoints cannot be written to a folder."""
    reason = getattr(error, "strerror", None) or first_line(error)
    return (
        f"Checkpoints cannot be written to {folder}: {reason}. Training continues, but a "
        "run that is stopped now starts again from an earlier checkpoint, or from its first epoch. Free some "
        "space or make the folder writable: a checkpoint is tried again every minute."
    )


def warn(message: str) -> None:
    """Issue a message as a Python warning, where nobody listens for messages."""
    warnings.warn(message, RuntimeWarning, stacklevel=2)


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of a call is kept while it trains, and how often, in seconds.

    `on_message` is called with a message for people each time that the state cannot be written.
    """

    path: Path
    every: float
    on_message: Callable[[str], None] = warn

    @property
    def previous(self) -> Path:
        """The file of the checkpoint before the last one."""
        return self.path.with_name(f"{self.path.name}.previous")

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the last checkpoint by a new one, and keep it as the one before.

        If the disk is full or the folder cannot be written, the last checkpoint stays, and `on_message` is
        called.
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
        except OSError as error:
            reason = error if error.strerror else disk_error(self.path.parent) or error  # NumPy's has none
            with suppress(OSError):
                new.unlink()
            self.on_message(not_written(self.path.parent, reason))

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
        """Remove the files, those that a kill left half written, and the folder if nothing else is in it."""
        with suppress(OSError):  # such as a folder that is read-only by now
            for path in (self.path, *self.path.parent.glob(f"{self.path.name}.*")):
                path.unlink(missing_ok=True)
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
