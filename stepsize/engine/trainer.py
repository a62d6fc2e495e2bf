"""The interface of what trains populations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from stepsize.engine.planner import Layout
from stepsize.engine.task import Block, Curves, Task
from stepsize.errors import StudyError
from stepsize.process import Notice


class NotShared(StudyError):
    """The runs of a population cannot share a program, because they set numbers that are compiled in."""


class Trainer(Protocol):
    """What trains populations: `client.Engine`, a process of its own, or any object with these methods."""

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        ...

    def open(self, key: str, task: Task, candidates: int, seeds: int) -> Layout:
        """Prepare the population `key` for `seeds` seeds with `candidates` runs each; return its layout.

        A key that is open already keeps its population: `task` must be the same as before.

        Raises: NotShared if the runs of the task must have programs of their own; InputError for settings
        that cannot be used.
        """
        ...

    def train(
        self,
        key: str,
        blocks: Sequence[Block],
        on_progress: Callable[[float | Notice], None],
        checkpoint: Path | None = None,
    ) -> list[Curves]:
        """Train the blocks of one call and return their curves, in the same order.

        Every block has `members` runs, and a call has at most `blocks` blocks, as the layout of `key` says.
        `on_progress` is called with the fraction of the call that is completed, and with messages for people.
        The state of a call that takes long may be kept in the file `checkpoint`, from which the same call
        continues when it is made again.

        Raises: ProcessDied if the process that trains dies each time.
        """
        ...
