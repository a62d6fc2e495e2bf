"""Train the runs that a study lacks, and keep every finished call in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from stepsize.study.executor import Executor, LostRuns
from stepsize.study.protocol import Round, rounds, total_runs
from stepsize.study.stores.claims import Claims
from stepsize.study.stores.store import Run, Runs, Store
from stepsize.study.study import Study


@dataclass
class Progress:
    """How far a study is: `done` of `total` runs; `found` of them were in the store at the start."""

    total: int
    found: int
    done: float
    stage: str = ""
    rate: float = 0.0  # runs per second, of those trained now; 0 before it is known

    @property
    def remaining(self) -> float | None:
        """Seconds to go at this rate; None before it is known from a run at least."""
        is_known = self.rate > 0 and self.done - self.found >= 1
        return (self.total - self.done) / self.rate if is_known else None


@dataclass(frozen=True)
class Cost:
    """What a study cost in this process; compilation is in `seconds` but not in `runs_per_second`."""

    runs: int = 0
    seconds: float = 0.0
    runs_per_second: float = 0.0
    compile_seconds: float = 0.0
    layout: str = ""

    def __add__(self, other: Cost) -> Cost:
        """Return the cost of two steps of a study, the second one last."""
        steps = [cost for cost in (self, other) if cost.runs_per_second]
        training = sum(cost.runs / cost.runs_per_second for cost in steps)
        return Cost(
            runs=self.runs + other.runs,
            seconds=self.seconds + other.seconds,
            runs_per_second=sum(cost.runs for cost in steps) / training if training else 0.0,
            compile_seconds=self.compile_seconds + other.compile_seconds,
            layout=other.layout or self.layout,
        )


def run_study(
    study: Study,
    store: Store,
    executor: Executor,
    listen: Callable[[Progress], None] = lambda progress: None,
    plan: Callable[[Study, Runs], Iterator[Round]] = rounds,
    count: Callable[[Study, Runs], int] = total_runs,
) -> Cost:
    """Train every run that `study` needs and `store` lacks; afterwards the store has them all.

    Other processes may do the same at the same time: each makes a part of the runs.

    `plan` yields the rounds up to the first that is not finished, `count` says how many runs they have.
    """
    runs = store.runs(study.fingerprint)
    progress = Progress(count(study, runs), 0, 0)
    stored, trained, timed, began = 0, 0, 0.0, time.perf_counter()
    trained_before, compiled_before = executor.training_seconds, executor.compile_seconds
    with Claims(store, study.fingerprint, runs) as claims:

        def note(done: float) -> None:
            nonlocal timed
            progress.found = stored + claims.taken_over
            progress.done = progress.found + trained + done
            training = executor.training_seconds - trained_before
            if training > 0 and training != timed:  # else these seconds do not include what was made since
                progress.rate, timed = (trained + done) / training, training

        def advance(done: float) -> None:
            note(done)
            listen(progress)

        for stage in plan(study, runs):
            stored += sum(job.key in runs for job in stage.jobs)
            progress.stage, progress.total = stage.name, count(study, runs)
            while any(job.key not in runs for job in stage.jobs):
                advance(0)
                since, new = time.perf_counter(), 0
                for finished in executor.execute(stage, runs, advance, claims.claim):
                    finished, since = _timed(finished, since)
                    store.add(study.fingerprint, finished)
                    new += sum((run.candidate, run.seed) not in runs for run in finished)
                    for run in finished:
                        runs.setdefault((run.candidate, run.seed), run)
                trained += new
                if not claims.wait(stage.jobs, lambda: advance(0)):
                    break
    if trained and (lost := len(runs.keys() - store.runs(study.fingerprint).keys())):
        # in a damaged file, a row that cannot be found may keep another one from being added
        raise store.damage(f"{lost} of the runs that were just trained cannot be read back")
    note(0)
    seconds = time.perf_counter() - began
    return Cost(
        runs=trained,
        seconds=seconds,
        runs_per_second=progress.rate or trained / seconds,
        compile_seconds=executor.compile_seconds - compiled_before,
        layout=executor.layout,
    )


def run_candidates(
    study: Study,
    store: Store,
    executor: Executor,
    listen: Callable[[Progress], None] = lambda progress: None,
) -> Cost:
    """Train every run that `study` needs, as `run_study` does.

    Raises: LostRuns if some candidates cannot be trained; the store has the runs of the others then.
    """
    lost: dict[str, str] = {}
    while others := tuple(each for each in study.candidates if each.name not in lost):
        names = [each.name for each in others]
        baseline = study.baseline if study.baseline in names else names[0]
        try:
            cost = run_study(replace(study, candidates=others, baseline=baseline), store, executor, listen)
        except LostRuns as error:
            if error.reasons.keys() <= lost.keys():
                break
            lost |= error.reasons
        else:
            if lost:
                break
            return cost
    raise LostRuns(lost)


def _timed(finished: list[Run], since: float) -> tuple[list[Run], float]:
    """Return runs with their shares of the time since the last ones, and the time now."""
    now = time.perf_counter()
    return [replace(run, seconds=(now - since) / len(finished)) for run in finished], now
