"""Where a run is judged: its loss and its metric on the validation rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stepsize.engine.batches import Batch, Rows, take_rows
from stepsize.engine.batching.side_by_side import replicated, side_by_side
from stepsize.engine.member import Member, RunningMetric, Shared, State
from stepsize.engine.roc_area import RocArea
from stepsize.engine.task import Array, Block, Task
from stepsize.problems.metrics import Metric, metric_of
from stepsize.problems.models.scorers import Scorer

CHUNK = 512  # validation rows evaluated at once, or a batch's if those are more


class Totals(NamedTuple):
    """Running totals over validation rows: the summed loss, the state of the metric.

    `finite` is whether all predictions were finite numbers.
    """

    loss: jax.Array
    score: list[jax.Array]
    finite: jax.Array


class Scoring:
    """Judge the runs of one population; `judge` does it for a block, the other methods for one run.

    `predict` is that of the member, as the population compiles it.
    """

    def __init__(self, member: Member, task: Task, predict: Callable[..., Any]) -> None:
        scorer = member.scorer
        self._member = member
        self._metric = (
            running_metric(scorer, task.metric, task.kind, task.classes, task.y)
            if isinstance(scorer, Scorer)
            else scorer
        )
        self._predict = predict
        self._chunk = max(task.batch_size, CHUNK)

    def start(self, rows: int) -> Totals:
        """Return the totals of none of the `rows`."""
        return Totals(jnp.float32(0), self._metric.start(rows), jnp.bool_(True))

    def add(
        self, run: tuple[Totals, State], shared: Shared, batch: Batch, target: Any
    ) -> tuple[Totals, Shared]:
        """Add some of the validation rows to the totals."""
        totals, state = run
        loss, predicted = self._predict(state, shared, batch)
        score = self._metric.add(totals.score, batch.scored, predicted, target)
        finite = totals.finite & jnp.isfinite(predicted).all()
        return Totals(totals.loss + loss * len(batch.y), score, finite), shared

    def result(self, run: tuple[Totals, State], rows: int) -> tuple[jax.Array, jax.Array]:
        """Return loss and metric of the whole validation part, NaN for a run that diverged.

        The metric is also NaN if a prediction is not finite: most metrics would count it as an answer.
        """
        totals, state = run
        diverged = state.diverged_at >= 0
        loss, score = totals.loss / rows, self._metric.result(totals.score)
        lost = diverged | ~totals.finite
        return jnp.where(diverged, jnp.nan, loss), jnp.where(lost, jnp.nan, score)

    def judge(
        self, states: State, shared: Shared, like: State, data: Rows, block: Block, members: int
    ) -> tuple[jax.Array, jax.Array]:
        """Return loss and metric [members] of a block on its validation rows, chunk by chunk to save memory.

        `states` are those of all members side by side; `like` has the shapes of one member's state.
        """
        member, start = self._member, self.start(len(block.valid))
        if member.averages:
            finish = side_by_side(lambda state: (member.finished(state), ()), members, like)
            states, _ = finish(states)
        add = side_by_side(self.add, members, (start, like))

        def chunk(totals: Any, rows: jax.Array) -> Any:
            return add((totals, states), shared, take_rows(data, block, rows), block.target)[0], None

        count = len(block.valid)
        whole = count - count % self._chunk
        totals = replicated(start, members)
        if whole:
            totals, _ = jax.lax.scan(chunk, totals, block.valid[:whole].reshape(-1, self._chunk))
        if whole < count:
            totals, _ = chunk(totals, block.valid[whole:])
        result = side_by_side(lambda run: (self.result(run, count), ()), members, (start, like))
        return result((totals, states))[0]


def running_metric(
    scorer: Scorer, metric: Metric | None, kind: str, classes: int, y: np.ndarray
) -> RunningMetric:
    """Return the metric of a scorer for targets `y`; the area under the ROC curve by its name is exact."""
    if metric is not None and metric.is_exact_area:
        return RocArea(kind, y.shape[1] if kind == "multilabel" else classes, scorer.link)
    return KerasMetric(scorer, origin(metric, kind, y))


def origin(metric: Metric | None, kind: str, y: np.ndarray) -> np.ndarray | None:
    """Return the mean of the quantities if the metric may count from there; None if it may not.

    R2 is a difference of sums of squares: in float32 it is wrong where the mean is large beside the spread.
    """
    metric = metric or metric_of(None, None, kind)
    if kind != "regression" or not metric.of_differences:
        return None
    return y.reshape(len(y), -1).mean(axis=0, dtype=np.float64).astype(np.float32)


class KerasMetric:
    """A Keras metric as functions of its state, for use inside compiled programs.

    Targets and predictions are both counted from `origin`, which may be None.
    """

    def __init__(self, scorer: Scorer, origin: np.ndarray | None) -> None:
        self._origin = origin
        self._metric, self._link = scorer.metric, scorer.link
        self._initial = [np.asarray(variable.value) for variable in self._metric.variables]

    def start(self, rows: int) -> list[jax.Array]:
        """Return the state of a metric that has seen no rows."""
        return [jnp.asarray(value) for value in self._initial]

    def add(
        self, state: list[jax.Array], y: jax.Array, predicted: jax.Array, target: tuple[Array, Array] | None
    ) -> list[jax.Array]:
        """Add rows, turning logits into probabilities and standardised quantities back into their units."""
        if self._link is not None:
            predicted = getattr(jax.nn, self._link)(predicted)
        start = 0 if self._origin is None else self._origin
        if target is not None:
            predicted = predicted * target[1] + (target[0] - start)
        elif self._origin is not None:
            predicted = predicted - start
        if self._origin is not None:
            y = y - start
        return self._metric.stateless_update_state(state, y, predicted)

    def result(self, state: list[jax.Array]) -> jax.Array:
        """Return the metric's value."""
        return self._metric.stateless_result(state)
