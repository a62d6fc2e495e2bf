"""One test for a pair of candidates: does their difference over the same seeds stand out?

Pairing removes what a seed does to both (its split, its initial weights). A lost run, one that diverged, has
no score: it ranks below every finished run, and no number takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stepsize.stats.interval import bounds
from stepsize.stats.looks import LEAST_SEEDS
from stepsize.stats.scores import NOISE, Floats

Bools = np.ndarray
LARGE = 1e9  # a t beyond it is as certain as this one


@dataclass(frozen=True, eq=False)
class Pairs:
    """m pairs of candidates, first minus second: each field is an array [m].

    `estimate` is the mean difference, corrected for the bias of tuning, over the `n` seeds that both
    finished; `se` and `df` are its standard error and degrees of freedom; `p` is two-sided. `direction` is +1
    where the first is ahead, -1 where the second is: the one with fewer lost runs, or if both lost as many,
    the sign of the estimate. `p_better` is the share of seeds that the first wins, a tie counting half.
    `lost_first` and `lost_second` count the seeds that one lost alone, `by_lost` says that p rests on these.
    `rounding` is the error of a difference.
    """

    n: np.ndarray
    mean: Floats
    sd: Floats
    estimate: Floats
    se: Floats
    df: Floats
    p: Floats
    direction: np.ndarray
    p_better: Floats
    lost_first: np.ndarray
    lost_second: np.ndarray
    by_lost: np.ndarray
    rounding: Floats

    def intervals(self, alpha: float, step: float) -> tuple[Floats, Floats]:
        """Return the ends of the 1 - alpha intervals of the estimates; infinite for fewer than two seeds."""
        low, high = bounds(self.estimate, self.se, self.df, np.maximum(self.n, 1), alpha, step)
        known = self.n > 1
        return np.where(known, low, -np.inf), np.where(known, high, np.inf)

    def equivalent(self, margin: float, alpha: float, step: float) -> Bools:
        """Return where the 1 - alpha interval lies within the margin, and both lost the same seeds."""
        if alpha <= 0:
            return np.zeros(len(self.n), bool)
        low, high = self.intervals(alpha, step)
        same_seeds = (self.lost_first == 0) & (self.lost_second == 0)
        reach = margin + self.rounding
        return (self.n >= LEAST_SEEDS) & same_seeds & (-reach <= low) & (high <= reach)


def compare_pairs(
    first: Floats,
    second: Floats,
    tuning_first: Floats,
    tuning_second: Floats,
    common: Floats | float = 0.0,
) -> Pairs:
    """Compare row by row, [m, n_seeds] each, with rows of `tuning_columns`; nan is a lost run.

    `common` [m] is the covariance of what tuning leaves in both, as in `tuning_covariance`.

    **Scores.** With d the differences over the n seeds that both finished, s their standard deviation, v_1
    and v_2 what tuning leaves in each mean, and v_12 what it leaves in both,

        t = (|mean(d) + bias_1 - bias_2| - c / n) / sqrt(s^2 / n + v_1 + v_2 - 2 v_12)

    with Student's distribution, whose degrees of freedom combine those of the three variances (Welch,
    Biometrika 34, 1947). Student's distribution is that of t for normal differences; with a tail on one side,
    leads in the other direction look too certain. So p is that of t or, if it is larger, that of t with the
    skewness of the mean removed (Hall, J. R. Stat. Soc. B 54, 1992),

        g = t + k t^2 / 3 + k^2 t^3 / 27 + k / 6

    where k is the third moment of d over n^2 and the cube of the standard error, positive for a tail on the
    side of the lead; it is not taken below -1 / t, where the expansion no longer holds. c is the smallest
    difference that is not 0: scores that move in steps can only give sums that lie two steps apart, and this
    correction for continuity makes t agree with Fisher's exact test over all sign patterns of the
    differences; where scores can be any number it is negligible. p is never below 2 / 2^m, the smallest p
    that m differences other than 0 can have in that exact test.

    **Lost runs.** b seeds are lost by the first alone, c by the second alone. If b = c, only scores count. If
    not, the one that lost more can only be behind: p = min(1, 2 min(p_lost, p_scores)), p_lost by the exact
    sign test of b against c, and p_scores as above if the scores too are against it, else 1. A candidate that
    finished no run has only p_lost.
    """
    d = first - second
    finished = ~np.isnan(d)
    rounding = NOISE * np.maximum(typical_size(first), typical_size(second))
    d = np.where(finished & (np.abs(d) > rounding[:, None]), d, 0.0)
    n = finished.sum(axis=1)
    mean = d.sum(axis=1) / np.maximum(n, 1)
    around = np.where(finished, d - mean[:, None], 0.0)
    sd = np.sqrt((around**2).sum(axis=1) / np.maximum(n - 1, 1))
    estimate, se, df = _with_tuning(mean, sd, n, tuning_first, tuning_second, common)
    lost_first = (np.isnan(first) & ~np.isnan(second)).sum(axis=1)
    lost_second = (np.isnan(second) & ~np.isnan(first)).sum(axis=1)
    direction = np.where(lost_first == lost_second, np.sign(estimate), np.sign(lost_second - lost_first))
    third = (around * around**2).sum(axis=1) / np.maximum(n, 1)  # a power of 3 is not exactly odd
    p_scores = _score_p(d, n, estimate, se, df, third)
    p, by_lost = _with_lost(p_scores, n, np.sign(estimate), lost_first, lost_second)
    wins = (d > 0).sum(axis=1) + lost_second
    losses = (d < 0).sum(axis=1) + lost_first
    p_better = 0.5 + 0.5 * (wins - losses) / d.shape[1]
    return Pairs(
        n,
        mean,
        sd,
        estimate,
        se,
        df,
        p,
        direction.astype(int),
        p_better,
        lost_first,
        lost_second,
        by_lost,
        rounding,
    )


def typical_size(scores: Floats) -> Floats:
    """Return the median size of the finished scores of each row, 0 for a row without any."""
    sizes = np.sort(np.abs(scores), axis=1)  # nan comes last
    n = (~np.isnan(scores)).sum(axis=1)
    rows = np.arange(len(scores))
    return np.where(n > 0, sizes[rows, np.maximum(n - 1, 0) // 2], 0.0)


def _with_tuning(
    mean: Floats, sd: Floats, n: np.ndarray, first: Floats, second: Floats, common: Floats | float
) -> tuple[Floats, Floats, Floats]:
    """Return estimate, standard error and degrees of freedom with what tuning leaves."""
    seeds, free = sd**2 / np.maximum(n, 1), np.maximum(n - 1.0, 1.0)
    (variance_1, bias_1, df_1), (variance_2, bias_2, df_2) = first.T, second.T
    # Exactly the same for the two in either order.
    total = seeds + np.maximum(variance_1 + variance_2 - 2 * common, 0.0)
    spread = seeds**2 / free + (variance_1**2 / df_1 + variance_2**2 / df_2)
    known = (variance_1 + variance_2 > 0) & (spread > 0)
    df = np.divide(total**2, spread, out=free, where=known)
    return mean + (bias_1 - bias_2), np.sqrt(total), df


def _score_p(d: Floats, n: np.ndarray, estimate: Floats, se: Floats, df: Floats, third: Floats) -> Floats:
    from scipy.special import stdtr

    sizes = np.abs(d)
    moved = (sizes > 0).sum(axis=1)
    step = np.where(sizes > 0, sizes, np.inf).min(axis=1, initial=np.inf)
    reach = np.maximum(np.abs(estimate) - np.where(moved > 0, step, 0.0) / np.maximum(n, 1), 0.0)
    t = np.divide(reach, se, out=np.where(reach > 0, np.inf, 0.0), where=se > 0)
    steady = np.minimum(t, _without_skew(t, np.sign(estimate) * third, n, se))
    p = np.minimum(2 * stdtr(df, -np.maximum(steady, 0.0)), 1.0)
    return np.where(n > 1, np.maximum(p, np.minimum(2.0 ** (1.0 - moved), 1.0)), 1.0)


def _without_skew(t: Floats, third: Floats, n: np.ndarray, se: Floats) -> Floats:
    """Return t with the skewness of the mean removed, from the third moment of the differences."""
    known = (se > 0) & (t > 0)
    size = np.where(known, np.minimum(t, LARGE), 1.0)
    root = np.divide(np.cbrt(third), se, out=np.zeros_like(t), where=known)  # se**3 may be 0 in float64
    skew = np.maximum(root**3 / np.maximum(n, 1) ** 2, -1 / size)
    return np.where(known, size + skew * size**2 / 3 + skew**2 * size**3 / 27 + skew / 6, t)


def _with_lost(
    p: Floats, n: np.ndarray, sign: Floats, lost_first: np.ndarray, lost_second: np.ndarray
) -> tuple[Floats, Bools]:
    from scipy.special import bdtrc

    uneven = lost_first != lost_second
    if not uneven.any():
        return p, uneven
    alone = lost_first + lost_second
    most = np.maximum(lost_first, lost_second)
    p_lost = np.where(uneven, np.minimum(2 * bdtrc(most - 1.0, np.maximum(alone, 1), 0.5), 1.0), 1.0)
    p_scores = np.where(sign == np.sign(lost_second - lost_first), p, 1.0)
    both = np.where(n > 0, np.minimum(2 * np.minimum(p_lost, p_scores), 1.0), p_lost)
    return np.where(uneven, both, p), uneven & ((p_lost < p_scores) | (n == 0))
