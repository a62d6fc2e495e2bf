"""Schedules that a metric drives: multipliers with explicit state.

`init`, `observe` and the state's `scale` are pure functions of numbers or arrays: the same code runs on
NumPy, on JAX under `jit` and `vmap`, and for many rules at once when their numbers are stacked.
"""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Annotated, Any, NamedTuple

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules.base import Family, family
from stepsize.schedules.fields import Count, Flag, NonNegative, Share, ShareOrZero, one_of, optional
from stepsize.schedules.plan import Clock
from stepsize.schedules.shapes import Array
from stepsize.units import shown


class PlateauRule(NamedTuple):
    """The numbers of a plateau rule; each may be an array with one entry per candidate."""

    factor: Any
    patience: Any
    cooldown: Any
    threshold: Any
    relative: Any  # 1: the threshold is a share of |best|, 0: it is absolute
    sign: Any  # +1: a lower metric is better, -1: a higher one
    floor: Any


class PlateauState(NamedTuple):
    """What a plateau rule remembers; `scale` is the multiplier."""

    best: Any  # in units of sign * metric, so lower is better
    bad: Any
    cooling: Any
    scale: Any


NEUTRAL = PlateauRule(1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""The rule that never changes anything, for a candidate without one."""


def init(rule: PlateauRule) -> PlateauState:
    """Return the state before the first metric."""
    zero = rule.factor * 0.0
    return PlateauState(best=zero + np.inf, bad=zero, cooling=zero, scale=zero + 1.0)


def observe(rule: PlateauRule, state: PlateauState, metric: Any) -> PlateauState:
    """Return the state after one more metric; NaN counts as no improvement.

    The rule is PyTorch's: the multiplier is cut when more than `patience` metrics in a row fail to beat the
    best by the threshold, and `cooldown` metrics after a cut are not counted. A relative threshold is a
    share of |best|, so it also works for negative metrics.
    """
    xp = _namespace(metric, *state, *rule)
    value = rule.sign * metric
    size = xp.where(xp.isfinite(state.best), xp.abs(state.best), 0.0)
    margin = rule.threshold * xp.where(rule.relative > 0, size, 1.0)
    better = value < state.best - margin
    resting = state.cooling > 0
    bad = xp.where(better | resting, 0.0, state.bad + 1)
    fires = bad > rule.patience
    new = PlateauState(
        best=xp.where(better, value, state.best),
        bad=xp.where(fires, 0.0, bad),
        cooling=xp.where(fires, rule.cooldown, state.cooling - resting),
        scale=xp.where(fires, xp.maximum(state.scale * rule.factor, rule.floor), state.scale),
    )
    return PlateauState(*(part[()] for part in new)) if xp is np else new  # numbers stay numbers


def _namespace(*values: Any) -> Any:
    """Return the array functions that fit `values`: those of the first array that is not NumPy's."""
    for value in values:
        if not isinstance(value, int | float | np.generic | np.ndarray):
            return value.__array_namespace__()
    return np


LOWER_IS_BETTER = ("loss", "error", "mse", "mae")
HIGHER_IS_BETTER = ("acc", "auc", "f1", "precision", "recall")


def direction(metric: str) -> str | None:
    """Return "min" or "max" for the metrics whose name says it, else None.

    >>> direction("val_loss"), direction("val_accuracy"), direction("reward")
    ('min', 'max', None)
    """
    name = metric.lower()
    if name.endswith(LOWER_IS_BETTER):
        return "min"
    return "max" if any(part in name for part in HIGHER_IS_BETTER) else None


def _metric_name(name: str, value: Any) -> str:
    if (
        not isinstance(value, str)
        or not value.isprintable()
        or not value.strip()
        or set(value) & set("\"'\\")
    ):
        raise ScheduleError(
            f'{name}={shown(value)} is no metric\'s name; write for example {name}="val_loss"'
        )
    return value


@family
class plateau(Family):
    """Multiply by `factor` when `metric` has stopped improving, as a factor of another schedule.

    The multiplier starts at 1 and is cut after more than `patience` checks without an improvement of
    `threshold` (a share of the best value, or absolute with `relative=False`), never below `floor`. After a
    cut, `cooldown` checks are not counted. `mode` is "min" or "max"; the names of usual metrics say it
    themselves.

    Source: the rule of PyTorch's ReduceLROnPlateau.

    >>> rule = plateau(factor=0.5, patience=1)
    >>> state = rule.init()
    >>> for loss in (1.0, 0.8, 0.9, 0.9):
    ...     state = rule.observe(state, loss)
    >>> float(rule.multiplier(state))
    0.5
    """

    _: KW_ONLY
    factor: Share = 0.1
    patience: Count = 10
    cooldown: Count = 0
    threshold: NonNegative = 1e-4
    relative: Flag = True
    floor: ShareOrZero = 0.0
    metric: Annotated[str, _metric_name] = "val_loss"
    mode: Annotated[str | None, optional(one_of("min", "max"))] = None

    def validate(self) -> None:
        if self.mode is None and direction(self.metric) is None:
            raise ScheduleError(
                f'metric="{self.metric}" does not say whether lower is better; write mode="min" or mode="max"'
            )

    @property
    def metric_factor(self) -> plateau:
        return self

    def curve(self, t: Array, clock: Clock) -> Array:
        raise ScheduleError(f"{self} cannot stand alone; write constant(0.1) * {self}")

    def rule(self) -> PlateauRule:
        """Return the rule as numbers, for `init` and `observe`."""
        lower = (self.mode or direction(self.metric)) == "min"
        counts = float(self.patience), float(self.cooldown)
        return PlateauRule(
            self.factor, *counts, self.threshold, float(self.relative), 1.0 if lower else -1.0, self.floor
        )

    def init(self) -> PlateauState:
        """Return the state before the first metric."""
        return init(self.rule())

    def observe(self, state: PlateauState, metric: Any) -> PlateauState:
        """Return the state after one more metric."""
        return observe(self.rule(), state, metric)

    def multiplier(self, state: PlateauState) -> Any:
        """Return what the schedule is multiplied by."""
        return state.scale
