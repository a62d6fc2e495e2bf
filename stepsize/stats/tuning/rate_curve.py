"""Which learning rate scores best? A smooth curve through noisy scores, and what it leaves open.

No single curve is fitted. Many curves between two walls (`rate_walls`), each with a smooth deviation from it
(`rate_deviation`), are weighted by how well they explain the scores (Bayesian model averaging: Hoeting et
al., Statistical Science 14, 1999), and the chosen rate is the peak of the mean curve: a smooth function of
the scores, without ties to break. The weights also show how much the chosen rate may lose to the best one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stepsize.cores import one_thread
from stepsize.errors import StudyError
from stepsize.stats.scores import Floats
from stepsize.stats.tuning.rate_deviation import CurvePosterior
from stepsize.stats.tuning.rate_draws import CurveDraws, Limits, Regret, draw_curves, lowest
from stepsize.stats.tuning.rate_means import RateMeans, rate_means, seed_slopes, steady_rates
from stepsize.stats.tuning.rate_walls import BEYOND, likely_curves

POINTS = 481  # of the mean curve
DEPTH_SD = 0.5  # of the depth of the curve at a rate: how well it is known there
PARTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the way to the first rate that loses runs
AWAY = 0.35  # decades: how far below a rate that loses runs the chosen one stays


@dataclass(frozen=True, eq=False)
class RateCurve:
    """The mean curve of a schedule's scores over the learning rate, higher is better.

    `rate` is the chosen one. `regret` is what it is expected to lose to the best rate and `regret_sd` the
    standard deviation of that loss, both in units of the score; nan if they were not asked for.
    `standard_error` is that of the mean score of the tried rate nearest to the chosen one, without what a
    seed does to all rates. `rates` and `scores` are the points of the curve, over the rates that may be
    chosen. `slopes` is, for each seed, how much more than on average its scores rise with the log rate near
    the chosen one, nan if that is not known. `draws` are curves that may lie behind the scores, None if no
    regret was asked for.
    """

    rate: float
    regret: float
    regret_sd: float
    standard_error: float
    rates: Floats
    scores: Floats
    slopes: Floats
    draws: CurveDraws | None = None

    def at(self, rate: ArrayLike) -> Floats:
        """Return the score of the curve at a rate; beyond the rates tried, the score of its end."""
        return np.interp(np.log10(rate), np.log10(self.rates), self.scores)

    def within(self, margin: float) -> tuple[float, float]:
        """Return the range of rates around the chosen one that score at most `margin` less than the best.

        It ends where the rates tried end.
        """
        good = self.scores >= self.scores.max() - margin
        at = int(np.searchsorted(self.rates, self.rate))
        below = np.flatnonzero(~good[:at])
        above = np.flatnonzero(~good[at:])
        low = self.rates[below[-1] + 1] if len(below) else self.rates[0]
        high = self.rates[at + above[0] - 1] if len(above) else self.rates[-1]
        return min(float(low), self.rate), max(float(high), self.rate)


def fit_rate_curve(rates: ArrayLike, scores: ArrayLike, *, regret: bool = True) -> RateCurve:
    """Return the curve through the scores [rates, seeds] of a schedule; higher is better.

    nan is a run that was not made, -inf one that diverged. The curve ends a third of a decade before the
    first rate that loses 1 run in 50 more than the lowest; below it a diverged run ranks below every finished
    one. Rates that ran on the same seeds are compared on these, so what a seed does to all of them cancels.
    Neither the order of rates or seeds nor a constant added to all scores changes the curve. The regret takes
    about as long as the rest; a search that needs the rate alone leaves it out.

    Raises StudyError for fewer than two rates, rates that are not positive, or scores of another shape.

    >>> means = np.array([0.70, 0.79, 0.84, 0.87, 0.88, 0.85, 0.60])
    >>> luck = np.array([[0.02, -0.01, 0.00, 0.01]])
    >>> curve = fit_rate_curve([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], means[:, None] + luck)
    >>> low, high = curve.within(0.02)
    >>> 0.01 < low < 0.05 < curve.rate < 0.15 < high < 0.3
    True
    """
    tried, values = _checked(rates, scores)
    with one_thread():
        return _fitted(tried, values, regret)


def _fitted(tried: Floats, values: Floats, regret: bool) -> RateCurve:
    steady = steady_rates(values)
    highest = _highest(np.log10(tried), steady)
    limits = _limits(np.log10(tried), steady)
    tried, values = tried[:steady], values[:steady]
    x = np.log10(tried)
    rounds = rate_means(x, values)
    if not rounds:  # a single rate does not diverge, or all do: then the lowest is the least wrong
        return RateCurve(
            float(tried[0]), 0.0, 0.0, 0.0, tried, np.zeros(len(tried)), np.full(values.shape[1], np.nan)
        )
    posterior = CurvePosterior(rounds, likely_curves(rounds, x[0], x[-1]))
    points = np.linspace(x[0], highest, POINTS)
    costs = posterior.costs(points)
    best = lowest(points, costs, posterior.curves.unit)
    draws, lost = None, Regret(np.nan, np.nan)
    if regret:
        draws, lost = draw_curves(posterior, limits, (x[0], highest), best)
    level = _level(rounds, posterior)
    slopes = seed_slopes(x, values, best)
    error = _standard_error(rounds[-1], best)
    return RateCurve(float(10.0**best), *lost, error, 10.0**points, level - costs, slopes, draws)


def _standard_error(steadiest: RateMeans, best: float) -> float:
    nearest = np.abs(steadiest.x - best).argmin()
    return float(np.sqrt(steadiest.variance[nearest]))


def _level(rounds: Sequence[RateMeans], posterior: CurvePosterior) -> float:
    """Return the height of the peak of the mean curve over the scores.

    A rate far below the best says little of it, however steady its scores: how deep the curve is there is not
    known better than to a share of the depth.
    """
    costs = np.concatenate([posterior.costs(each.x) for each in rounds])
    peaks = np.concatenate([each.mean for each in rounds]) + costs
    variance = np.concatenate([each.variance for each in rounds]) + (DEPTH_SD * costs) ** 2
    return float(np.average(peaks, weights=1 / variance))


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


def _highest(x: Floats, steady: int) -> float:
    """Return the highest log rate that may be chosen: not the last steady one if runs diverge close above it.

    The share of lost runs rises over about half a decade. So a rate next to one that loses runs loses a few
    as well, which a few dozen seeds may not show, and each costs more than a better rate gains.
    """
    if steady == len(x):
        return float(x[-1])
    return float(max(x[0], min(x[steady - 1], x[steady] - AWAY)))


def _limits(x: Floats, steady: int) -> Limits:
    """Return the ends of where the best rate may lie, each pair as likely as the others.

    Where runs diverge, it ends anywhere between the last steady rate and the first that loses runs. Elsewhere
    it goes on beyond the rates tried, as the walls do: if the scores still rise at the edge, the best rate is
    not among those tried, and what the chosen one loses to it is uncertain.
    """
    low, high = x[0] - BEYOND, x[steady - 1]
    if steady == len(x):
        return ((low, high + BEYOND),)
    return tuple((low, high + part * (x[steady] - high)) for part in PARTS)
