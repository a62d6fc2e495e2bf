"""The evidence of an audit, and when an explanation of it counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stepsize.schedules import Plan
from stepsize.schedules.curves import Array

NEAR_ZERO = 1e-3  # shares of tolerance * peak below this are rounding: cosines end near 1e-17, not at 0


def differ(one: Any, other: Any, tolerance: float, peak: float) -> Any:
    """Return whether rates differ by more than rounding; NaN and infinity differ from everything.

    >>> differ(0.1, 0.1 + 1e-9, 1e-6, 0.1), differ(0.1, 0.101, 1e-6, 0.1)
    (False, True)
    """
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.subtract(one, other))
        room = np.maximum(np.abs(one), np.abs(other)) + NEAR_ZERO * peak
        result = ~((gap <= tolerance * room) & np.isfinite(gap))
    return bool(result) if np.ndim(result) == 0 else result


class Cause(NamedTuple):
    """An explanation of every rate seen: its short name, its sentence, and how many numbers were fitted."""

    name: str
    sentence: str
    fitted: int


class Evidence(NamedTuple):
    """The updates seen and their rates, planned and applied; one of them at least differs."""

    plan: Plan
    t: NDArray[np.int64]
    planned: Array
    applied: Array
    tolerance: float

    @property
    def first(self) -> int:
        """The index of the first row that differs."""
        return int(np.argmax(self.differ(self.planned, self.applied)))

    def differ(self, one: Any, other: Any, slack: float = 1) -> Any:
        """Return whether rates differ by more than rounding."""
        return differ(one, other, slack * self.tolerance, peak(self.plan))

    def at(self, t: Any, rows: Any = slice(None)) -> Array:
        """Return the rates of `rows` if their updates were `t`; NaN where the plan has no rate.

        The multiplier of a row, by a metric or of a parameter group, is kept.
        """
        plan, last = self.plan, self.plan.horizon - (self.plan.after == "error")
        values = plan(np.clip(t, 0, None if plan.after == "repeat" else last))
        beyond = np.zeros(np.shape(t), bool) if plan.after == "repeat" else np.greater(t, last)
        return np.where((np.less(t, 0)) | beyond, np.nan, values * self.scale[rows])

    @property
    def scale(self) -> Array:
        """The multiplier of every row, by a metric or of a parameter group."""
        base = self.plan(self.t)
        return np.divide(self.planned, base, out=np.ones(len(base)), where=base > 0)

    def is_explained_by(self, rates: Array, fitted: int, slack: float = 1) -> bool:
        """Return whether `rates`, NaN where unknown, explain the applied rates.

        They must agree wherever they are known, at more rows than numbers were fitted: a rule with one free
        number does not explain a single row.
        """
        known = np.isfinite(rates)
        if self.differ(self.applied[known], rates[known], slack).any():
            return False
        return int(self.differ(self.planned[known], rates[known]).sum()) > fitted


def peak(plan: Plan) -> float:
    """Return the greatest rate of a plan."""
    return max(float(plan.values.max()), plan.end)
