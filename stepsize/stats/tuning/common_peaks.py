"""The best rates of a study's schedules, estimated together: what some show helps to find the others.

A schedule that spends most of a run far below its highest rate needs a higher one. One that is still high at
the end, where noise is not averaged out any more, needs a lower one. If the highest rate is h times `lr`, and
the mean rate and that of the last tenth of the run are m and e times the highest, its best `lr` b is close to

    log10(b) = a - log10(h) - p log10(m) - q e

with one a for all candidates that differ in the schedule alone, and one p and q for the whole study: p is 1
where the sum of all rates is what matters, and less where their height matters, too. A best rate may lie off
that law, and how far is estimated with it (an empirical Bayes regression: Raudenbush and Bryk, Journal of
Educational Statistics 10, 1985). So the law counts for little where schedules do not follow it, or are few.

What the scores of each schedule show (`rate_draws`) and what the law says of it are then joined: the draws of
its curve are weighted. But a law that the others follow may be wrong for one schedule, most of all if its
curve has two peaks. So its own scores alone count for one half (a linear opinion pool: Stone, Annals of
Mathematical Statistics 32, 1961). The seeds of tuning are the same for all schedules, so their rates err
alike as far as `stats.common_slopes` says.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stepsize.cores import one_thread
from stepsize.stats.common_slopes import slope_correlations
from stepsize.stats.scores import Floats
from stepsize.stats.tuning.rate_curve import RateCurve
from stepsize.stats.tuning.rate_draws import CurveDraws

POWER, POWER_SD = 0.7, 0.3  # p before the fit
END, END_SD = 0.2, 0.3  # q before the fit
DEVIATIONS = (0.01, 0.03, 0.1, 0.3, 1.0)  # decades off the law, each as likely before the fit
ANYWHERE = 10.0  # decades: how far a may be from anything, before the fit
CENTRAL = (0.16, 0.84)  # quantiles of a best rate, one standard deviation from the middle
FREEDOM = 10.0  # degrees, of Student's t
LAW = 0.5  # what the law counts for beside the own scores of a schedule
LEAST = 1e-3  # decades: no best rate is known better


class Relative(NamedTuple):
    """How the rates of a candidate relate to its `lr`.

    Candidates with the same `others` differ in the schedule alone. `highest` is the highest rate over `lr`,
    `mean` and `end` are the mean rate and that of the last tenth of the run over the highest one, and
    `is_planned` says whether these are known before the run.
    """

    others: Hashable = None
    highest: float = 1.0
    mean: float = 1.0
    end: float = 1.0
    is_planned: bool = True


def with_common_peaks(curves: Sequence[RateCurve], relatives: Sequence[Relative]) -> list[RateCurve]:
    """Return the curves of a study, each with the rate and the regret that all of them show.

    Neither the order of the curves nor a factor to all rates changes a choice. A curve without draws is
    returned unchanged.
    """
    joined = list(curves)
    known = [(k, curve.draws) for k, curve in enumerate(curves) if curve.draws is not None]
    if known:
        places = [k for k, _ in known]
        with one_thread():
            chosen = _joined(
                [curves[k] for k in places], [relatives[k] for k in places], [d for _, d in known]
            )
        for k, curve in zip(places, chosen, strict=True):
            joined[k] = curve
    return joined


def _joined(
    curves: Sequence[RateCurve], relatives: Sequence[Relative], draws: Sequence[CurveDraws]
) -> list[RateCurve]:
    close = [each.interpolated() for each in draws]
    peaks = [each.peaks() for each in close]
    middle = np.array([np.median(each) for each in peaks])
    spread = np.array([max(np.ptp(np.quantile(each, CENTRAL)) / 2, LEAST) for each in peaks])
    noise = slope_correlations([curve.slopes for curve in curves]) * np.outer(spread, spread)
    best, covariance = _best_rates(middle, noise, relatives)
    joined = []
    for k, curve in enumerate(curves):
        lawful = _weight(peaks[k], middle[k], spread[k], best[k], covariance[k, k] ** 0.5)
        weight = LAW * lawful / lawful.mean() + 1 - LAW
        rate = close[k].best(weight)
        regret = close[k].regret(rate, weight)
        joined.append(replace(curve, rate=10.0**rate, regret=regret.mean, regret_sd=regret.sd))
    return joined


def _weight(peaks: Floats, middle: float, spread: float, best: float, sd: float) -> Floats:
    """Return weights of draws with a mean and a spread that give them another mean and a smaller one.

    They are a ratio of Student's t densities. That of normal ones would grow without bound far away from
    both means, where a curve with two peaks has some of its draws.
    """
    if sd >= spread:
        return np.ones(len(peaks))
    old, new = ((peaks - middle) / spread) ** 2, ((peaks - best) / sd) ** 2
    log = np.log1p(old / FREEDOM) - np.log1p(new / FREEDOM)
    return np.exp((log - log.max()) * (FREEDOM + 1) / 2)


def _best_rates(middle: Floats, noise: Floats, relatives: Sequence[Relative]) -> tuple[Floats, Floats]:
    """Return mean and covariance of the best log rates, given each for itself with what it errs by.

    For one deviation from the law all is normal; the deviations are weighted by how well they explain the
    rates.
    """
    expected = -np.log10([each.highest for each in relatives])
    means, ends = np.log10([each.mean for each in relatives]), np.array([each.end for each in relatives])
    groups = [(each.others,) if each.is_planned else k for k, each in enumerate(relatives)]
    same = np.array([[one == other for other in groups] for one in groups], float)
    law = ANYWHERE**2 * same + POWER_SD**2 * np.outer(means, means) + END_SD**2 * np.outer(ends, ends)
    expected = expected - POWER * means - END * ends
    expected += (middle - expected).mean()
    gaps = middle - expected
    fits, shifts, covariances = [], [], []
    for deviation in DEVIATIONS:
        prior = law + deviation**2 * np.eye(len(middle))
        gain = np.linalg.solve(prior + noise, prior).T
        fits.append(-gaps @ np.linalg.solve(prior + noise, gaps) - np.linalg.slogdet(prior + noise)[1])
        shifts.append(gain @ gaps)
        covariances.append(prior - gain @ prior)
    weight = np.exp((np.array(fits) - max(fits)) / 2)
    weight /= weight.sum()
    shift = weight @ np.array(shifts)
    around = np.array(shifts) - shift
    spread = np.einsum("t,ti,tj->ij", weight, around, around)
    return expected + shift, np.einsum("t,tij->ij", weight, np.array(covariances)) + spread
