"""Train what a study still lacks, call by call, and keep every finished call in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stepsize.errors import StudyError
from stepsize.study.protocol import Round, rounds, total_runs
from stepsize.study.store import Run, Runs, Store
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


class Maker(Protocol):
    """What makes runs: the training process with its populations, or workers with a function."""

    @property
    def watched(self) -> tuple[str, ...]:
        """What a factor that a metric drives can observe."""
        ...

    @property
    def training_seconds(self) -> float:
        """Seconds that training has taken so far, compilation apart."""
        ...

    @property
    def compile_seconds(self) -> float:
        """Seconds that compiling has taken so far."""
        ...

    @property
    def layout(self) -> str:
        """How the runs are laid out, in words."""
        ...

    def make(self, stage: Round, runs: Runs, advance: Callable[[float], None]) -> Iterator[list[Run]]:
        """Make the runs of a round that are not in `runs`; tell how many are done, parts of runs included."""
        ...


def run_study(
    study: Study, store: Store, maker: Maker, listen: Callable[[Progress], None] = lambda progress: None
) -> Cost:
    """Make every run that `study` asks for and `store` lacks; afterwards the store holds them all."""
    check_metrics(study, maker.watched)
    runs = store.runs(study.fingerprint)
    progress = Progress(total_runs(study, runs), 0, 0)
    made, began = 0, time.perf_counter()
    for stage in rounds(study, runs):
        found = sum(job.key in runs for job in stage.jobs)
        progress.stage, progress.total = stage.name, total_runs(study, runs)
        progress.found += found
        before = progress.found + made

        def advance(done: float, before: int = before) -> None:
            progress.done = before + done
            progress.training = maker.training_seconds
            listen(progress)

        if found == len(stage.jobs):
            continue
        advance(0)
        for fresh in maker.make(stage, runs, advance):
            store.add(study.fingerprint, fresh)
            for run in fresh:
                runs.setdefault((run.candidate, run.seed), run)
        made += len(stage.jobs) - found
    progress.done, progress.training = progress.found + made, maker.training_seconds
    return Cost(
        runs=made,
        seconds=time.perf_counter() - began,
        runs_per_second=progress.rate,
        compile_seconds=maker.compile_seconds,
        layout=maker.layout,
    )


def check_metrics(study: Study, watched: Sequence[str]) -> None:
    """Refuse candidates whose metric-driven factor observes what a study does not measure."""
    for candidate in study.candidates:
        factor = candidate.schedule.metric_factor
        if factor is not None and factor.metric not in watched:
            raise StudyError(
                f"{candidate.name}: a study measures {', '.join(watched)}, not {factor.metric!r}"
            )
