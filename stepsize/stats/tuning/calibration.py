"""How much does tuning leave open, and do the intervals cover it? Simulated tunings whose truth is known.

Two schedules are tuned on a coarse grid, then on a few rates around the best and on a few closer ones, as a
study does, and their rates are chosen together. Their scores at these rates are then compared on fresh seeds.
Whole studies, with the words that they say, are replayed by `benchmarks/truth.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stepsize.stats.scores import Floats
from stepsize.stats.tuning.common_peaks import Relative, with_common_peaks
from stepsize.stats.tuning.rate_curve import RateCurve, fit_rate_curve
from stepsize.stats.tuning_error import TuningError, tuning_covariance

COARSE = np.logspace(-3, 0, 7)
AROUND = (np.logspace(-0.75, 0.75, 5), np.logspace(-0.5, 0.5, 5))  # times the best rate so far
FEWEST_PARTED = 16  # fine seeds; fewer all run at the first of these rates
SEED_SD, NOISE_SD = 0.02, 0.01


@dataclass(frozen=True)
class ScoreCurve:
    """The mean score 0.9 - left 10^(p (peak - x)) - right 10^(q (x - peak)) over x = log10(rate).

    `average` is the mean rate of the schedule over its highest one.
    """

    peak: float = -1.0
    p: float = 1.5
    q: float = 2.5
    left: float = 0.01
    right: float = 0.006
    average: float = 1.0

    def mean(self, rates: Floats) -> Floats:
        """Return the mean score at rates; below 0.3 it does not fall."""
        x = np.log10(rates) - self.peak
        return np.maximum(0.9 - self.left * 10 ** (-self.p * x) - self.right * 10 ** (self.q * x), 0.3)

    def best(self) -> float:
        """Return the score at the best rate."""
        return float(self.mean(np.logspace(-6, 3, 9001)).max())

    def draw(self, generator: np.random.Generator, rates: Floats, shared: Floats) -> Floats:
        """Return scores [rates, seeds] whose seeds have the effects `shared`."""
        noise = NOISE_SD * generator.standard_normal((len(rates), len(shared)))
        return self.mean(rates)[:, None] + SEED_SD * shared + noise


@dataclass(frozen=True)
class TuningCalibration:
    """Means over simulated studies, in units of the score; `coverage` is a share.

    `regret` is what the chosen rate loses to the best one, `stated` what the curve says that it loses.
    `coverage` counts the 95 % intervals that contain the difference of two schedules at their best rates,
    `plain` those of the same studies that leave tuning out.
    """

    regret: float
    stated: float
    coverage: float
    plain: float


def calibrate_tuning(
    first: ScoreCurve, second: ScoreCurve, seeds: int, *, coarse: int = 8, fine: int = 44, studies: int = 500
) -> TuningCalibration:
    """Measure studies that tune two schedules on `coarse` and `fine` seeds and judge them on `seeds`.

    The same arguments give the same figures.

    >>> found = calibrate_tuning(ScoreCurve(), ScoreCurve(peak=-1.3), seeds=30, studies=12)
    >>> found.regret < 0.002, found.coverage > 0.85
    (True, True)
    """
    generator = np.random.default_rng(seeds)
    truth = first.best() - second.best()
    regrets, stated, inside, plain = [], [], [], []
    for _ in range(studies):
        effects = [generator.standard_normal(count) for count in (coarse, fine, seeds)]
        alone = [_tuned(generator, each, effects[0], effects[1]) for each in (first, second)]
        curves = with_common_peaks(alone, [Relative(mean=each.average) for each in (first, second)])
        scores = [
            each.draw(generator, np.array([curve.rate]), effects[2])[0]
            for each, curve in zip((first, second), curves, strict=True)
        ]
        for each, curve in zip((first, second), curves, strict=True):
            regrets.append(each.best() - float(each.mean(np.array(curve.rate))))
            stated.append(curve.regret)
        difference = scores[0] - scores[1]
        inside.append(_covers(difference, curves[0].regret - curves[1].regret, _left_open(curves), truth))
        plain.append(_covers(difference, 0.0, 0.0, truth))
    return TuningCalibration(*(float(np.mean(each)) for each in (regrets, stated, inside, plain)))


def _tuned(generator: np.random.Generator, schedule: ScoreCurve, coarse: Floats, fine: Floats) -> RateCurve:
    rates, scores = COARSE, schedule.draw(generator, COARSE, coarse)
    parts = np.split(fine, [round(len(fine) / 3)]) if len(fine) >= FEWEST_PARTED else [fine]
    for factors, seeds in zip(AROUND, parts, strict=False):
        best = fit_rate_curve(rates, scores, regret=False).rate
        around = np.setdiff1d(np.round(np.clip(best * factors, COARSE[0], COARSE[-1] * 10), 12), rates)
        more = np.full((len(rates) + len(around), scores.shape[1] + len(seeds)), np.nan)
        more[: len(rates), : scores.shape[1]] = scores
        more[len(rates) :, scores.shape[1] :] = schedule.draw(generator, around, seeds)
        rates, scores = np.concatenate([rates, around]), more
    return fit_rate_curve(rates, scores)


def _left_open(curves: list[RateCurve]) -> float:
    """Return the variance that tuning adds to the difference of two candidates."""
    errors = [TuningError(each.regret_sd**2, each.regret, slopes=tuple(each.slopes)) for each in curves]
    common = tuning_covariance(errors, 2)[0, 1]
    return max(sum(each.variance for each in errors) - 2 * common, 0.0)


def _covers(difference: Floats, bias: float, variance: float, truth: float) -> bool:
    from scipy.special import stdtrit

    n = len(difference)
    error = (difference.var(ddof=1) / n + variance) ** 0.5
    return bool(abs(difference.mean() + bias - truth) <= stdtrit(n - 1, 0.975) * error)
