"""A power law through a few points: its exponent, how certain that is, and whether it bends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.interval import t_quantile

ALPHA = 0.05
FEWEST_TO_BEND = 6  # points; two slopes and a knot take four of them
SAME = 1e-9  # of the spread: smaller residuals are those of rounding

Floats = np.ndarray


class Bend(NamedTuple):
    """Where a law changes its exponent, and the exponents on both sides."""

    at: float
    before: float
    after: float


@dataclass(frozen=True)
class PowerLaw:
    """y = factor x^exponent, fitted by least squares to the logarithms of at least three points.

    `ci95` is the t-interval of the exponent. `bend` is given if two exponents fit better than one by more
    than chance (an F-test, with Bonferroni's correction for where the knot lies).
    """

    exponent: float
    ci95: tuple[float, float]
    bend: Bend | None
    _center: tuple[float, float]
    _error: float  # standard deviation of log10 y around the line
    _points: int
    _spread: float  # sum of squares of log10 x

    def predict(self, x: float) -> tuple[float, tuple[float, float]]:
        """Return y at x, and the 95 % interval for one more point there.

        >>> law = fit_power_law([1, 10, 100, 1000], [2.0, 21, 190, 2050])
        >>> y, (low, high) = law.predict(50)
        >>> round(y), low < y < high
        (101, True)
        """
        away = np.log10(x) - self._center[0]
        middle = self._center[1] + self.exponent * away
        reach = _t(self._points - 2) * self._error * np.sqrt(1 + 1 / self._points + away**2 / self._spread)
        return float(10**middle), (float(10 ** (middle - reach)), float(10 ** (middle + reach)))


def fit_power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw:
    """Return the power law through points.

    Raises: StudyError for fewer than three different x, or numbers that are not positive.

    >>> law = fit_power_law([1, 10, 100, 1000], [2.0, 21, 190, 2050])
    >>> round(law.exponent, 2), law.ci95[0] < 1 < law.ci95[1], law.bend
    (1.0, True, None)
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if xs.shape != ys.shape or xs.ndim != 1 or len(np.unique(xs)) < 3:
        raise StudyError("a power law needs three or more points with different x")
    if not (np.isfinite(xs) & np.isfinite(ys) & (xs > 0) & (ys > 0)).all():
        raise StudyError("a power law needs positive numbers")
    order = np.argsort(xs)
    xs, ys = np.log10(xs[order]), np.log10(ys[order])
    center = float(xs.mean()), float(ys.mean())
    spread = float(((xs - center[0]) ** 2).sum())
    exponent = float(((xs - center[0]) * (ys - center[1])).sum() / spread)
    rest = float(((ys - center[1] - exponent * (xs - center[0])) ** 2).sum())
    error = float(np.sqrt(rest / (len(xs) - 2)))
    half = _t(len(xs) - 2) * error / np.sqrt(spread)
    bend = _bend(xs, ys, rest)
    return PowerLaw(
        exponent, (float(exponent - half), float(exponent + half)), bend, center, error, len(xs), spread
    )


def _bend(x: Floats, y: Floats, straight: float) -> Bend | None:
    """Return the knot at which two lines fit best, if they fit better than one by more than chance."""
    from scipy.special import fdtrc

    if len(x) < FEWEST_TO_BEND or straight <= SAME * float(np.ptp(y) ** 2):
        return None
    knots = np.unique(x)[1:-1]
    fits = []
    for knot in knots:
        design = np.stack([np.ones_like(x), x - knot, np.maximum(x - knot, 0)], axis=1)
        solved = np.linalg.lstsq(design, y, rcond=None)[0]
        fits.append((float(((y - design @ solved) ** 2).sum()), float(knot), solved))
    rest, knot, solved = min(fits, key=lambda fit: fit[0])
    freedom = len(x) - 4
    if rest > SAME * float(np.ptp(y) ** 2):
        ratio = (straight - rest) / 2 / (rest / freedom)
        if float(fdtrc(2, freedom, ratio)) * len(knots) > ALPHA:
            return None
    return Bend(float(10**knot), float(solved[1]), float(solved[1] + solved[2]))


def _t(freedom: int) -> float:
    return float(t_quantile(np.array([freedom], np.float64), ALPHA)[0])
