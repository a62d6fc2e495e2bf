"""What every executor must do: train the missing runs of a round, each once, and say how far it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from stepsize.study.executor import Executor
from stepsize.study.jobs import Job
from stepsize.study.protocol import Round
from stepsize.study.study import Study


def first_round(study: Study) -> Round:
    """Return a round with the runs of the first three seeds of a study."""
    jobs = (Job(candidate, None, seed) for seed in study.seeds[:3] for candidate in study.candidates)
    return Round("comparing on fresh seeds", tuple(jobs), judge=True)


def check_runs(executor: Executor, study: Study) -> None:
    """Check the runs of a round for two candidates without free rates, of which some are stored already."""
    stage, progress = first_round(study), list[float]()
    first = [run for runs in executor.execute(stage, {}, progress.append) for run in runs]
    wanted = {job.key for job in stage.jobs}
    assert {(run.candidate, run.seed) for run in first} == wanted
    assert len(first) == len(wanted) == 6
    assert all(run.curves.shape == (4, study.epochs) and np.isfinite(run.curves[2]).all() for run in first)
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(6)

    stored = {(run.candidate, run.seed): run for run in first if run.seed != study.seeds[1]}
    again = [run for runs in executor.execute(stage, stored, progress.append) for run in runs]
    fresh = {(run.candidate, run.seed): run for run in again if (run.candidate, run.seed) not in stored}
    assert {seed for _, seed in fresh} == {study.seeds[1]}
    for run in first:
        if run.seed == study.seeds[1]:
            np.testing.assert_allclose(fresh[run.candidate, run.seed].curves, run.curves, rtol=1e-5)

    everything = {(run.candidate, run.seed): run for run in first}
    assert list(executor.execute(stage, everything, progress.append)) == []
    assert executor.training_seconds > 0
    assert executor.compile_seconds >= 0
    assert executor.layout


def check_claims(executor: Executor, study: Study) -> None:
    """Check that runs which cannot be claimed are left out."""
    stage, asked = first_round(study), list[Job]()

    def claim(jobs: Sequence[Job]) -> bool:
        asked.extend(jobs)
        return jobs[0].seed != study.seeds[0]

    made = [run.seed for runs in executor.execute(stage, {}, lambda done: None, claim) for run in runs]
    assert {job.key for job in asked} == {job.key for job in stage.jobs}
    assert study.seeds[0] not in made
