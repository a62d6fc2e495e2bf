"""A trainer that several threads share: they take turns, call by call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from stepsize.engine.planner import Layout
from stepsize.engine.task import Block, Curves, Task
from stepsize.engine.trainer import Trainer
from stepsize.process import Notice


class Turns:
    """A `Trainer` for several threads: a long map of rates lets an answer through between its calls."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._lock = threading.Lock()

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far, for all threads."""
        return self._trainer.compile_seconds

    def open(self, key: str, task: Task, candidates: int, seeds: int) -> Layout:
        """Prepare a population, as `Trainer.open` does."""
        with self._lock:
            return self._trainer.open(key, task, candidates, seeds)

    def train(
        self,
        key: str,
        blocks: Sequence[Block],
        on_progress: Callable[[float | Notice], None] = lambda share: None,
        checkpoint: Path | None = None,
    ) -> list[Curves]:
        """Train the blocks of one call, as `Trainer.train` does."""
        with self._lock:
            return self._trainer.train(key, blocks, on_progress, checkpoint)
