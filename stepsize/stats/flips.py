"""The sums that paired differences would have had, had every seed's sign been a coin toss.

If a candidate does nothing, swapping it with the baseline within a seed changes nothing, so all sign patterns
are equally likely. Flipping all signs at once only negates a sum: one pattern of each such pair is enough.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stepsize.stats.scores import Floats

RANDOM_PATTERNS = 20_000
GROUP = 10  # seeds whose 2^10 signed sums are tabulated at once
BLOCK = 250_000  # sums held at a time: 2 MB stay in the cache


def flip_sums(values: Floats, exact_up_to: int) -> Floats:
    """Return the sums of the rows of `values` [m, seeds] under sign flips of whole columns: [m, patterns].

    All patterns for `seeds <= exact_up_to`, else a fixed random sample of them; the first is no flip at all.

    >>> flip_sums(np.array([[1.0, 2.0, 4.0]]), exact_up_to=20)
    array([[ 7.,  3., -1., -5.]])
    """
    m, seeds = values.shape
    if seeds <= exact_up_to:
        return _signed_sums(values[:, :1], values[:, 1:])
    picks = _random_picks(seeds)
    sums = np.zeros((m, picks.shape[1]))
    for i, pick in enumerate(picks):  # a matrix product would do, but its threads would compete with training
        table = _signed_sums(np.zeros((m, 1)), values[:, i * GROUP : (i + 1) * GROUP])
        sums += table.take(pick, axis=1)
    return sums


def pattern_count(seeds: int, exact_up_to: int) -> int:
    """Return how many sums `flip_sums` gives for each row."""
    return 2 ** (seeds - 1) if seeds <= exact_up_to else RANDOM_PATTERNS + 1


def block_size(seeds: int, exact_up_to: int, width: int = 1) -> int:
    """Return how many problems of `width` rows each fit in one block of sums."""
    return max(1, BLOCK // (pattern_count(seeds, exact_up_to) * width))


def _signed_sums(start: Floats, values: Floats) -> Floats:
    """Return start +- values[:, 0] +- values[:, 1] ... for all 2^n choices of the signs, all + first."""
    sums = start
    for column in values.T[..., None]:
        sums = np.concatenate([sums + column, sums - column], axis=1)
    return sums


@lru_cache(maxsize=8)
def _random_picks(seeds: int) -> NDArray[np.int16]:
    """Return one row a group of seeds: which of its signed sums each pattern takes; always the same."""
    generator = np.random.default_rng(0)
    sizes = [min(GROUP, seeds - start) for start in range(0, seeds, GROUP)]
    picks = np.empty((len(sizes), RANDOM_PATTERNS + 1), np.int16)  # of thousands of seeds they are many
    for pick, size in zip(picks, sizes, strict=True):
        pick[:] = generator.integers(0, 2**size, len(pick))
    picks[:, 0] = 0  # no flip at all
    return picks
