"""One run of a finished study, made once more for the weights that it ends with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from stepsize.engine.planner import Layout
from stepsize.engine.task import Block, Ending, Task
from stepsize.problems.preprocessing import prepare
from stepsize.problems.problem import Problem
from stepsize.study.jobs import Job
from stepsize.study.populations.calls import Call
from stepsize.study.populations.executor import opened_groups
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run
from stepsize.study.study import Study
from stepsize.study.user_functions.function_process import FunctionProcess
from stepsize.study.user_functions.torch_series import ENVIRONMENT, TorchSeries


class WeightTrainer(Protocol):
    """What makes a run again: `engine.client.Engine`."""

    def open(self, key: str, task: Task, candidates: int, seeds: int) -> Layout:
        """Prepare a population; return its layout."""
        ...

    def final_weights(self, key: str, block: Block, member: int) -> Ending:
        """Train a block; return how one of its runs ends."""
        ...


@dataclass(frozen=True, eq=False)
class FinalRun:
    """A run with its final weights, the task it belongs to, and how its inputs and target are scaled.

    `outputs` is what its model returned for the validation rows, [rows, outputs] for each of the pieces in
    which they were judged. A run that was made in PyTorch belongs to no task.
    """

    run: Run
    weights: Any
    outputs: Sequence[np.ndarray]
    task: Task | None
    prepared: Mapping[str, Any]
    target: tuple[np.ndarray, np.ndarray] | None


def make_final_run(
    trainer: WeightTrainer, problem: Problem, study: Study, rates: Mapping[str, float | None], job: Job
) -> FinalRun:
    """Make a run of the verdict once more, in the block that it had in the study, so to the same numbers.

    `rates` are the chosen rates by candidate, None for one without a free rate.
    """
    step = next((each for each in study.steps if job.seed in each.seeds), study)
    jobs = tuple(Job(each, rates[each.name], job.seed) for each in step.candidates)
    stage = Round("training once more", jobs, judge=True)
    groups = opened_groups(
        lambda group: trainer.open(group.key, group.task, group.candidates, group.seeds), problem, step, stage
    )
    for group, layout in groups:
        for whole in group.calls(layout):
            for block in whole.blocks:
                if job not in block:
                    continue
                alone, member = Call((block,)), block.index(job)
                (prepared,) = group.blocks(alone, layout)
                end = trainer.final_weights(group.key, prepared, member)
                run = group.runs(alone, [end.curves])[member]
                return FinalRun(run, end.weights, end.outputs, group.task, prepared.prepared, prepared.target)
    raise AssertionError(f"{job.name} is not a job of the study")


def make_series_run(problem: Problem, study: Study, job: Job) -> FinalRun:
    """Make a run of the verdict once more in PyTorch, as the study made it, so to the same numbers."""
    series = TorchSeries(problem, study.candidates)
    with closing(FunctionProcess(series.packed(), series.name, ENVIRONMENT)) as process:
        curves, diverged_at, weights, outputs = process.final_weights(series.request(job))
    variant = problem.variant(job.candidate.settings)
    prepared = prepare(variant.data, variant.parts(job.seed).train)
    run = Run(job.name, job.seed, job.rate, diverged_at, curves)
    return FinalRun(run, weights, outputs, None, prepared, None)
