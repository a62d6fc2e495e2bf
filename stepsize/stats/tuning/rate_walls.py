"""Curves between two walls: the shapes that a mean score may have over the learning rate.

Below its best rate a schedule has not trained enough, above it training is unstable. Mostly each costs about
a power of the rate. Over x = log10(rate) they cost

    u 10^(p (a - x)) + u 10^(q (x - b))

The left wall costs u at x = a, the right one at x = b, and p and q say how steep they are. Such a curve has
one peak, and fits plateaus, cliffs and edges alike. More rarely a score falls by a number of points a decade,
so that the curve has a kink at its peak. Such a wall is a line with a rounded corner at x = b; it costs

    u r w log(1 + e^((x - b) / w))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from stepsize.stats.scores import Floats
from stepsize.stats.tuning.rate_means import RateMeans

POWERS = (0.5, 1.0, 2.0, 4.0, 8.0)  # p and q
RISES = (4.0, 16.0)  # r, in u a decade
CORNER = 0.15  # w, in decades
RARE = 0.03  # what a line counts for beside a power, before the fit
SPACING = 0.15  # decades between the walls of the grid
BEYOND = 1.0  # decades that a wall or the best rate may lie outside the rates tried
UNIT = 2.0  # u, in standard errors of a good rate's mean
LEAST_UNIT = 0.01  # share of the largest drop
MISFIT = 0.3  # share of a drop by which a curve may miss it: far below the best, only its order counts
OVERLAP = 20.0  # curves that cost more than this many u at their own peak are left out
UNSEEN = 2.0  # u by which a peak may rise above all rates tried
UNEVEN = 0.35  # u by which a mean may lie off a curve that is kept
KEPT = 200  # curves that are kept, the likeliest
MOST = np.exp(30.0)  # that a wall costs, in u
AT_ONCE = 48  # left walls whose curves are computed together: their arrays fit into the cache of a core
POINT = 0.05  # decades between the points at which a curve may have its peak


class _Walls(NamedTuple):
    """Walls at a `place`: powers p, or, where `is_line`, lines that rise by so many u a decade."""

    place: Floats
    rise: Floats
    is_line: np.ndarray

    def left(self, x: Floats) -> Floats:
        """Return what each wall costs on the left of a curve, in u: [walls, len(x)]."""
        return self._costs(-self.place, -x)

    def right(self, x: Floats) -> Floats:
        """Return what each wall costs on the right of a curve."""
        return self._costs(self.place, x)

    def of(self, index: np.ndarray) -> _Walls:
        """Return some of the walls."""
        return _Walls(self.place[index], self.rise[index], self.is_line[index])

    def _costs(self, place: Floats, x: Floats) -> Floats:
        """Return what walls cost that rise with x beyond a place.

        A power of the distance is a product: one factor for the wall, and one, common to all walls of that
        power, for x. Both are taken from the middle of the places, so that neither overflows.
        """
        costs, middle = np.empty((len(place), len(x))), np.mean([place.min(), place.max()])
        for power in POWERS:
            walls = np.flatnonzero((self.rise == power) & ~self.is_line)
            steep = power * np.log(10)
            at_wall, at_x = np.exp(steep * (middle - place[walls])), np.exp(steep * (x - middle))
            costs[walls] = np.minimum(at_wall[:, None] * at_x, MOST)
        line = self.is_line
        beyond = (x - place[line, None]) / CORNER
        costs[line] = self.rise[line, None] * CORNER * np.logaddexp(0.0, beyond)
        return costs


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves that are likeliest to lie behind the scores of some rounds.

    Of each curve, `drops` [curves, rates of all rounds] is how far it says that a rate lies below the peak,
    `misfit` the variance by which it may miss that, and `prior` the log of its weight before the fit.
    """

    unit: float
    cap: float
    drops: Floats
    misfit: Floats
    prior: Floats
    left: _Walls
    right: _Walls

    def costs(self, x: Floats) -> Floats:
        """Return what each curve costs, [curves, len(x)]; a wall ends at the cap."""
        left, right = self.left.left(x), self.right.right(x)
        return self.unit * (np.minimum(left, self.cap) + np.minimum(right, self.cap))


def likely_curves(rounds: list[RateMeans], low: float, high: float) -> Curves:
    """Return the curves of a grid of walls that fit the rounds best, with a peak between two log rates."""
    unit, cap = _scales(rounds)
    walls, least, chances = _grid(float(low), float(high))
    fits, nearest = np.zeros_like(least), np.full_like(least, np.inf)
    for each in rounds:
        costs = _wall_costs(float(low), float(high), tuple(each.x.tolist()))
        fits += _fit(each, costs, least, nearest, unit, cap)
    prior = chances - 0.5 * (nearest / UNSEEN) ** 2
    order = _likeliest(fits + prior)
    at_left, at_right = np.unravel_index(order, fits.shape)
    left, right = walls.of(at_left), walls.of(at_right)
    drops, misfit = [], []
    for each in rounds:
        drop = np.maximum(left.left(each.x) + right.right(each.x) - least.flat[order][:, None], 0.0)
        drops.append(_capped(drop, unit, cap))
        misfit.append(_misfit(drops[-1], each.mean.max() - each.mean))
    return Curves(unit, cap, np.hstack(drops), np.hstack(misfit), prior.flat[order], left, right)


