"""Train what a study still lacks, call by call, and keep every finished call in the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from stepsize.engine.client import Engine
from stepsize.errors import StudyError
from stepsize.problems.problem import Problem
from stepsize.study.calls import WATCHED, Crew, split_by_settings
from stepsize.study.protocol import Job, finished_runs, next_round, total_runs
from stepsize.study.store import Run, Store
from stepsize.study.study import Study


@dataclass
class Progress:
    """How far a study is: `done` of `total` runs, `found` of them in the store from before."""

    total: int
    found: int
    done: float
    stage: str = ""
    training: float = 0.0  # seconds in the engine's calls, compilation apart

    @property
    def rate(self) -> float:
        """Runs a second, of those trained now."""
        return (self.done - self.found) / self.training if self.training else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds to go at this rate; None before the first run."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


@dataclass(frozen=True)
class Cost:
    """What a process spent on a study; compilation is in `seconds` but not in `runs_per_second`."""

    runs: int = 0
    seconds: float = 0.0
    runs_per_second: float = 0.0
    compile_seconds: float = 0.0
    layout: str = ""


def run_study(
    study: Study,
    problem: Problem,
    store: Store,
    engine: Engine,
    listen: Callable[[Progress], None] = lambda progress: None,
) -> Cost:
    """Make every run that `study` asks for and `store` lacks; afterwards the store holds them all."""
    check_metrics(study)
    runs = store.runs(study.fingerprint)
    found = finished_runs(study, runs)
    progress = Progress(total_runs(study), found, found)
    began = time.perf_counter()
    layouts: dict[str, None] = {}  # each once, in order
    while (stage := next_round(study, runs)) is not None:
        progress.stage = stage.name
        for settings, jobs in split_by_settings(stage):
            crew = Crew(engine, problem, study, settings, stage.judge)
            layouts[str(crew.layout)] = None
            for call in crew.calls(jobs):
                missing = sum(job.key not in runs for job in call)
                if missing:
                    fresh = _train(crew, call, missing, progress, listen)
                    store.add(study.fingerprint, fresh)
                    runs = {**{(run.candidate, run.seed): run for run in fresh}, **runs}
    return Cost(
        runs=round(progress.done) - found,
        seconds=time.perf_counter() - began,
        runs_per_second=progress.rate,
        compile_seconds=engine.compile_seconds,
        layout="; ".join(layouts),
    )


def _train(
    crew: Crew, call: list[Job], missing: int, progress: Progress, listen: Callable[[Progress], None]
) -> list[Run]:
    before, began, compiled = progress.done, time.perf_counter(), crew.engine.compile_seconds

    def advance(share: float) -> None:
        progress.done = before + share * missing
        listen(progress)

    advance(0.0)
    fresh = crew.train(call, advance)
    progress.training += time.perf_counter() - began - (crew.engine.compile_seconds - compiled)
    advance(1.0)
    return fresh


def check_metrics(study: Study) -> None:
    """Refuse candidates whose metric-driven factor observes what a study does not measure."""
    for candidate in study.candidates:
        factor = candidate.schedule.metric_factor
        if factor is not None and factor.metric not in WATCHED:
            raise StudyError(
                f"{candidate.name}: a study measures {', '.join(WATCHED)}, not {factor.metric!r}"
            )
