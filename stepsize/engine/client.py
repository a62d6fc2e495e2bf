"""The caller's side of the training process: start it, send it tasks, restart it if it dies."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from stepsize.engine import checkpoints
from stepsize.engine.checkpoints import Checkpoint
from stepsize.engine.planner import Layout, Machine
from stepsize.engine.task import Block, Curves, Ending, Noise, Task
from stepsize.errors import EngineError, require
from stepsize.hangs import Patience
from stepsize.process import BROKEN, Child, Notice, ProcessDied, WorkerError

ATTEMPTS = 3  # for one request, if the process dies
OUT_OF_MEMORY = re.compile("RESOURCE_EXHAUSTED|MemoryError|[Oo]ut of memory")


class Engine:
    """A `Trainer` in a process of its own; use it as a context manager.

    If the process dies or hangs (out of memory, a crash, a signal), the request is made again in a new one.
    `machine` is what populations are laid out for, in place of the machine that the process runs on.
    """

    def __init__(self, machine: Machine | None = None) -> None:
        require("train", "jax", "keras")
        self._machine = machine
        self._opened: dict[str, tuple[Task, int, int]] = {}
        self._layouts: dict[str, Layout] = {}
        self._present: set[str] = set()  # the populations of the process that runs now
        self._patience: dict[tuple[str, str], Patience] = defaultdict(Patience)
        self.compile_seconds = 0.0
        self._child: Child | None = _start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process number of the training process."""
        assert self._child is not None
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
            self._present.add(key)
        return self._layouts[key]

    def train(
        self,
        key: str,
        blocks: Sequence[Block],
        on_progress: Callable[[float | Notice], None] = lambda share: None,
        checkpoint: Path | None = None,
    ) -> list[Curves]:
        """Train the blocks of one call; `on_progress` is called with the fraction completed.

        It is also called with messages for people, as a `Notice`. A call that takes long saves its state in
        the file `checkpoint`, and continues from there when it is made again.

        Raises: ProcessDied if the process dies each time, EngineError for any other failure.
        """
        saved = None if checkpoint is None else Checkpoint(checkpoint.absolute(), checkpoints.EVERY)
        curves, seconds = self._ask(("train", key, list(blocks), saved), on_progress)
        self.compile_seconds += seconds
        return curves

    def final_weights(self, key: str, block: Block, member: int) -> Ending:
        """Train a block once more; return how run number `member` of it ends.

        Raises: ProcessDied if the process dies each time, EngineError for any other failure.
        """
        return self._ask(("weights", key, block, member))

    def gradient_noise(self, key: str, blocks: Sequence[Block], epochs: Sequence[int]) -> list[list[Noise]]:
        """Train the first run of each block once more; return the noise of its gradients after some epochs.

        Raises: ProcessDied if the process dies each time, EngineError for any other failure.
        """
        return self._ask(("noise", key, list(blocks), list(epochs)))

    def close(self) -> None:
        """End the training process."""
        if self._child is not None:
            self._child.end()

    def _ask(
        self, request: tuple[Any, ...], on_progress: Callable[[float | Notice], None] = lambda share: None
    ) -> Any:
        last_output = ""
        for _ in range(ATTEMPTS):
            if self._child is None:
                self._child, self._present = _start(), set()
            child = self._child
            try:
                self._reopen(child, request)
                return child.ask(request, on_progress, self._patience[request[:2]])
            except BROKEN:
                self._child, last_output = None, child.reap()
            except WorkerError as error:
                message = (
                    f"training failed with {error.summary}; the whole message is in {error.traceback_path}"
                )
                if not OUT_OF_MEMORY.search(error.summary):
                    raise EngineError(message) from None
                child.end()  # with the memory that it holds
                self._child = None
                raise ProcessDied(message) from None
        raise ProcessDied(f"the training process died {ATTEMPTS} times {last_output}")

    def _reopen(self, child: Child, request: tuple[Any, ...]) -> None:
        """Open in a new process the population of `request`."""
        kind, key, *_ = request
        if kind != "open" and key not in self._present:
            child.ask(("open", key, *self._opened[key], self._machine))
            self._present.add(key)


def _start() -> Child:
    return Child("stepsize.engine.worker", KERAS_BACKEND="jax")
