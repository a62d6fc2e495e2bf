"""Processes that make the runs of a training function, as many at a time as there are cores."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from stepsize.errors import EngineError, require
from stepsize.process import BROKEN, Child, cores
from stepsize.study.protocol import Job, Round
from stepsize.study.store import Run, Runs
from stepsize.study.user_functions.functions import pack
from stepsize.study.user_functions.training import Training
from stepsize.study.user_functions.worker import Errand

ATTEMPTS = 3  # of one run, when the process dies under it
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Workers:
    """Processes for one training function; use it as a context manager.

    Every run has one thread: the cores are shared out among runs. A run under which its process dies is made
    again in a fresh one.
    """

    compile_seconds = 0.0
    training_seconds = 0.0

    def __init__(self, training: Training, count: int | None = None) -> None:
        require("train", "scipy", "sklearn")
        self.training = training
        packed = pack(training.function)
        self._workers = [Worker(packed, training.name) for _ in range(count or cores())]

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def layout(self) -> str:
        """How the runs are laid out, in words."""
        count = len(self._workers)
        return f"{count} process{'es' if count > 1 else ''} of one thread"

    @property
    def watched(self) -> tuple[str, ...]:
        """What a factor that a metric drives can observe, if the function reports it."""
        return ("val_loss", "loss", self.training.metric, f"val_{self.training.metric}")

    def make(self, stage: Round, runs: Runs, advance: Callable[[float], None]) -> Iterator[list[Run]]:
        """Make the runs of a round that are not in `runs`, each as it is ready; tell how many are done."""
        todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        lacking = [job for job in stage.jobs if job.key not in runs]
        for job in lacking:
            todo.put(job)
        for worker in self._workers[: len(lacking)]:
            threading.Thread(target=self._serve, args=(worker, todo, heard), daemon=True).start()
        left, epochs = len(lacking), 0
        began, before = time.perf_counter(), self.training_seconds
        while left:
            item = heard.get()
            self.training_seconds = before + time.perf_counter() - began
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, Run):
                left -= 1
                yield [item]
            else:
                epochs += 1
                advance(min(epochs / self.training.epochs, len(lacking)))

    def _serve(self, worker: Worker, todo: queue.SimpleQueue[Job], heard: queue.SimpleQueue[Any]) -> None:
        """Make runs until none is left; put what happens where the caller's thread hears it."""
        try:
            while True:
                job = todo.get_nowait()
                name = job.candidate.key(job.rate)
                curves, diverged_at = worker.make(self._errand(job), heard.put, name)
                heard.put(Run(name, job.seed, job.rate, diverged_at, curves))
        except queue.Empty:
            pass
        except BaseException as error:
            heard.put(error)

    def _errand(self, job: Job) -> Errand:
        settings = dict(job.candidate.settings)
        if job.candidate.momentum is not None:
            settings["momentum"] = job.candidate.momentum
        return Errand(
            str(job.candidate.at(job.rate)), settings, job.seed, self.training.epochs,
            self.training.updates_per_epoch, self.training.metric, self.training.is_share,
        )  # fmt: skip

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()


class Worker:
    """One process that runs the function; it starts with its first run."""

    def __init__(self, packed: str | bytes, name: str) -> None:
        self._packed, self._name = packed, name
        self._child: Child | None = None
        self._closed = False

    def make(self, errand: Errand, on_epoch: Callable[[str], None], candidate: str) -> tuple[Any, int | None]:
        """Make one run; give its curves and the update at which it diverged, or None."""
        said = ""
        for _ in range(ATTEMPTS):
            fresh = self._child is None
            child = self._child or self._start()
            try:
                if fresh:
                    child.send(self._packed)
                return self._converse(child, errand, on_epoch, f"{candidate}, seed {errand.seed}")
            except BROKEN:
                self._child, said = None, child.last_words()
        raise EngineError(f"the process that trains {self._name!r} died {ATTEMPTS} times {said}")

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        if self._child is not None:
            self._child.end()

    def _start(self) -> Child:
        if self._closed:
            raise EngineError("training was ended")
        self._child = Child("stepsize.study.user_functions.worker", **dict.fromkeys(ONE_THREAD, "1"))
        return self._child

    def _converse(
        self, child: Child, errand: Errand, on_epoch: Callable[[str], None], run: str
    ) -> tuple[Any, int | None]:
        child.send(errand)
        while True:
            kind, *answer = child.receive()
            if kind == "made":
                return answer[0], answer[1]
            if kind == "refused":
                raise type(answer[0])(f"{self._name}, {run}: {answer[0]}")
            if kind == "raised":
                said, where = answer
                raise EngineError(f"{self._name} raised {said} ({run}); its traceback is in {where}")
            on_epoch(kind)
