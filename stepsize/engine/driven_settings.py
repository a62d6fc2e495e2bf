"""What a candidate may set in an update besides the rate: the momentum, and the rate of single layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import keras

from stepsize.engine.task import Task
from stepsize.errors import StudyError, unknown
from stepsize.problems.models.keras_models import Built, DataShape, build

NOT_PROPORTIONAL = ("Adafactor", "Ftrl")  # optimizers whose steps are not proportional to the rate


def build_task(task: Task) -> Built:
    """Build the model of a task, with layers named as in a fresh process.

    An optimizer built with momentum 0 keeps no state for it, so one whose momentum a schedule sets is built
    with another value.
    """
    shape = DataShape(task.x, task.kind, task.classes, task.outputs, task.one_hot)
    keras.utils.clear_session(free_memory=False)
    built = build(task.model, task.settings, shape, task.metric)
    if task.scheduled_momentum:
        name = momentum_name(built.model.optimizer)
        if getattr(built.model.optimizer, name) == 0:
            keras.utils.clear_session(free_memory=False)
            return build(task.model, {**task.settings, name: 0.5}, shape, task.metric)
    return built


class PositiveNumber:
    """A traced number that Keras may compare with 0, as it does to see whether there is any momentum.

    The comparisons decide what is computed, so they happen once, when the program is compiled; the number
    itself is the schedule's value at every update.
    """

    def __init__(self, value: jax.Array) -> None:
        self.value, self.dtype, self.shape = value, value.dtype, value.shape

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __gt__(self, other: float) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def momentum_name(optimizer: Any) -> str:
    """Return the attribute that holds an optimizer's momentum: `momentum`, or `beta_1` in the Adam family."""
    for name in ("beta_1", "momentum"):
        if hasattr(optimizer, name):
            return name
    raise StudyError(f"optimizer {type(optimizer).__name__!r} has no momentum that a schedule could set")


@contextmanager
def driven_momentum(optimizer: Any, value: jax.Array | None) -> Iterator[None]:
    """Make the optimizer use `value` as its momentum inside the block; None leaves it unchanged."""
    if value is None:
        yield
        return
    name = momentum_name(optimizer)
    before = getattr(optimizer, name)
    setattr(optimizer, name, PositiveNumber(value) if name == "momentum" else value)
    try:
        yield
    finally:
        setattr(optimizer, name, before)


def layer_factors(model: Any, multipliers: Mapping[str, float]) -> list[float]:
    """Return the rate multiplier of each trainable variable: that of its layer, or 1.

    A key of `multipliers` applies to every layer whose name begins with it; the longest such key wins. A
    layer is known by its name, `dense_1`, which its variables carry in their path, `block/dense_1/kernel`.

    Raises: StudyError for a key that begins no layer's name, and for optimizers whose steps are not
    proportional to the rate.
    """
    if multipliers and model.optimizer.use_ema:
        raise StudyError(
            "multipliers cannot be used with use_ema: Keras averages the weights before they apply"
        )
    name = type(model.optimizer).__name__
    if multipliers and name in NOT_PROPORTIONAL:
        raise StudyError(
            f"multipliers cannot be used with {name}: its steps are not proportional to the rate"
        )
    layers = [variable.path.split("/")[:-1] for variable in model.trainable_variables]
    for name in multipliers:
        if not any(part.startswith(name) for path in layers for part in path):
            known = sorted({part for path in layers for part in path})
            raise StudyError(unknown("layer in multipliers", name, known))

    def factor(path: Sequence[str]) -> float:
        matches = [name for name in multipliers if any(part.startswith(name) for part in path)]
        return multipliers[max(matches, key=len)] if matches else 1.0

    return [factor(path) for path in layers]


def scaled_update(
    model: Any,
    slots: Sequence[jax.Array],
    gradients: Sequence[jax.Array],
    weights: Sequence[jax.Array],
    factors: Sequence[float],
) -> tuple[list[jax.Array], list[jax.Array]]:
    """Make one update of the model's optimizer; return the new weights and slots.

    Each step is scaled by its factor, which is exact for updates that are proportional to the rate. A
    weight constraint is applied to the scaled step, as Keras applies it after an update of another rate.
    """
    variables = model.trainable_variables
    scaled = [i for i, factor in enumerate(factors) if factor != 1]
    constraints = [variables[i].constraint for i in scaled]
    for i in scaled:
        variables[i].constraint = None
    try:
        new, slots = model.optimizer.stateless_apply(slots, gradients, weights)
    finally:
        for i, constraint in zip(scaled, constraints, strict=True):
            variables[i].constraint = constraint
    for i, constraint in zip(scaled, constraints, strict=True):
        factor = jnp.asarray(factors[i], new[i].dtype)
        step = weights[i] + factor * (new[i] - weights[i])
        new[i] = step if constraint is None else constraint(step)
    return new, list(slots)
