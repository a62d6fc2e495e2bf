"""The sums that paired differences would have had, had every seed's sign been a coin toss.

If a candidate does nothing, swapping it with the baseline within a seed changes nothing, so all sign patterns
are equally likely. Flipping all signs at once only negates a sum: one pattern of each such pair is enough.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stepsize.stats.scores import Floats

RANDOM_PATTERNS = 20_000
BLOCK = 250_000  # sums held at a time: 2 MB stay in the cache


@lru_cache(maxsize=8)
def _random_patterns(seeds: int) -> Floats:
    """Return the observed signs (all +1), then `RANDOM_PATTERNS` random ones, always the same."""
    drawn = np.random.default_rng(0).integers(0, 2, size=(RANDOM_PATTERNS, seeds))
    return np.concatenate([np.ones((1, seeds)), 2.0 * drawn - 1.0])


def pattern_count(seeds: int, exact_up_to: int) -> int:
    """Return how many sums `flip_sums` gives for each column."""
    return 2 ** (seeds - 1) if seeds <= exact_up_to else RANDOM_PATTERNS + 1


def flip_sums(values: Floats, exact_up_to: int) -> Floats:
    """Return the sums of the columns of `values` [seeds, m] under sign flips of whole rows: [patterns, m].

    All patterns for `seeds <= exact_up_to`, else a fixed random sample of them; the first is no flip at all.

    >>> flip_sums(np.array([[1.0], [2.0], [4.0]]), exact_up_to=20).ravel()
    array([ 7.,  3., -1., -5.])
    """
    if len(values) > exact_up_to:
        return _random_patterns(len(values)) @ values
    sums = values[:1]
    for row in values[1:]:
        sums = np.concatenate([sums + row, sums - row])
    return sums


def block_size(seeds: int, exact_up_to: int, width: int = 1) -> int:
    """Return how many problems of `width` columns each fit in one block of sums."""
    return max(1, BLOCK // (pattern_count(seeds, exact_up_to) * width))
