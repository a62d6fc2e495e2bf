"""All sign patterns, or a fair sample of them, the observed one first."""

from __future__ import annotations

from itertools import product

import numpy as np

from stepsize.stats.flips import GROUP, RANDOM_PATTERNS, block_size, flip_sums, pattern_count


def test_all_patterns_up_to_a_global_sign():
    values = np.random.default_rng(1).normal(size=(3, 6))
    patterns = np.array([(1, *signs) for signs in product([1, -1], repeat=5)])
    found = flip_sums(values, exact_up_to=6)
    assert found.shape == (3, pattern_count(6, 6))
    np.testing.assert_allclose(np.sort(found, axis=1), np.sort(values @ patterns.T, axis=1), atol=1e-12)


def test_the_first_pattern_is_the_observed_one():
    values = np.random.default_rng(2).normal(size=(4, 27))
    for exact_up_to in (5, 27 // 2):
        np.testing.assert_allclose(flip_sums(values, exact_up_to)[:, 0], values.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(flip_sums(values[:, :9], 9)[:, 0], values[:, :9].sum(axis=1), atol=1e-12)


def test_random_patterns_flip_every_seed_independently_and_all_rows_alike():
    seeds = 2 * GROUP + 3
    signs = flip_sums(np.eye(seeds), exact_up_to=5)  # row s is seed s alone: its sum is its sign
    assert signs.shape == (seeds, RANDOM_PATTERNS + 1)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    correlation = signs[:, 1:] @ signs[:, 1:].T / RANDOM_PATTERNS
    assert np.abs(correlation - np.eye(seeds)).max() < 5 / np.sqrt(RANDOM_PATTERNS)
    assert np.abs(signs[:, 1:].mean(axis=1)).max() < 5 / np.sqrt(RANDOM_PATTERNS)
    values = np.random.default_rng(3).normal(size=(2, seeds))
    np.testing.assert_allclose(flip_sums(values, 5), values @ signs, atol=1e-9)


def test_blocks_are_never_empty():
    assert block_size(20, 20) >= 1
    assert block_size(200, 20, width=10_000) == 1
