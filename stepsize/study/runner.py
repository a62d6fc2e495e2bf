"""Train what a study still lacks, call by call, and keep every finished call in the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stepsize.engine.client import Engine
from stepsize.errors import StudyError
from stepsize.problems.problem import Problem
from stepsize.study.calls import WATCHED, Crew, split_by_settings
from stepsize.study.protocol import finished_runs, next_round, total_runs
from stepsize.study.store import Store
from stepsize.study.study import Study


@dataclass
class Progress:
    """How far a study is: `done` of `total` runs, `found` of them in the store from before."""

    total: int
    found: int
    done: float
    stage: str = ""
    began: float = field(default_factory=time.perf_counter)

    @property
    def rate(self) -> float:
        """Runs a second, of those trained now."""
        return (self.done - self.found) / max(time.perf_counter() - self.began, 1e-9)

    @property
    def remaining(self) -> float | None:
        """Seconds to go at this rate; None before the first run."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


@dataclass(frozen=True)
class Cost:
    """What a process spent on a study: runs trained, seconds in all and seconds of compilation in them."""

    runs: int
    seconds: float
    compile_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Give the cost as the answer's JSON names it."""
        training = self.seconds - self.compile_seconds
        rate = self.runs / training if training > 0 else 0.0
        return {
            "runs": self.runs,
            "seconds": self.seconds,
            "runs_per_second": rate,
            "compile_seconds": self.compile_seconds,
        }


def run_study(
    study: Study, problem: Problem, store: Store, listen: Callable[[Progress], None] = lambda progress: None
) -> Cost:
    """Make every run that `study` asks for and `store` lacks; afterwards the store holds them all."""
    check_metrics(study)
    runs = store.runs(study.fingerprint)
    found = finished_runs(study, runs)
    progress = Progress(total_runs(study), found, found)
    if next_round(study, runs) is None:
        return Cost(0, 0.0, 0.0)
    began = time.perf_counter()
    with Engine() as engine:
        while (stage := next_round(study, runs)) is not None:
            progress.stage = stage.name
            for settings, jobs in split_by_settings(stage):
                crew = Crew(engine, problem, study, settings, stage.judge)
                for call in crew.calls(jobs):
                    missing = [job for job in call if job.key not in runs]
                    if not missing:
                        continue
                    before = progress.done

                    def advance(share: float, before: float = before, count: int = len(missing)) -> None:
                        progress.done = before + share * count
                        listen(progress)

                    advance(0.0)
                    fresh = crew.train(call, advance)
                    store.add(study.fingerprint, fresh)
                    runs = {**{(run.candidate, run.seed): run for run in fresh}, **runs}
                    advance(1.0)
        return Cost(round(progress.done) - found, time.perf_counter() - began, engine.compile_seconds)


def check_metrics(study: Study) -> None:
    """Refuse candidates whose metric-driven factor observes what a study does not measure."""
    for candidate in study.candidates:
        factor = candidate.schedule.metric_factor
        if factor is not None and factor.metric not in WATCHED:
            raise StudyError(
                f"{candidate.name}: a study measures {', '.join(WATCHED)}, not {factor.metric!r}"
            )
