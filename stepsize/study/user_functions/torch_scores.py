"""The score of a run in PyTorch, by the very metric of a population: Keras' on JAX, or the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from stepsize.problems.metrics import Metric
from stepsize.problems.problem import Problem
from stepsize.problems.target_encoding import encode
from stepsize.problems.torch.torch_model import TorchModel

CHUNK = 512  # validation rows evaluated at once, or a batch's if those are more


def chunks_of(rows: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yield validation rows in the pieces in which a population evaluates them."""
    size = max(batch_size, CHUNK)
    return (rows[first : first + size] for first in range(0, len(rows), size))


def scorer_of(
    metric: Metric,
    own: Callable[..., torch.Tensor] | None,
    problem: Problem,
    model: TorchModel,
    targets: torch.Tensor,
) -> OwnScorer | KerasScorer:
    """Return what scores outputs by a metric of Keras, or by the user's `own`."""
    return KerasScorer(metric, problem, model) if own is None else OwnScorer(own, targets)


class OwnScorer:
    """The mean over rows of a function of outputs and targets."""

    def __init__(self, own: Callable[..., torch.Tensor], targets: torch.Tensor) -> None:
        self._own, self._targets = own, targets

    def start(self, rows: int) -> tuple[float, int]:
        """Return the sum over no rows, and their number."""
        return 0.0, 0

    def add(self, state: tuple[float, int], rows: np.ndarray, outputs: torch.Tensor) -> tuple[float, int]:
        """Add rows."""
        values = self._own(outputs, self._targets[torch.from_numpy(rows.astype(np.int64))])
        return state[0] + float(values.double().sum()), state[1] + len(rows)

    def result(self, state: tuple[float, int]) -> float:
        """Return the mean."""
        return state[0] / state[1]


class KerasScorer:
    """A metric of Keras, as a population compiles it."""

    def __init__(self, metric: Metric, problem: Problem, model: TorchModel) -> None:
        import jax

        from stepsize.engine.scoring import running_metric
        from stepsize.problems.models.scorers import scorer_of_outputs

        data, classes = problem.data, len(problem.data.classes)
        scorer = scorer_of_outputs(metric, data.kind, classes, model.width, data.one_hot, model.are_logits)
        self._metric = running_metric(scorer, metric, data.kind, classes, problem.trained_y)
        self._y = encode(problem.trained_y, data.kind, classes, model.width, scorer.numbers)
        self._add: Any = jax.jit(self._metric.add)

    def start(self, rows: int) -> Any:
        """Return the state of a metric that has seen none of the `rows`."""
        return self._metric.start(rows)

    def add(self, state: Any, rows: np.ndarray, outputs: torch.Tensor) -> Any:
        """Add rows."""
        predicted = outputs.float().reshape(len(outputs), -1).numpy()
        return self._add(state, self._y[rows], predicted, None)

    def result(self, state: Any) -> float:
        """Return the metric's value."""
        return float(self._metric.result(state))
