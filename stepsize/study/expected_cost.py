"""What a study will cost, before it starts: its runs, and about how long they take on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stepsize.cores import cores
from stepsize.engine.planner import OVERHEAD, PER_TERM
from stepsize.problems.problem import Problem
from stepsize.problems.weight_count import trained_weights
from stepsize.study.protocol import total_runs
from stepsize.study.study import Study

START = 2.0  # seconds until the training process has started and compiled a small program


@dataclass(frozen=True)
class ExpectedCost:
    """The runs of a study at least: for tuning and for the verdict; `seconds` is None if unknown."""

    tuning: int
    verdict: int
    seconds: float | None

    @property
    def runs(self) -> int:
        """All runs."""
        return self.tuning + self.verdict


def expected_cost(problem: Any, study: Study) -> ExpectedCost:
    """Return the cost of a study that has no runs yet; tuning may add a few runs beyond the edge.

    The time is that of the planner's model of an update. It is not known for a training function, nor for a
    model whose size only the training process knows.
    """
    verdict = len(study.candidates) * len(study.seeds)
    runs = total_runs(study)
    seconds = None
    if isinstance(problem, Problem):
        each = [_seconds(problem.variant(candidate.settings)) for candidate in study.candidates]
        known = [one for one in each if one is not None]
        seconds = START + runs * sum(known) / len(known) / cores() if len(known) == len(each) else None
    return ExpectedCost(runs - verdict, verdict, seconds)


def _seconds(problem: Problem) -> float | None:
    """Return the seconds of a run on one core, None if only the training process can count the weights."""
    weights = trained_weights(problem)
    if weights is None:
        return None
    update = OVERHEAD + PER_TERM * weights * problem.batch_size
    return problem.epochs * problem.updates_per_epoch * update / 1e6
