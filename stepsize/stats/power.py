"""How small a difference matters, and how many seeds it takes to see it."""

from __future__ import annotations

import math

from stepsize.errors import StudyError
from stepsize.stats.margins import HALF_A_POINT as HALF_A_POINT

MOST_SEEDS = 100_000


def seeds_needed(sd: float, margin: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return the seeds that show a paired difference of `margin` with probability `power`.

    `sd` is the standard deviation of the paired differences seen so far. The smallest n for which the
    two-sided t-test rejects, in the right direction, with that probability: P(T > t(n - 1)) >= power, T
    non-central t with n - 1 degrees of freedom and centre margin * sqrt(n) / sd. Never fewer than the
    sign-flip test of the verdict can use, 2^(1 - n) <= alpha: 6 for alpha 0.05, also for sd 0. For k
    candidates against one baseline hand over alpha / k. 100,000 means "100,000 or more".

    Raises StudyError for a number outside its range.

    >>> seeds_needed(sd=0.013, margin=0.01)
    16
    >>> seeds_needed(sd=0.0, margin=0.01)
    6
    """
    if not 0 <= sd < math.inf:
        raise StudyError(f"sd={sd!r} must be a finite number, 0 or more: the sd of paired differences")
    if not 0 < margin < math.inf:
        raise StudyError(f"margin={margin!r} must be a positive number, such as practical_margin()")
    if not 0 < alpha < power < 1:
        raise StudyError(f"alpha={alpha!r}, power={power!r}: they must keep 0 < alpha < power < 1")
    few = max(2, 1 + math.ceil(-math.log2(alpha)))
    many = MOST_SEEDS
    effect = min(margin / sd, 100.0) if sd else 100.0  # 100 is certain to show
    if _power(few, effect, alpha) >= power:
        return few
    while many - few > 1:
        middle = (few + many) // 2
        if _power(middle, effect, alpha) >= power:
            many = middle
        else:
            few = middle
    return many


def _power(n: int, effect: float, alpha: float) -> float:
    from scipy.special import nctdtr, stdtrit

    critical, centre = stdtrit(n - 1, 1 - alpha / 2), effect * math.sqrt(n)
    if centre - critical > 8 * math.sqrt(1 + critical**2 / (2 * (n - 1))):
        return 1.0  # but for 1e-11 or less; nctdtr answers nan far from the centre
    return float(1 - nctdtr(n - 1, centre, critical))
