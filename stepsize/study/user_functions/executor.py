"""The executor of a training function: makes its runs in processes, as many at a time as there are cores."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from stepsize.errors import EngineError, InputError, require
from stepsize.process import BROKEN, Child, Progress, WorkerError, cores
from stepsize.study.jobs import Job
from stepsize.study.protocol import Round
from stepsize.study.store import Run, Runs
from stepsize.study.user_functions.functions import pack
from stepsize.study.user_functions.training import Training
from stepsize.study.user_functions.worker import CountRequest, RunRequest

ATTEMPTS = 3  # for one run, if the process dies
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class FunctionExecutor:
    """An `Executor` for one training function; use it as a context manager.

    Every run has one thread, since the runs share the cores. If a process dies, its run is
    made again in a new one.
    """

    compile_seconds = 0.0
    training_seconds = 0.0

    def __init__(self, training: Training, count: int | None = None) -> None:
        require("train", "scipy", "sklearn")
        self.training = training
        packed = pack(training.function)
        self._workers = [FunctionProcess(packed, training.name) for _ in range(count or cores())]

    def __enter__(self) -> FunctionExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def layout(self) -> str:
        """How the runs are laid out, as text."""
        count = len(self._workers)
        return f"{count} process{'es' if count > 1 else ''} of one thread"

    def execute(self, stage: Round, runs: Runs, advance: Callable[[float], None]) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs`, each as soon as it is finished."""
        todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
        events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        missing = [job for job in stage.jobs if job.key not in runs]
        for job in missing:
            todo.put(job)
        for worker in self._workers[: len(missing)]:
            threading.Thread(target=self._work, args=(worker, todo, events), daemon=True).start()
        left, epochs = len(missing), 0
        began, before = time.perf_counter(), self.training_seconds
        while left:
            event = events.get()
            self.training_seconds = before + time.perf_counter() - began
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Run):
                left -= 1
                yield [event]
            else:  # an epoch of some run
                epochs += 1
                advance(min(epochs / self.training.epochs, len(missing)))

    def _work(
        self, worker: FunctionProcess, todo: queue.SimpleQueue[Job], events: queue.SimpleQueue[Any]
    ) -> None:
        """Make runs until none is left; put runs, epochs and errors where the caller's thread sees them."""
        try:
            while True:
                job = todo.get_nowait()
                curves, diverged_at = worker.run(
                    run_request(self.training, job), events.put, job.candidate.key(job.rate)
                )
                events.put(Run(job.name, job.seed, job.rate, diverged_at, curves))
        except queue.Empty:
            pass
        except BaseException as error:
            events.put(error)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()


def run_request(training: Training, job: Job) -> RunRequest:
    """Return what a process needs to make a run."""
    settings = dict(job.candidate.settings)
    if job.candidate.momentum is not None:
        settings["momentum"] = job.candidate.momentum
    return RunRequest(
        str(job.candidate.at(job.rate)), settings, job.seed, training.epochs,
        training.updates_per_epoch_with(settings), training.metric, training.is_share, counts=job.again,
    )  # fmt: skip


class FunctionProcess:
    """One process that runs the function; it starts with its first run."""

    def __init__(self, packed: str | bytes, name: str) -> None:
        self._packed, self._name = packed, name
        self._child: Child | None = None
        self._closed = False

    def run(
        self, request: RunRequest, on_epoch: Callable[[int], None], candidate: str
    ) -> tuple[Any, int | None]:
        """Make one run; return its curves and the update at which it diverged, or None."""
        return self._ask(("run", request), f"{candidate}, seed {request.seed}", on_epoch)

    def count(self, request: CountRequest) -> tuple[int | None, int]:
        """Count the updates of an epoch, as `worker.count_updates` does."""
        return self._ask(("count", request), "counting its updates")

    def digest(self) -> str:
        """Return the digest of the function's code as the process has it."""
        return self._ask(("digest", None), "reading its code")

    def _ask(self, request: Any, run: str, on_progress: Progress = lambda value: None) -> Any:
        """Ask the process, or a new one if it died; `run` names the request in errors."""
        last_output = ""
        for _ in range(ATTEMPTS):
            child = self._child
            try:
                if child is None:
                    child = self._start()
                    child.ask(("function", self._packed))
                return child.ask(request, on_progress)
            except BROKEN:
                assert child is not None
                self._child, last_output = None, child.reap()
            except InputError as error:
                raise type(error)(f"{self._name}, {run}: {error}") from None
            except WorkerError as error:
                raise EngineError(
                    f"{self._name} raised {error.summary} ({run}); its traceback is in {error.traceback_path}"
                ) from None
        raise EngineError(f"the process that trains {self._name!r} died {ATTEMPTS} times {last_output}")

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        if self._child is not None:
            self._child.end()

    def _start(self) -> Child:
        if self._closed:
            raise EngineError("training was stopped")
        child = Child("stepsize.study.user_functions.worker", **dict.fromkeys(ONE_THREAD, "1"))
        self._child = child
        return child
