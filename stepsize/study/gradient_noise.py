"""Runs of a study made once more, alone, for the noise of their gradients at a few moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stepsize.engine.task import Block, Noise
from stepsize.engine.trainer import Trainer
from stepsize.problems.problem import Problem
from stepsize.study.jobs import Job
from stepsize.study.populations.calls import Call
from stepsize.study.populations.executor import opened_groups
from stepsize.study.protocol import Round
from stepsize.study.study import Study


class NoiseTrainer(Trainer, Protocol):
    """A trainer that also measures gradients: `engine.client.Engine`."""

    def gradient_noise(self, key: str, blocks: Sequence[Block], epochs: Sequence[int]) -> list[list[Noise]]:
        """Train the first run of each block; return the noise of its gradients after each of the epochs."""
        ...


def measured_noise(
    trainer: NoiseTrainer, problem: Problem, study: Study, jobs: Sequence[Job], epochs: Sequence[int]
) -> list[list[Noise]]:
    """Return the noise of the gradients of each job after each of `epochs`, which are in rising order.

    Raises: EngineError if the gradients cannot be computed.
    """
    stage = Round("measuring gradients", tuple(jobs), judge=False)
    groups = opened_groups(
        lambda group: trainer.open(group.key, group.task, group.candidates, group.seeds),
        problem,
        study,
        stage,
    )
    found = []
    for group, layout in groups:
        alone = Call(tuple((job,) for job in group.jobs))
        found += trainer.gradient_noise(group.key, group.blocks(alone, layout), epochs)
    return found