@lru_cache(64)  # rounds of a study, and of all of its candidates, have rates in common
def _wall_costs(low: float, high: float, x: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return what each left and right wall of the grid costs: [walls, len(x)] and [len(x), walls]."""
    walls, points = _grid(low, high)[0], np.array(x)
    return walls.left(points), np.ascontiguousarray(walls.right(points).T)


def _fit(
    each: RateMeans, costs: tuple[Floats, Floats], least: Floats, nearest: Floats, unit: float, cap: float
) -> Floats:
    """Return how well the curve of each left and right wall fits a round, as a log likelihood [walls, walls].

    The height of the curve is free. `nearest` becomes the least drop of each curve at a rate tried.
    """
    left, right = costs
    fits = np.empty_like(least)
    for start in range(0, len(left), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        fits[part] = _fit_part(each, left[part], right, least[part], nearest[part], unit, cap)
    return fits


def _fit_part(
    each: RateMeans, left: Floats, right: Floats, least: Floats, nearest: Floats, unit: float, cap: float
) -> Floats:
    """Return `_fit` of some left walls, from what they cost [walls, rates], and right ones [rates, walls].

    Everything is computed in place, one rate at a time: the arrays stay in the cache.
    """
    chance, total = np.ones_like(least), np.zeros_like(least)
    height, square = np.zeros_like(least), np.zeros_like(least)
    drop, weight = np.empty_like(least), np.empty_like(least)
    for rate, below in enumerate(each.mean.max() - each.mean):
        np.add(left[:, rate, None], right[rate], out=drop)
        drop -= least
        np.maximum(drop, 0.0, out=drop)
        np.minimum(nearest, drop, out=nearest)
        drop /= np.add(drop, cap, out=weight)
        drop *= unit * cap
        noise = float(each.variance[rate]) + (UNEVEN * unit) ** 2
        np.minimum(drop, below, out=weight)
        weight *= weight
        weight *= MISFIT**2 / noise
        weight += 1.0
        np.reciprocal(weight, out=weight)
        chance *= weight
        weight /= noise
        total += weight
        drop -= below
        weight *= drop
        height += weight
        weight *= drop
        square += weight
    return 0.5 * (np.log(chance / total) + height**2 / total - square)


def _likeliest(fits: Floats) -> np.ndarray:
    """Return the places of the KEPT highest, the highest first."""
    highest = np.argpartition(-fits, KEPT, axis=None)[:KEPT]
    return highest[np.argsort(-fits.flat[highest], kind="stable")]


@lru_cache(16)  # the candidates of a study have mostly the same rates
def _grid(low: float, high: float) -> tuple[_Walls, Floats, Floats]:
    """Return walls, what each left and right one cost at their peak, and the log of their chance.

    The peak lies between two log rates.
    """
    count = round((high - low + 2 * BEYOND) / SPACING) + 1
    places = np.linspace(low - BEYOND, high + BEYOND, count)
    rises = np.array([*POWERS, *RISES])
    kind = np.tile(np.arange(len(rises)), count)
    walls = _Walls(np.repeat(places, len(rises)), rises[kind], kind >= len(POWERS))
    rare = np.where(walls.is_line, np.log(RARE), 0.0)
    overlap = _least(walls, low - 2 * BEYOND, high + 2 * BEYOND)
    return walls, _least(walls, low, high), np.where(overlap > OVERLAP, -np.inf, rare[:, None] + rare)


def _least(walls: _Walls, low: float, high: float) -> Floats:
    """Return what each left and right wall cost at their peak between two ends, in u."""
    points = np.linspace(low, high, round((high - low) / POINT) + 1)
    left, right = walls.left(points), np.ascontiguousarray(walls.right(points).T)
    least = np.full((len(left), len(left)), np.inf)
    cost = np.empty_like(least)
    for point in range(len(points)):
        np.add(left[:, point, None], right[point], out=cost)
        np.minimum(least, cost, out=least)
    return least


def _scales(rounds: list[RateMeans]) -> tuple[float, float]:
    """Return u, and the most that a wall costs, in u."""
    errors = np.sort(np.concatenate([each.variance for each in rounds]))
    error = np.sqrt(errors[: max(2, len(errors) // 3)].mean())
    drop = max(np.ptp(each.mean) for each in rounds)
    unit = max(UNIT * error, LEAST_UNIT * drop) or 1.0
    return unit, 2.0 * drop / unit + OVERLAP


def _capped(drop: Floats, unit: float, cap: float) -> Floats:
    return drop * (unit * cap / (cap + drop))


def _misfit(drop: Floats, below: Floats | float) -> Floats:
    """Return the variance by which a curve may miss rates that score so far below the best."""
    return (MISFIT * np.minimum(drop, below)) ** 2
