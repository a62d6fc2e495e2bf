"""Runs without training: an executor for `run_study` that draws the curves of many runs at once."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stepsize.problems.problem import problem
from stepsize.study.executor import Claim, unshared
from stepsize.study.jobs import Job
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study, make_study

CALL = 500  # runs that come at once
STEP = 1 / 116  # of the accuracy on Ionosphere's validation part
FAMILIES = (
    "constant({})", "linear({})", "cosine({})", "polynomial({}, power=2)", "one_cycle({})",
    "step_decay({}, factor=0.5, every=0.2*run)", "wsd({}, decay=0.2*run)", "warmup(0.1*run) >> cosine({})",
    "warmup(0.1*run) >> linear({})", "inverse_sqrt({}, timescale=0.1*run)",
)  # fmt: skip


class MadeUp:
    """Makes runs whose accuracy depends on candidate, rate and seed; a few diverge."""

    training_seconds = 0.0
    compile_seconds = 0.0
    layout = "made up"

    def __init__(self) -> None:
        self.made: list[tuple[str, int]] = []

    def execute(
        self, stage: Round, runs: Runs, advance: Callable[[float], None], claim: Claim = unshared
    ) -> Iterator[list[Run]]:
        for start in range(0, len(stage.jobs), CALL):
            jobs = [job for job in stage.jobs[start : start + CALL] if job.key not in runs]
            self.made += [job.key for job in jobs]
            advance(len(self.made))
            yield made_up(jobs)


def made_up(jobs: list[Job], epochs: int = 50) -> list[Run]:
    """Give the runs that the jobs would leave behind."""
    generator = np.random.default_rng(zlib.crc32(repr([job.key for job in jobs]).encode()))
    curves = generator.random((len(jobs), 4, epochs), np.float32)
    curves[:, 2] = STEP * np.rint((0.85 + 0.05 * curves[:, 2]) / STEP)
    made = []
    for job, series in zip(jobs, curves, strict=True):
        name, seed = job.key
        series[2] += STEP * (zlib.crc32(name.encode()) % 3)
        lost = zlib.crc32(repr((name, seed)).encode()) % 1000 == 0
        if lost:
            series[:3, 5:] = np.nan
        made.append(Run(name, seed, job.rate, 45 if lost else None, series))
    return made


def ionosphere_study(candidates: int, seeds: int, tuned: bool = False, **more: Any) -> Study:
    """Plan a study of as many candidates: with a free rate (at most ten), or each with a rate of its own."""
    free = [family.format("lr") for family in FAMILIES[:candidates]]
    given = [FAMILIES[i % 10].format(f"{0.01 * 1.01 ** (i // 10):.6g}") for i in range(candidates)]
    return make_study(problem("ionosphere"), free if tuned else given, seeds, **more)
