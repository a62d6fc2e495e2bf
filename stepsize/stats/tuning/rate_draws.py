"""What the scores of a schedule leave open: curves that may lie behind them, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from stepsize.stats.scores import Floats
from stepsize.stats.tuning.rate_deviation import CurvePosterior

FLAT = 1e-4  # u: costs that differ by less are the same
STRETCH = 10.0  # FLAT: the depth of what is averaged around the lowest point
DISTANCE = 0.05  # decades between the points of a draw
CLOSE = 0.0125  # decades between the points at which a draw may have its peak, once it is interpolated
SEEN = 0.95  # share of the draws that a 95 % interval must hold: rarer losses count as the largest of them

Limits = tuple[tuple[float, float], ...]


class Regret(NamedTuple):
    """Mean and standard deviation of what a rate loses to the best one."""

    mean: float
    sd: float


@dataclass(frozen=True, eq=False)
class CurveDraws:
    """Draws of a curve: `costs` [draws, places] at the log rates `places`.

    The best rate lies within one of the `limits`, each as likely as the others; the rate that is chosen lies
    between the log rates `low` and `high`. `unit` is that of the curve, and no loss counts as more than
    `most`.
    """

    places: Floats
    costs: np.ndarray
    limits: Limits
    low: float
    high: float
    unit: float
    most: float

    def interpolated(self) -> CloseDraws:
        """Return the same draws at more places, by a cubic spline."""
        first, last = self.places[0], self.places[-1]
        places = np.linspace(first, last, round((last - first) / CLOSE) + 1)
        costs = self.costs @ _spline(len(self.places), len(places))
        turns = np.arange(len(costs)) % len(self.limits)
        lows, highs = np.array(self.limits)[turns].T[..., None]
        inside = (lows - 1e-9 <= places) & (places <= highs + 1e-9)
        return CloseDraws(self, places, costs, np.where(inside, costs, np.inf))


@lru_cache(64)  # the curves of a study have mostly as many places
def _spline(places: int, close: int) -> Floats:
    """Return what each of evenly spaced places adds to a cubic spline at closer ones: [places, close]."""
    from scipy.interpolate import CubicSpline

    at = np.linspace(0.0, places - 1.0, close)
    return np.ascontiguousarray(CubicSpline(np.arange(places), np.eye(places))(at).T)


class CloseDraws(NamedTuple):
    """Draws at places so close that each shows where it is best; `bounded` is inf beyond its limits."""

    draws: CurveDraws
    places: Floats
    costs: Floats
    bounded: Floats

    def peaks(self) -> Floats:
        """Return the best log rate of each draw."""
        return self.places[self.bounded.argmin(axis=1)]

    def best(self, weight: Floats) -> float:
        """Return the log rate that is best over weighted draws."""
        among = (self.places >= self.draws.low - 1e-9) & (self.places <= self.draws.high + 1e-9)
        return lowest(self.places[among], weight @ self.costs[:, among] / weight.sum(), self.draws.unit)

    def regret(self, best: float, weight: Floats) -> Regret:
        """Return what a log rate loses over weighted draws."""
        place = np.searchsorted(self.places, best - 1e-9)
        nearest = min(max(int(place), 1), len(self.places) - 1)
        share = (best - self.places[nearest - 1]) / (self.places[nearest] - self.places[nearest - 1])
        costs = (1 - share) * self.costs[:, nearest - 1] + share * self.costs[:, nearest]
        return regret_of(costs - self.bounded.min(axis=1), weight, self.draws.most)


def draw_curves(
    posterior: CurvePosterior, limits: Limits, among: tuple[float, float], best: float
) -> tuple[CurveDraws, Regret]:
    """Return draws of a curve, and what the log rate `best` loses; the chosen one lies `among` two others."""
    first, last = min(low for low, _ in limits), max(high for _, high in limits)
    places = np.linspace(first, last, round((last - first) / DISTANCE) + 1)
    costs = posterior.draws(np.append(places, best))
    unit = posterior.curves.unit
    losses = []
    for low, high in limits:
        inside = np.append((low - 1e-9 <= places) & (places <= high + 1e-9), True)
        losses.append(costs[:, -1] - costs[:, inside].min(axis=1))
    most = unit * posterior.curves.cap
    draws = CurveDraws(places, costs[:, :-1].astype(np.float32), limits, *among, unit, most)
    return draws, regret_of(np.concatenate(losses), np.ones(len(limits) * len(costs)), most)


def regret_of(losses: Floats, weight: Floats, most: float) -> Regret:
    """Return the regret of weighted losses, of which none is below 0 or counts as more than `most`."""
    losses = np.clip(losses, 0.0, most)
    order = np.argsort(losses, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    losses = np.minimum(losses, np.interp(SEEN, share, losses[order]))
    mean = np.average(losses, weights=weight)
    return Regret(float(mean), float(np.sqrt(np.average((losses - mean) ** 2, weights=weight))))


def lowest(points: Floats, costs: Floats, unit: float) -> float:
    """Return where the cost is lowest; where it hardly changes around there, the middle of that stretch."""
    above = (costs - costs.min()) / (FLAT * unit)
    at = int(above.argmin())
    higher = np.flatnonzero(above > STRETCH)
    place = int(np.searchsorted(higher, at))
    low = higher[place - 1] + 1 if place else 0
    high = higher[place] if place < len(higher) else len(points)
    return float(np.average(points[low:high], weights=np.exp(-above[low:high])))
