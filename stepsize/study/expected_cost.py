"""What a study will cost, before it starts: its runs, and about how long they take on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stepsize.cores import cores
from stepsize.engine.planner import OVERHEAD, PER_TERM
from stepsize.problems.model_operations import operations_of
from stepsize.problems.problem import Problem
from stepsize.study.candidates import Candidate
from stepsize.study.protocol import total_runs
from stepsize.study.study import Study

START = 2.0  # seconds until the training process has started and compiled a small program
PER_OPERATION = 0.5  # seconds of compiling for each operation of a model
PER_ELEMENT = 5.5e-3  # microseconds of an update for each number that an operation computes


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
    """Return the cost of a study that has no runs yet; tuning may add rates beyond the edge, and seeds.

    The time is that of compiling, and of the products and the numbers that an update computes. It is not
    known for a training function or a model in series, nor for a model whose operations only the training
    process knows.
    """
    verdict = len(study.candidates) * len(study.seeds)
    runs = total_runs(study)
    seconds = None
    if isinstance(problem, Problem) and problem.series is None:
        examples = (example for each in study.candidates for example in study.examples(each))
        each = [_seconds(problem.variant(example.settings), example) for example in examples]
        known = [one for one in each if one is not None]
        if len(known) == len(each):
            compiling = max(one for one, _ in known)
            seconds = START + compiling + runs * sum(run for _, run in known) / len(known) / cores()
    return ExpectedCost(runs - verdict, verdict, seconds)


def _seconds(problem: Problem, candidate: Candidate) -> tuple[float, float] | None:
    """Return the seconds of compiling and of a run on one core; None if they are not known.

    `problem` is the variant that the candidate trains, perhaps in batches of its own.
    """
    work = operations_of(problem)
    if work is None:
        return None
    row = PER_TERM * work.products + PER_ELEMENT * work.elements
    update = OVERHEAD + row * candidate.settings.get("batch_size", problem.batch_size)
    updates = problem.epochs * problem.updates_per_epoch_with(candidate.settings)
    return PER_OPERATION * work.calls, updates * update / 1e6
