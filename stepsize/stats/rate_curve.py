"""Which learning rate scores best? A smooth curve through noisy scores, and what it leaves open.

Below its best rate a schedule has not trained enough, above it training is unstable, and both cost about a
power of the rate. So the mean score over x = log10(rate) is taken to be

    m(x) = h - u 10^(p (a - x)) - u 10^(q (x - b))

with a wall on either side: the left one costs u at x = a, the right one at x = b, and p and q say how steep
they are. The curve has one peak, and fits plateaus, cliffs and edges alike. No single curve is fitted. All
pairs of walls on a grid are weighted by how well they explain the scores (Bayesian model averaging: Hoeting
et al., Statistical Science 14, 1999), and the chosen rate is the peak of the mean curve: a smooth function of
the scores, without ties to break. The weights also show how much the chosen rate may lose to the best one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.rate_means import RateMeans, rate_means, steady_rates
from stepsize.stats.scores import Floats

POWERS = (0.5, 1.0, 2.0, 4.0, 8.0)  # p and q
SPACING = 0.15  # decades between the walls of the grid
BEYOND = 1.0  # decades that a wall or the best rate may lie outside the rates tried
UNIT = 2.0  # u, in standard errors of a good rate's mean
MISFIT = 0.4  # share of a drop by which a curve may miss it: far below the best, only its order counts
LEAST_UNIT = 0.01  # share of the largest drop
OVERLAP = 20.0  # curves that cost more than this many u at their own peak are left out
UNSEEN = 2.0  # u by which a peak may rise above all rates tried
POINTS = 481  # of the mean curve
PARTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the way to the first rate that loses runs


@dataclass(frozen=True, eq=False)
class RateCurve:
    """The mean curve of a schedule's scores over the learning rate, higher is better.

    `rate` is the chosen one. `regret` is what it is expected to lose to the best rate and `regret_sd` the
    standard deviation of that loss, both in units of the score. `rates` and `scores` are the points of the
    curve, over the rates tried at which runs do not diverge.
    """

    rate: float
    regret: float
    regret_sd: float
    rates: Floats
    scores: Floats

    def at(self, rate: ArrayLike) -> Floats:
        """Return the score of the curve at a rate; beyond the rates tried, the score of its end."""
        return np.interp(np.log10(rate), np.log10(self.rates), self.scores)

    def within(self, margin: float) -> tuple[float, float]:
        """Return the range of rates around the chosen one that score at most `margin` less than it.

        It ends where the rates tried end.
        """
        good = self.scores >= self.at(self.rate) - margin
        at = int(np.searchsorted(self.rates, self.rate))
        below = np.flatnonzero(~good[:at])
        above = np.flatnonzero(~good[at:])
        low = self.rates[below[-1] + 1] if len(below) else self.rates[0]
        high = self.rates[at + above[0] - 1] if len(above) else self.rates[-1]
        return min(float(low), self.rate), max(float(high), self.rate)


class _Walls(NamedTuple):
    """All walls of the grid, left or right alike: where one costs u, and its power times ln 10."""

    place: Floats
    slope: Floats

    def left(self, x: Floats) -> Floats:
        """Return what each wall costs on the left of a curve, in u: [walls, len(x)]."""
        return np.exp(np.minimum(self.slope[:, None] * (self.place[:, None] - x), 30.0))

    def right(self, x: Floats) -> Floats:
        """Return what each wall costs on the right of a curve."""
        return np.exp(np.minimum(self.slope[:, None] * (x - self.place[:, None]), 30.0))

    def peaks(self, low: float, high: float) -> Floats:
        """Return where the curve of each left and right wall is highest between two ends, [walls, walls]."""
        p, q = self.slope[:, None], self.slope
        between = (p * self.place[:, None] + q * self.place + np.log(p / q)) / (p + q)
        return np.clip(between, low, high)

    def least(self, peaks: Floats) -> Floats:
        """Return what each curve costs at its peak, in u."""
        p, q = self.slope[:, None], self.slope
        left = np.exp(np.minimum(p * (self.place[:, None] - peaks), 30.0))
        return left + np.exp(np.minimum(q * (peaks - self.place), 30.0))


def fit_rate_curve(rates: ArrayLike, scores: ArrayLike) -> RateCurve:
    """Return the curve through the scores [rates, seeds] of a schedule; higher is better.

    nan is a run that was not made, -inf one that diverged. The curve ends before the first rate that loses 1
    run in 50 more than the lowest; below it a diverged run ranks below every finished one. Rates that
    ran on the same seeds are compared on these, so what a seed does to all of them cancels. Neither the order
    of rates or seeds nor a constant added to all scores changes the curve.

    Raises StudyError for fewer than two rates, rates that are not positive, or scores of another shape.

    >>> means = np.array([0.70, 0.79, 0.84, 0.87, 0.88, 0.85, 0.60])
    >>> luck = np.array([[0.02, -0.01, 0.00, 0.01]])
    >>> curve = fit_rate_curve([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], means[:, None] + luck)
    >>> low, high = curve.within(0.02)
    >>> 0.01 < low < 0.05 < curve.rate < 0.15 < high < 0.3
    True
    """
    tried, values = _checked(rates, scores)
    steady = steady_rates(values)
    limits = _limits(np.log10(tried), steady)
    tried, values = tried[:steady], values[:steady]
    x = np.log10(tried)
    rounds = rate_means(x, values)
    if not rounds:  # a single rate does not diverge, or all do: then the lowest is the least wrong
        return RateCurve(float(tried[0]), 0.0, 0.0, tried, np.zeros(len(tried)))
    count = round((x[-1] - x[0] + 2 * BEYOND) / SPACING) + 1
    places = np.linspace(x[0] - BEYOND, x[-1] + BEYOND, count)
    place, power = (axis.ravel() for axis in np.meshgrid(places, POWERS, indexing="ij"))
    walls = _Walls(place, power * np.log(10))
    unit, cap = _scales(rounds)
    weights, levels = _weigh(walls, rounds, unit, cap, (x[0], x[-1]))
    points = np.linspace(x[0], x[-1], POINTS)
    left, right = weights.sum(axis=1), weights.sum(axis=0)
    cost = unit * (left @ np.minimum(walls.left(points), cap) + right @ np.minimum(walls.right(points), cap))
    best = _lowest(points, cost)
    here = walls.left(np.array([best])) + walls.right(np.array([best])).T
    losses = [unit * np.clip(here - walls.least(walls.peaks(*ends)), 0.0, cap) for ends in limits]
    regret = np.mean([(weights * loss).sum() for loss in losses])
    variance = np.mean([(weights * (loss - regret) ** 2).sum() for loss in losses])
    return RateCurve(
        rate=float(10.0**best),
        regret=float(regret),
        regret_sd=float(variance) ** 0.5,
        rates=10.0**points,
        scores=levels - cost,
    )


def _checked(rates: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    tried, values = np.asarray(rates, np.float64), np.asarray(scores, np.float64)
    if tried.ndim != 1 or len(tried) < 2 or not ((tried > 0) & (tried < np.inf)).all():
        raise StudyError(f"rates={tried.tolist()} must be two or more positive numbers")
    if len(np.unique(tried)) < len(tried) or values.ndim != 2 or len(values) != len(tried):
        raise StudyError(
            f"scores has shape {values.shape} for {len(tried)} rates; "
            "it must be [rates, seeds], each rate once"
        )
    if np.isposinf(values).any():
        raise StudyError("scores holds inf; a score is finite, -inf for a diverged run, nan if not run")
    order = np.argsort(tried)
    tried, values = tried[order], values[order]
    if np.isnan(values).all(axis=1).any():
        raise StudyError("scores has a rate without any run; leave that rate out")
    return tried, values


def _limits(x: Floats, steady: int) -> list[tuple[float, float]]:
    """Return the ends of where the best rate may lie, each pair as likely as the others.

    Where runs diverge, it ends anywhere between the last steady rate and the first that loses runs. Elsewhere
    it goes on beyond the rates tried, as the walls do: if the scores still rise at the edge, the best rate is
    not among those tried, and what the chosen one loses to it is uncertain.
    """
    low, high = x[0] - BEYOND, x[steady - 1]
    if steady == len(x):
        return [(low, high + BEYOND)]
    return [(low, high + part * (x[steady] - high)) for part in PARTS]


def _scales(rounds: list[RateMeans]) -> tuple[float, float]:
    """Return u, and the most that a wall costs, in u."""
    errors = np.sort(np.concatenate([each.variance for each in rounds]))
    error = np.sqrt(errors[: max(2, len(errors) // 3)].mean())
    drop = max(np.ptp(each.mean) for each in rounds)
    unit = max(UNIT * error, LEAST_UNIT * drop) or 1.0
    return unit, 2.0 * drop / unit + OVERLAP


def _weigh(
    walls: _Walls, rounds: list[RateMeans], unit: float, cap: float, ends: tuple[float, float]
) -> tuple[Floats, float]:
    """Return the weight of each curve [walls, walls], and the height h of the mean curve."""
    least = walls.least(walls.peaks(*ends))
    overlap = walls.least(walls.peaks(-np.inf, np.inf)) > OVERLAP
    fits, heights = np.where(overlap, -np.inf, 0.0), least
    nearest = np.full_like(least, np.inf)
    for each in rounds:
        drop = walls.left(each.x)[:, None] + walls.right(each.x) - least[..., None]
        np.maximum(drop, 0.0, out=drop)
        np.minimum(nearest, drop.min(axis=2), out=nearest)
        drop *= unit * cap / (cap + drop)  # a wall ends somewhere
        seen = each.mean.max() - each.mean
        weight = each.variance / (each.variance + (MISFIT * np.minimum(drop, seen)) ** 2)
        fits += 0.5 * np.log(weight.prod(axis=2))
        weight /= each.variance
        drop += each.mean - each.mean.max()
        total = weight.sum(axis=2)
        heights = np.einsum("ijr,ijr->ij", weight, drop) / total
        fits -= 0.5 * (np.einsum("ijr,ijr,ijr->ij", weight, drop, drop) - total * heights**2 + np.log(total))
    fits -= 0.5 * (nearest / UNSEEN) ** 2
    weights = np.exp(fits - fits.max())
    weights /= weights.sum()
    return weights, float((weights * (heights + unit * least)).sum() + rounds[-1].mean.max())


def _lowest(points: Floats, cost: Floats) -> float:
    """Return where the cost is lowest: between points, the bottom of the parabola through three of them."""
    at = int(cost.argmin())
    if not 0 < at < len(points) - 1:
        return float(points[at])
    before, here, after = cost[at - 1 : at + 2]
    bend = before - 2 * here + after
    moved = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(points[at] + moved * (points[1] - points[0]))
