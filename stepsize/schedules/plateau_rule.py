"""How a metric drives a multiplier: one rule for every family, as pure functions with explicit state.

`init`, `observe` and the state's `scale` are pure functions of numbers or arrays: the same code runs on
NumPy, on JAX under `jit` and `vmap`, and for many rules at once when their numbers are stacked. The rules
that specs name, such as `plateau`, are in `families/metric_driven`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class PlateauRule(NamedTuple):
    """The numbers of a rule; each may be an array with one entry per candidate."""

    factor: Any
    patience: Any
    cooldown: Any
    threshold: Any
    relative: Any  # 0: the threshold is absolute, 1: a share of |best|, 2: a share of the best with its sign
    sign: Any  # +1: a lower metric is better, -1: a higher one
    floor: Any
    growth: Any = 1.0
    ceiling: Any = 1.0
    by_change: Any = 0.0  # 1: good is a change of at least the threshold since the last metric


class PlateauState(NamedTuple):
    """The state of a rule between metrics; `scale` is the multiplier."""

    best: Any  # in units of sign * metric, so lower is better; the last metric for a rule by change
    bad: Any
    good: Any
    cooling: Any
    scale: Any


NEUTRAL = PlateauRule(1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""The rule that never changes anything, for a candidate without one."""


def init(rule: PlateauRule) -> PlateauState:
    """Return the state before the first metric."""
    zero = rule.factor * 0.0
    return PlateauState(best=zero + np.inf, bad=zero, good=zero, cooling=zero, scale=zero + 1.0)


def observe(rule: PlateauRule, state: PlateauState, metric: Any) -> PlateauState:
    """Return the state after one more metric.

    A metric is good if it beats the best by more than the threshold, or for a rule by change if it differs
    from the last one by at least the threshold. NaN and infinity never beat anything,
    and never count as a small change.

    The multiplier is cut by `factor` when more than `patience` metrics in a row are not good, and raised by
    `growth` when more than `patience` in a row are. The `cooldown` metrics after a cut do not count as bad.
    """
    xp = _namespace(metric, *state, *rule)
    value = rule.sign * metric
    known = xp.isfinite(state.best)
    best = xp.where(known, state.best, 0.0)
    size = xp.where(rule.relative > 1, rule.sign * best, xp.abs(best))
    margin = rule.threshold * xp.where(rule.relative > 0, size, 1.0)
    finite = xp.isfinite(value)
    stuck = known & finite & (xp.abs(xp.where(finite, value, 0.0) - best) < margin)
    better = xp.where(rule.by_change > 0, ~stuck, finite & (value < state.best - margin))
    resting = state.cooling > 0
    bad = xp.where(better | resting, 0.0, state.bad + 1)
    good = xp.where(better, state.good + 1, 0.0)
    cut, rise = bad > rule.patience, good > rule.patience
    raised = xp.where(rise, xp.minimum(state.scale * rule.growth, rule.ceiling), state.scale)
    new = PlateauState(
        best=xp.where(xp.where(rule.by_change > 0, finite, better), value, state.best),
        bad=xp.where(cut, 0.0, bad),
        good=xp.where(rise, 0.0, good),
        cooling=xp.where(cut, rule.cooldown, state.cooling - resting),
        scale=xp.where(cut, xp.maximum(state.scale * rule.factor, rule.floor), raised),
    )
    return PlateauState(*(part[()] for part in new)) if xp is np else new  # numbers stay numbers


def _namespace(*values: Any) -> Any:
    """Return the array functions that fit `values`: those of the first array that is not NumPy's."""
    for value in values:
        if not isinstance(value, int | float | np.generic | np.ndarray):
            return value.__array_namespace__()
    return np
