"""Rows on their way into a compiled program, and predictions on their way to the score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stepsize.engine.task import Array, Block, Task
from stepsize.problems.models.keras_models import Built
from stepsize.problems.target_encoding import encode


class Rows(NamedTuple):
    """All rows of the data: inputs by name, targets for the loss and for the metric, weights or None."""

    inputs: Mapping[str, Array]
    y: Array
    scored: Array
    weights: Array | None


class Batch(NamedTuple):
    """Some of the rows, as the model takes them."""

    x: Any
    y: Array
    scored: Array
    weights: Array | None


def rows_of(task: Task, built: Built) -> Rows:
    """Give the data of a task with targets in the form that loss and metric ask for."""
    inputs = task.x if isinstance(task.x, Mapping) else {"": task.x}

    def targets(numbers: bool) -> np.ndarray:
        return encode(task.y, task.kind, task.classes, built.width, numbers)

    y = targets(built.loss_numbers)
    alike = built.loss_numbers == built.metric_numbers
    return Rows(inputs, y, y if alike else targets(built.metric_numbers), task.weights)


def taken(data: Rows, block: Block, rows: jax.Array) -> Batch:
    """Take rows by number: filled, scaled, and with quantities in the block's own units."""
    inputs = {}
    for name, array in data.inputs.items():
        x, prepared = array[rows], block.prepared.get(name)
        if prepared is not None:
            fill, shift, scale = prepared
            x = ((x if fill is None else jnp.where(jnp.isnan(x), fill, x)) - shift) / scale
        inputs[name] = x
    y, scored = data.y[rows], data.scored[rows]
    if block.target is not None:
        shift, scale = block.target
        y = (y - shift) / scale
    x = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    return Batch(x, y, scored, None if data.weights is None else data.weights[rows])


class Scoring:
    """A Keras metric as functions of its state, for use inside compiled programs."""

    def __init__(self, built: Built) -> None:
        self._metric, self._link = built.metric, built.link
        self._fresh = [np.asarray(variable.value) for variable in built.metric.variables]

    def start(self) -> list[jax.Array]:
        """Give the state of a metric that has seen nothing."""
        return [jnp.asarray(value) for value in self._fresh]

    def add(
        self, state: list[jax.Array], y: jax.Array, predicted: jax.Array, target: tuple[Array, Array] | None
    ) -> list[jax.Array]:
        """Add rows: logits become probabilities, standardised quantities take their own units again."""
        if self._link is not None:
            predicted = getattr(jax.nn, self._link)(predicted)
        if target is not None:
            predicted = predicted * target[1] + target[0]
        return self._metric.stateless_update_state(state, y, predicted)

    def result(self, state: list[jax.Array]) -> jax.Array:
        """Give the metric's value."""
        return self._metric.stateless_result(state)
