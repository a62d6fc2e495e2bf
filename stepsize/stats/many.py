"""The best set of many candidates: the same test, decided as soon as its outcome is all but certain.

The sums that sign flips give the difference of two candidates are the difference of their own sums. So one
table of sums, [candidates, patterns], serves all pairs, and memory and time stay in hand for thousands.
"""

from __future__ import annotations

import math

import numpy as np

from stepsize.stats.flips import flip_sums
from stepsize.stats.scores import Floats

PATTERNS = 250  # looked at before it is asked whether the rest can change the outcome
CERTAIN = 6.0  # standard errors of a share: a wrong decision is as rare as one in 10^8


def none_better(values: Floats, rounding: float, cut: float, exact_up_to: int) -> list[bool]:
    """Say for each row of `values` [candidates, n_seeds] whether "no other beats it" has p > cut."""
    flipped = flip_sums(
        values - values.mean(axis=0), exact_up_to
    )  # what all share cancels out of differences
    if values.shape[1] <= exact_up_to:  # then the patterns come in an order, and are put in none
        flipped = flipped[:, np.random.default_rng(0).permutation(flipped.shape[1])]
    return [_stays(i, values, flipped, rounding, cut) for i in range(len(values))]


def _stays(i: int, values: Floats, flipped: Floats, rounding: float, cut: float) -> bool:
    d = values - values[i]
    d[np.abs(d) <= rounding] = 0.0
    norm = np.sqrt((d**2).sum(axis=1))
    norm[norm == 0] = np.inf  # all tied, as with itself: it never leads
    observed = d.sum(axis=1) / norm
    strongest = observed.argmax()
    # What `flipped` holds of differences within rounding is not 0, so rounding may have acted twice.
    reach = observed[strongest] - 2 * d.shape[1] * rounding / norm[strongest]
    if reach <= 0:
        return True  # every pattern reaches it, with the 0 of the candidate and itself
    if len(d) * math.exp(-(reach**2) / 2) <= cut:
        return False  # p is no more than that (Hoeffding, J. Am. Stat. Assoc. 58, 1963)
    return _share_exceeds(cut, flipped, flipped[i], (reach * norm)[:, None])


def _share_exceeds(cut: float, rivals: Floats, own: Floats, reach: Floats) -> bool:
    """Say whether more than `cut` of the patterns and their opposites let a rival lead by its `reach`.

    The patterns come in no order, so the share of the first ones tells the share of all.
    """
    count = seen = 0
    for start in range(0, len(own), PATTERNS):
        theirs, ours = rivals[:, start : start + PATTERNS], own[start : start + PATTERNS]
        count += ((theirs - reach).max(axis=0) >= ours).sum() + ((theirs + reach).min(axis=0) <= ours).sum()
        seen += len(ours)
        if abs(count / (2 * seen) - cut) > CERTAIN * math.sqrt(cut * (1 - cut) / seen):
            break
    return bool(count > cut * 2 * seen)
