"""The caller's side of the training process: start it, feed it, start it again when it dies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from stepsize.engine.planner import Layout
from stepsize.engine.task import Block, Curves, Task
from stepsize.errors import EngineError, require
from stepsize.process import BROKEN, Child

ATTEMPTS = 3  # of one call, when the process dies under it


class Engine:
    """A training process; use it as a context manager.

    A call under which the process dies (out of memory, a crash) is tried again in a fresh one.
    """

    def __init__(self) -> None:
        require("train", "jax", "keras")
        self._opened: dict[str, tuple[Task, int, int]] = {}
        self._layouts: dict[str, Layout] = {}
        self.compile_seconds = 0.0
        self._child = _start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process number of the training process."""
        return self._child.pid

    def open(self, key: str, task: Task, candidates: int, seeds: int) -> Layout:
        """Prepare a population called `key`, of `seeds` seeds with `candidates` runs each; give its layout.

        A key that is open already keeps its population: `task` must be what it was.
        """
        if key not in self._layouts:
            self._opened[key] = (task, candidates, seeds)
            self._layouts[key] = self._ask(("open", key, *self._opened[key]), lambda share: None)[0]
        return self._layouts[key]

    def train(
        self, key: str, blocks: Sequence[Block], on_progress: Callable[[float], None] = lambda share: None
    ) -> list[Curves]:
        """Train one call's blocks; `on_progress` hears the share that is done."""
        curves, seconds = self._ask(("train", key, list(blocks)), on_progress)
        self.compile_seconds += seconds
        return curves

    def close(self) -> None:
        """End the training process."""
        self._child.end()

    def _ask(self, request: tuple[Any, ...], on_progress: Callable[[float], None]) -> tuple[Any, ...]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._converse(request, on_progress)
            except BROKEN:
                said = self._child.last_words()
                if attempt == ATTEMPTS:
                    raise EngineError(f"the training process died {ATTEMPTS} times {said}") from None
                self._child = _start()
                self._reopen(but=request)
        raise AssertionError("unreachable")

    def _converse(self, request: tuple[Any, ...], on_progress: Callable[[float], None]) -> tuple[Any, ...]:
        self._child.send(request)
        while True:
            kind, *answer = self._child.receive()
            if kind == "refused":
                raise answer[0]
            if kind != "progress":
                return tuple(answer)
            on_progress(answer[0])

    def _reopen(self, but: tuple[Any, ...]) -> None:
        for key, opened in self._opened.items():
            if but[:2] != ("open", key):
                self._converse(("open", key, *opened), lambda share: None)


def _start() -> Child:
    return Child("stepsize.engine.worker", KERAS_BACKEND="jax")
