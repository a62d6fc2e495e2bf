"""The caller's side of the training process: start it, send it tasks, restart it if it dies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from stepsize.engine.planner import Layout, Machine
from stepsize.engine.task import Block, Curves, Task
from stepsize.errors import EngineError, require
from stepsize.process import BROKEN, Child, WorkerError

ATTEMPTS = 3  # for one request, if the process dies


class Engine:
    """A `Trainer` in a process of its own; use it as a context manager.

    If the process dies (out of memory, a crash), the request is made again in a new one. `machine` is what
    populations are laid out for, in place of the machine that the process runs on.
    """

    def __init__(self, machine: Machine | None = None) -> None:
        require("train", "jax", "keras")
        self._machine = machine
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
        """Prepare the population `key` for `seeds` seeds with `candidates` runs each; return its layout.

        A key that is open already keeps its population: `task` must be the same as before.

        Raises: NotShared if the runs of the task must have programs of their own; InputError for settings
        that cannot be used.
        """
        if key not in self._layouts:
            self._layouts[key] = self._ask(("open", key, task, candidates, seeds, self._machine))
            self._opened[key] = (task, candidates, seeds)
        return self._layouts[key]

    def train(
        self, key: str, blocks: Sequence[Block], on_progress: Callable[[float], None] = lambda share: None
    ) -> list[Curves]:
        """Train the blocks of one call; `on_progress` is called with the fraction completed."""
        curves, seconds = self._ask(("train", key, list(blocks)), on_progress)
        self.compile_seconds += seconds
        return curves

    def close(self) -> None:
        """End the training process."""
        self._child.end()

    def _ask(
        self, request: tuple[Any, ...], on_progress: Callable[[float], None] = lambda share: None
    ) -> Any:
        last_output = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if attempt > 1:
                    self._child = _start()
                    self._reopen(request)
                return self._child.ask(request, on_progress)
            except BROKEN:
                last_output = self._child.reap()
            except WorkerError as error:
                raise EngineError(
                    f"training failed with {error.summary}; the whole message is in {error.traceback_path}"
                ) from None
        raise EngineError(f"the training process died {ATTEMPTS} times {last_output}")

    def _reopen(self, request: tuple[Any, ...]) -> None:
        """Open in a new process what was open in the last one, except what `request` opens."""
        for key, arguments in self._opened.items():
            if request[:2] != ("open", key):
                self._child.ask(("open", key, *arguments, self._machine))


def _start() -> Child:
    return Child("stepsize.engine.worker", KERAS_BACKEND="jax")
