"""A plan in optax: a function of the update count, and a transformation that a metric drives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from stepsize.adapters.end_watch import EndWatch
from stepsize.adapters.plain import check_plan
from stepsize.checks import shown
from stepsize.errors import ScheduleError, require
from stepsize.schedules import Plan
from stepsize.schedules.families.metric_driven import Driven
from stepsize.schedules.plateau_rule import PlateauState

require("optax", "jax", "optax")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402
from jax.core import Tracer  # noqa: E402


def optax_schedule(plan: Plan) -> Callable[[Any], jax.Array]:
    """Return a plan as an optax schedule: from the count of completed updates to a float32 rate.

    It runs under `jit` and `vmap`. The rate is float32 whatever the parameters are; `optax.sgd` and the like
    round it to the type of each parameter, and `optax.inject_hyperparams(optax.sgd)` keeps it. A factor that
    follows a metric counts as 1: chain `scale_by_metric(plan.metric_factor)` after it. The first call warns
    if that was not made. Updates past the end warn once, except under `jit`, which a warning would slow down.

    Raises: ScheduleError if `plan` is not a plan or has after="error"; when called, for a count that is not
    an integer, or a number below 0.

    >>> from stepsize.schedules import linear
    >>> rate = optax_schedule(linear(1).plan(updates=4))
    >>> optimizer = optax.sgd(rate, momentum=0.9)
    >>> rate(jnp.arange(6))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """
    check_plan(plan)
    if plan.after == "error":
        raise ScheduleError(
            'after="error" cannot raise inside compiled training; plan with after="hold" or after="repeat"'
        )
    table = jnp.asarray(np.append(plan.values, plan.end).astype(np.float32))

    watch = EndWatch(plan)
    driven = [plan.metric_factor] if plan.metric_factor is not None else []
    _unasked.update(driven)

    def rate(count: Any) -> jax.Array:
        _unasked.discard(plan.metric_factor)
        if driven and driven.pop() not in _scaled:
            warnings.warn(_unscaled(plan), UserWarning, stacklevel=2)
        index = jnp.asarray(count)
        if not jnp.issubdtype(index.dtype, jnp.integer):
            raise ScheduleError(
                f"count={shown(count)} is not an integer; pass the number of completed updates, 0 at first"
            )
        if isinstance(count, int | np.integer) and count < 0:
            raise ScheduleError(
                f"count={shown(count)} is negative; pass the number of completed updates, 0 at first"
            )
        if isinstance(count, jax.Array) and not count.ndim and not isinstance(count, Tracer):
            watch.look(lambda: int(count))
        if index.dtype.itemsize < 4:  # too few bits for the horizon
            index = index.astype(jnp.int32)
        index = index % plan.horizon if plan.after == "repeat" else jnp.clip(index, 0, plan.horizon)
        return table.at[index].get(mode="promise_in_bounds")

    return rate


_scaled: set[Driven] = set()  # the factors that `scale_by_metric` was made for
_unasked: set[Driven | None] = set()  # the factors of schedules that no optimizer has asked for a rate yet


def _unscaled(plan: Plan) -> str:
    return (
        f"{plan.metric_factor} counts as 1 in optax_schedule, and no scale_by_metric was made for it; write "
        "optax.chain(optimizer, scale_by_metric(plan.metric_factor)), and pass value= to update, or plan "
        "without it"
    )


def _misplaced(factor: Driven) -> str:
    return (
        f"scale_by_metric({factor}) comes before the optimizer and scales the gradients, which an optimizer "
        "that normalises them, such as Adam, undoes; write optax.chain(optimizer, scale_by_metric(factor))"
    )


def scale_by_metric(factor: Driven) -> optax.GradientTransformationExtraArgs:
    """Return a transformation that multiplies updates by the multiplier that a metric has reached.

    `update(..., value=metric)` observes a new metric and applies it at once; without `value` nothing is
    observed. In a compiled function where only some updates have a metric, pass `observe=`, a bool or an
    array of one. The state is the factor's, in float32 whatever the parameters are.

    Place it after the optimizer, `optax.chain(optax.adam(optax_schedule(plan)), scale_by_metric(factor))`:
    before it, it would scale the gradients, and an optimizer that normalises them undoes that. The first
    update warns of the wrong place if the optimizer's `optax_schedule` was not asked for a rate before.

    Raises: ScheduleError if `factor` is not one that a metric drives; from `update`, if `value` is not one
        number.

    >>> from stepsize.schedules import constant, plateau
    >>> plan = (constant(0.1) * plateau(factor=0.5, patience=0, metric="loss")).plan(updates=9)
    >>> optimizer = optax.chain(optax.sgd(optax_schedule(plan)), scale_by_metric(plan.metric_factor))
    >>> state = optimizer.init(jnp.ones(2))
    >>> for loss in (1.0, 2.0):
    ...     updates, state = optimizer.update(jnp.ones(2), state, value=loss)
    >>> updates
    Array([-0.05, -0.05], dtype=float32)
    """
    if not isinstance(factor, Driven):
        raise ScheduleError(
            f"factor={shown(factor)} does not follow a metric; write for example plateau(factor=0.5), or "
            "plan.metric_factor of a plan that has one"
        )

    _scaled.add(factor)

    def init(params: Any) -> PlateauState:
        return _single(factor.init())

    def update(
        updates: Any, state: Any, params: Any = None, *, value: Any = None, observe: Any = True, **extra: Any
    ) -> tuple[Any, PlateauState]:
        if factor in _unasked:
            _unasked.discard(factor)
            warnings.warn(_misplaced(factor), UserWarning, stacklevel=2)
        if value is not None:
            new = _single(factor.observe(state, _metric(value)))
            state = jax.tree.map(lambda old, moved: jnp.where(observe, moved, old), state, new)
        scaled = jax.tree.map(lambda each: (each * state.scale).astype(each.dtype), updates)
        return scaled, state

    return optax.GradientTransformationExtraArgs(init, update)


def _metric(value: Any) -> jax.Array:
    """Return one value of a metric in float32, also while JAX compiles."""
    try:
        metric = jnp.asarray(None if isinstance(value, str | bytes) else value)
    except (TypeError, ValueError):
        metric = jnp.zeros(2)
    if metric.ndim or not jnp.issubdtype(metric.dtype, jnp.number):
        raise ScheduleError(
            f"value={shown(value)} is not one number; pass the metric, for example update(..., value=0.35)"
        )
    return metric.astype(jnp.float32)


def _single(state: PlateauState) -> PlateauState:
    return PlateauState(*(jnp.asarray(part, jnp.float32) for part in state))
