"""The executor of a training function: makes its runs in processes, as many at a time as there are cores."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from stepsize.cores import cores
from stepsize.engine.checkpoints import warn
from stepsize.errors import require
from stepsize.hangs import Patience
from stepsize.problems.own_models import with_objects
from stepsize.process import Notice, ProcessDied
from stepsize.study.executor import Claim, Listener, LostRuns, once, unshared
from stepsize.study.jobs import Job
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run, Runs
from stepsize.study.user_functions import run_checkpoint
from stepsize.study.user_functions.function_process import FunctionProcess
from stepsize.study.user_functions.functions import pack, takes_checkpoint
from stepsize.study.user_functions.pace import Pace
from stepsize.study.user_functions.run_checkpoint import CheckpointPlace
from stepsize.study.user_functions.torch_series import ENVIRONMENT, TorchSeries
from stepsize.study.user_functions.training import Training
from stepsize.study.user_functions.worker import RunRequest


class Made(NamedTuple):
    """A job that a process has made, and its run; None if the process died each time."""

    process: int
    job: Job
    run: Run | None


class Reported(NamedTuple):
    """The share of its run that a process has made."""

    process: int
    share: float


class Packed(NamedTuple):
    """What makes runs, for their processes: its code or path, and variables of their environment."""

    code: str | bytes
    takes_checkpoint: bool
    environment: Mapping[str, str]


class FunctionExecutor:
    """An `Executor` for a training function, or a PyTorch model in series; use it as a context manager.

    Every run has one thread, since the runs share the cores. If a process dies or hangs, its run is made
    again in a new one; if it dies each time, once more at the end, when no other run is made. `on_message` is
    called, once each, with messages for people.
    """

    compile_seconds = 0.0

    def __init__(
        self,
        training: Training | TorchSeries,
        count: int | None = None,
        checkpoints: Path | None = None,
        fingerprint: str = "",
        on_message: Listener = warn,
    ) -> None:
        require("train", "scipy", "sklearn")
        self.training = training
        self._on_message = once(on_message)
        packed = packed_form(training)
        self._checkpoints = checkpoints if packed.takes_checkpoint else None
        self._fingerprint = fingerprint
        self._workers = [
            FunctionProcess(packed.code, training.name, packed.environment) for _ in range(count or cores())
        ]
        self._patience: dict[str, Patience] = defaultdict(Patience)  # by the settings of a candidate
        self._pace = Pace(len(self._workers))

    def __enter__(self) -> FunctionExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def training_seconds(self) -> float:
        """Seconds that training takes without the start-up of processes; 0 before it is known."""
        return self._pace.seconds

    @property
    def layout(self) -> str:
        """How the runs are laid out, as text."""
        count = len(self._workers)
        return f"{count} process{'es' if count > 1 else ''} of one thread"

    def execute(
        self, stage: Round, runs: Runs, advance: Callable[[float], None], claim: Claim = unshared
    ) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs` and can be claimed, one by one."""
        todo: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        missing = [job for job in stage.jobs if job.key not in runs]
        for job in stage.jobs:
            if job.key in runs:
                self._remove_checkpoint(job)  # one that was left behind
        put_off: list[Job] = []
        free = self._free(missing, claim, put_off)
        running = list(islice(free, len(self._workers)))
        self._pace.begin(time.perf_counter())
        for process, job in enumerate(running):
            todo.put(job)
            threading.Thread(target=self._work, args=(process, todo, events), daemon=True).start()
        left, finished, shown = len(running), 0, 0.0
        try:
            while left:
                event = events.get()
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, Notice):
                    self._on_message(event.text)
                    continue
                if isinstance(event, Reported):
                    self._pace.report(*event, time.perf_counter())
                    shown = max(shown, finished + self._pace.under_way)
                    advance(shown)
                    continue
                todo.put(following := next(free, None))
                left -= following is None
                if event.run is None:
                    self._pace.lose(event.process)
                    put_off.append(event.job)
                else:
                    self._pace.end(event.process, time.perf_counter())
                    finished += 1
                    yield [event.run]
                    self._remove_checkpoint(event.job)
        finally:
            for _ in self._workers:
                todo.put(None)
        yield from self._one_by_one(put_off)

    def _free(self, missing: list[Job], claim: Claim, put_off: list[Job]) -> Iterator[Job]:
        """Yield the jobs that can be claimed; those of a candidate with a job that is put off are, too."""
        for job in missing:
            if not claim((job,)):
                continue
            if any(job.candidate.name == each.candidate.name for each in put_off):
                put_off.append(job)
            else:
                yield job

    def _work(
        self, process: int, todo: queue.SimpleQueue[Job | None], events: queue.SimpleQueue[Any]
    ) -> None:
        """Make jobs until there is a None; pass to the caller's thread what was made, reports and errors."""
        worker = self._workers[process]

        def report(value: float | Notice) -> None:
            events.put(value if isinstance(value, Notice) else Reported(process, value))

        try:
            while (job := todo.get()) is not None:
                try:
                    events.put(Made(process, job, self._run(worker, job, report)))
                except ProcessDied:
                    events.put(Made(process, job, None))
        except BaseException as error:
            events.put(error)

    def _one_by_one(self, jobs: list[Job]) -> Iterator[list[Run]]:
        """Make runs with one process alone, so that they have all memory.

        Raises: LostRuns, after everything else, if the process dies again.
        """
        lost: dict[str, str] = {}
        if jobs:
            for worker in self._workers[1:]:
                worker.end()
        for job in jobs:
            if job.candidate.name in lost:
                continue
            try:
                yield [self._run(self._workers[0], job, self._only_notices)]
                self._remove_checkpoint(job)
            except ProcessDied as error:
                lost[job.candidate.name] = f"{error}, although no other run was made at the same time"
        if lost:
            raise LostRuns(lost)

    def _only_notices(self, report: float | Notice) -> None:
        if isinstance(report, Notice):
            self._on_message(report.text)

    def _run(self, worker: FunctionProcess, job: Job, report: Callable[[float | Notice], None]) -> Run:
        """Make a run; `report` is called with the share of it that is made, and with messages for people."""
        request = replace(run_request(self.training, job), checkpoint=self._checkpoint(job))

        def on_epoch(value: int | Notice) -> None:
            report(value if isinstance(value, Notice) else value / request.epochs)

        patience = self._patience[job.candidate.settings_text]
        curves, diverged_at = worker.run(request, on_epoch, job.candidate.key(job.rate), patience)
        return Run(job.name, job.seed, job.rate, diverged_at, curves)

    def _checkpoint(self, job: Job) -> CheckpointPlace | None:
        """Return where a run is saved; the name changes with everything that changes the run."""
        if self._checkpoints is None:
            return None
        identity = repr((self._fingerprint, *job.key)).encode()
        folder = self._checkpoints.absolute() / hashlib.sha256(identity).hexdigest()[:16]
        return CheckpointPlace(str(folder), run_checkpoint.EVERY)

    def _remove_checkpoint(self, job: Job) -> None:
        if self._checkpoints is not None and self._checkpoints.exists():
            place = self._checkpoint(job)
            assert place is not None
            place.remove()

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()


def packed_form(training: Training | TorchSeries) -> Packed:
    """Return what makes the runs in the form for their processes."""
    if isinstance(training, TorchSeries):
        return Packed(training.packed(), False, ENVIRONMENT)
    return Packed(pack(training.function), takes_checkpoint(training.function), {})


def run_request(training: Training | TorchSeries, job: Job) -> RunRequest:
    """Return what a process needs to make a run."""
    if isinstance(training, TorchSeries):
        return training.request(job)
    settings = with_objects(job.candidate.settings)
    if job.candidate.momentum is not None:
        settings["momentum"] = job.candidate.momentum
    return RunRequest(
        str(job.candidate.at(job.rate)), settings, job.seed, training.epochs,
        training.updates_per_epoch_with(settings), training.metric, training.is_share, counts=job.again,
    )  # fmt: skip
