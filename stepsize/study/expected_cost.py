"""What a study will cost, before it starts: its runs, and about how long they take on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

from stepsize.cores import cores
from stepsize.engine.planner import OVERHEAD, PER_TERM
from stepsize.problems.models.text_models import parse_model
from stepsize.problems.problem import Problem
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
    weights = _weights(problem) if isinstance(problem, Problem) else None
    seconds = None
    if weights is not None:
        update = OVERHEAD + PER_TERM * weights * problem.batch_size
        seconds = START + runs * problem.epochs * problem.updates_per_epoch * update / 1e6 / cores()
    return ExpectedCost(runs - verdict, verdict, seconds)


def _weights(problem: Problem) -> int | None:
    """Return the trained weights of a model, None if only the training process can count them."""
    if problem.torch_source is not None:
        return sum(prod(array.shape) for array in problem.torch_source.model.weights.values())
    model = problem.model
    if isinstance(model, str):
        return _weights_of_text(model, problem) if "(" in model or ":" not in model else None
    sizes: Sequence[Any] = getattr(model, "trainable_variables", ())
    return sum(prod(each.shape) for each in sizes) or None


def _weights_of_text(text: str, problem: Problem) -> int | None:
    if text.endswith(".keras"):
        return None
    name, widths, _ = parse_model(text)
    inputs = list(problem.data.inputs.values())
    if name == "convnet" or len(inputs) != 1:
        return None
    sizes = [prod(inputs[0].shape[1:]), *widths, problem.data.outputs]
    return sum((first + 1) * second for first, second in pairwise(sizes))
