"""Is a candidate better than the baseline? Both ran the same seeds, so each seed gives one difference.

Pairing removes what a seed does to both (its split, its initial weights): only the difference must stand out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.flips import block_size, flip_sums
from stepsize.stats.interval import Interval, as_step, bounds
from stepsize.stats.looks import ALPHA, LEAST_SEEDS
from stepsize.stats.scores import Floats, as_scores, differences

Word = Literal["better", "equivalent", "worse", "not shown"]

EXACT_SEEDS = 20


@dataclass(frozen=True)
class Paired:
    """A candidate minus the baseline: `mean`, `sd` and `ci95` of the differences over `n` seeds.

    `p` is two-sided; `p_better` is the share of seeds that the candidate wins, a tie counting half.
    One seed has neither sd nor ci95.
    """

    n: int
    mean: float
    sd: float | None
    ci95: Interval | None
    p: float
    p_better: float


def compare_paired(candidate: ArrayLike, baseline: ArrayLike, *, sample_value: float | None = None) -> Paired:
    """Compare two candidates' scores [n_seeds], seed by seed; higher is better.

    p is the share of sign patterns of the differences whose |sum| reaches the one observed (Fisher's
    sign-flip test): all 2^n patterns up to 20 seeds, the observed and 20,000 fixed random ones beyond. It
    assumes no normal distribution, only that the two could be swapped within a seed if they did not differ.
    ci95 is the t-interval of `summarise`, with the same `sample_value`.

    Raises StudyError for scores that are not finite or do not pair up.

    >>> found = compare_paired([0.93, 0.95, 0.94, 0.97, 0.96, 0.95], [0.91, 0.92, 0.92, 0.94, 0.95, 0.93])
    >>> round(found.mean, 4), found.p, found.p_better
    (0.0217, 0.03125, 1.0)
    """
    ours = as_scores("candidate", candidate, "[n_seeds]")
    theirs = as_scores("baseline", baseline, "[n_seeds]")
    if len(ours) != len(theirs):
        raise StudyError(
            f"candidate has {len(ours)} scores and baseline {len(theirs)}; "
            "both need one score for each of the same seeds, in the same order"
        )
    return compare_rows(ours[None], theirs[None], as_step(sample_value))[0]


def compare_rows(candidates: Floats, baselines: Floats, step: float = 0.0) -> list[Paired]:
    """Compare row by row [m, n_seeds]; `compare_paired` for many pairs at once."""
    d, rounding = differences(candidates, baselines)
    n = d.shape[1]
    means = d.mean(axis=1)
    ps = sign_flip_p(d, rounding)
    wins = ((d > 0) + 0.5 * (d == 0)).mean(axis=1)
    if n == 1:
        return [
            Paired(1, mean, None, None, p, win)
            for mean, p, win in zip(means.tolist(), ps.tolist(), wins.tolist(), strict=True)
        ]
    sds = d.std(axis=1, ddof=1)
    lows, highs = bounds(means, sds / n**0.5, n - 1, n, step=step)
    columns = np.stack([means, sds, lows, highs, ps, wins], axis=1).tolist()
    return [Paired(n, mean, sd, (low, high), p, win) for mean, sd, low, high, p, win in columns]


def sign_flip_p(d: Floats, rounding: Floats) -> Floats:
    """Return the two-sided sign-flip p of each row of differences [m, n_seeds].

    Only |d| matters for the sums that flips can give, so it is sorted: p does not depend on the seeds' order.
    Sums that lie within rounding of the observed one count as equal to it. The unflipped |d| always reaches
    it, so p is never 0.
    """
    m, n = d.shape
    sizes = np.sort(np.abs(d), axis=1)
    reach = np.abs(d.sum(axis=1)) - n * rounding
    size = block_size(n, EXACT_SEEDS)
    blocks = [slice(i, i + size) for i in range(0, m, size)]
    return np.concatenate(
        [(np.abs(flip_sums(sizes[b], EXACT_SEEDS)) >= reach[b, None]).mean(axis=1) for b in blocks]
    )


def judge(paired: Paired, p_holm: float, margin: float) -> Word:
    """Say in one word what the comparison shows; `margin` is the smallest difference that matters.

    1. Fewer than 6 seeds: "not shown". No pattern of so few signs is rarer than 1 in 20.
    2. The whole 95 % interval within [-margin, +margin]: "equivalent". This comes first, because a difference
       that is real yet too small to matter should not be acted on.
    3. p_holm <= 0.05: "better" or "worse", by the sign of the mean.
    4. Otherwise "not shown": there may be a difference, these seeds cannot tell.

    Raises StudyError for a margin that is negative or not finite.

    >>> judge(Paired(30, 0.020, 0.01, (0.016, 0.024), 0.0001, 0.97), p_holm=0.0004, margin=0.005)
    'better'
    >>> judge(Paired(30, 0.002, 0.002, (0.001, 0.003), 0.0001, 0.9), p_holm=0.0004, margin=0.005)
    'equivalent'
    """
    if not 0 <= margin < np.inf:
        raise StudyError(f"margin={margin!r} must be a finite number, 0 or more, in units of the score")
    if paired.ci95 is None or paired.n < LEAST_SEEDS:
        return "not shown"
    low, high = paired.ci95
    if -margin <= low and high <= margin:
        return "equivalent"
    if p_holm <= ALPHA:
        return "better" if paired.mean > 0 else "worse"
    return "not shown"
