"""Checkpoints of one run of a training function: its files, and how far its report and its schedule are."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stepsize.engine.checkpoints import disk_error, not_written, warn
from stepsize.study.user_functions.training_api import Report

T = TypeVar("T")

EVERY = 60.0  # seconds between two checkpoints of a run
STATE, FILES = "run.json", "files"


@dataclass(frozen=True)
class CheckpointPlace:
    """Where the checkpoints of a run are kept, and how often, in seconds."""

    folder: str
    every: float = EVERY

    def remove(self) -> None:
        """Remove the checkpoints, and the folder around them if no other run has one in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            Path(self.folder).parent.rmdir()


class RunCheckpoint:
    """The `checkpoint` of a training function.

    `epoch` is the number of epochs that are done: 0, or more after `load` has found a checkpoint.
    """

    def __init__(
        self, place: CheckpointPlace | None, report: Report, on_message: Callable[[str], None] = warn
    ) -> None:
        self._place, self._report, self._on_message = place, report, on_message
        self._last = time.monotonic()

    @property
    def epoch(self) -> int:
        """The epochs that the run has reported."""
        return self._report.count

    def load(self, read: Callable[[Path], T]) -> T | None:
        """Return what `read(folder)` returns for the last checkpoint of this run; None if there is none.

        Call it once, before the first epoch: what the run has reported is restored, too. A checkpoint that is
        damaged counts as missing, and the one before is used.
        """
        for each in [] if self._place is None else _generations(Path(self._place.folder)):
            state = _sound_state(each)
            if state is not None:
                self._report.restore(state)
                return read(each / FILES)
        return None

    def save(self, write: Callable[[Path], Any]) -> None:
        """Call `write(folder)` to save the state after an epoch, if the last checkpoint is a minute old.

        What it writes must hold all that changes the rest of the run: weights, optimizer, random state. It
        replaces the last checkpoint when it is complete; the one before is kept. If the disk is full or the
        folder cannot be written, the run continues, and a message says so.
        """
        if self._place is None or time.monotonic() - self._last < self._place.every:
            return
        folder = Path(self._place.folder)
        new = folder / f"new-{os.getpid()}"
        try:
            self._write(new, folder / f"{self.epoch:08d}", write)
        except Exception as error:  # such as the RuntimeError of torch.save on a full disk
            reason = error if getattr(error, "strerror", None) else disk_error(new)
            if reason is None and not isinstance(error, OSError):
                raise
            self._on_message(not_written(folder.parent, reason or error))
        finally:
            shutil.rmtree(new, ignore_errors=True)
        self._last = time.monotonic()

    def _write(self, new: Path, place: Path, write: Callable[[Path], Any]) -> None:
        """Write the state of the run to the folder `new`, and rename it to `place` when it is complete."""
        shutil.rmtree(new, ignore_errors=True)
        (new / FILES).mkdir(parents=True)
        write(new / FILES)
        state = self._report.state() | {"files": _digests(new / FILES)}
        (new / STATE).write_text(json.dumps(state | {"digest": _digest(state)}))
        for path in new.rglob("*"):
            _flush(path)
        shutil.rmtree(place, ignore_errors=True)  # written before a kill, and found damaged
        os.rename(new, place)
        for old in _generations(place.parent)[2:]:
            shutil.rmtree(old, ignore_errors=True)


def _generations(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the last one first."""
    return sorted((each for each in folder.glob("[0-9]*") if each.name.isdecimal()), reverse=True)


def _sound_state(checkpoint: Path) -> dict[str, Any] | None:
    """Return the state of a checkpoint; None if anything in it is damaged."""
    try:
        state = json.loads((checkpoint / STATE).read_text())
        is_sound = state.pop("digest") == _digest(state)
        return state if is_sound and state.pop("files") == _digests(checkpoint / FILES) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _digest(state: Any) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files in a folder, by their paths in it."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _flush(path: Path) -> None:
    """Write what the system still holds of a file to the disk."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
