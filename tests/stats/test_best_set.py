"""The set of candidates that may be the best: against a plain computation, and its laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.errors import StudyError
from stepsize.stats import best_set

tables = st.integers(1, 6).flatmap(
    lambda k: st.integers(1, 10).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 30).map(lambda right: right / 116), min_size=n, max_size=n),
            min_size=k,
            max_size=k,
        ).map(np.array)
    )
)


def plain_best_set(scores: np.ndarray, cut: float = 0.04) -> list[bool]:
    """Return the best set by loops over candidates and over all 2^n sign patterns."""
    kept = []
    for one in scores:
        d = np.array([other - one for other in scores])
        norm = np.maximum(np.sqrt((d**2).sum(axis=1)), 1e-30)
        observed = (d.sum(axis=1) / norm).max()
        flips = [(d @ np.array(signs) / norm).max() for signs in product([1.0, -1.0], repeat=scores.shape[1])]
        kept.append(bool(np.mean(np.array(flips) >= observed - 1e-6) > cut))
    return kept


def study(seed: int, means: list[float], n: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(0, 0.02, n) + generator.normal(np.array(means)[:, None], 0.01, (len(means), n))


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_plain_computation(seed):
    scores = study(seed, [0.9, 0.905, 0.91, 0.915, 0.9], 8)
    assert best_set(scores) == plain_best_set(scores)
    rounded = np.round(scores * 116) / 116
    assert best_set(rounded) == plain_best_set(rounded)


def test_the_comparison_with_the_plain_computation_can_fail():
    scores = study(0, [0.9, 0.905, 0.91, 0.915, 0.9], 8)
    assert plain_best_set(scores) != plain_best_set(-scores)


@pytest.mark.parametrize("n", [10, 30])
def test_finds_a_clear_winner_and_keeps_a_clear_tie(n):
    assert best_set(study(1, [0.80, 0.90, 0.85], n)) == [False, True, False]
    assert best_set(study(1, [0.80, 0.90, 0.90], n)) == [False, True, True]


@given(tables)
@settings(max_examples=60, deadline=None)
def test_holds_the_highest_mean(scores):
    kept = best_set(scores)
    assert len(kept) == len(scores)
    assert kept[int(scores.mean(axis=1).argmax())]


@given(tables, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_candidates_and_seeds_does_not_matter(scores, random):
    rows = random.sample(range(scores.shape[0]), scores.shape[0])
    columns = random.sample(range(scores.shape[1]), scores.shape[1])
    kept = best_set(scores)
    assert best_set(scores[rows][:, columns]) == [kept[row] for row in rows]


@given(tables, st.floats(-1, 1))
@settings(max_examples=60, deadline=None)
def test_adding_a_seed_effect_does_not_matter(scores, shift):
    effect = shift * np.arange(scores.shape[1]) / scores.shape[1]
    assert best_set(scores + effect) == best_set(scores)


@given(tables)
@settings(max_examples=60, deadline=None)
def test_a_twin_shares_the_fate_and_a_hopeless_candidate_changes_nothing_for_the_top(scores):
    kept = best_set(scores)
    twinned = best_set(np.vstack([scores, scores[:1]]))
    assert twinned[0] == twinned[-1]
    assert twinned[:-1] == kept
    dominated = best_set(np.vstack([scores, scores.min(axis=0) - 1.0]))
    assert all(after or not before for before, after in zip(kept, dominated, strict=False))
    if scores.shape[1] >= 5:
        assert not dominated[-1]


@given(tables)
@settings(max_examples=40, deadline=None)
def test_a_higher_level_keeps_more(scores):
    assert all(
        wide or not narrow for narrow, wide in zip(best_set(scores, 0.8), best_set(scores, 0.99), strict=True)
    )


@pytest.mark.parametrize("n", [1, 2, 4])
def test_too_few_seeds_keep_everyone(n):
    assert best_set(np.array([[0.1] * n, [0.9] * n])) == [True, True]


def test_one_candidate_or_all_alike():
    assert best_set([[0.5, 0.6]]) == [True]
    assert best_set(np.full((4, 30), 0.7)) == [True] * 4


def test_a_diverged_candidate_leaves_and_hides_nothing():
    scores = study(2, [0.85, 0.90], 12)
    diverged = np.vstack([scores, np.full(12, -1e6)])
    assert best_set(diverged) == [False, True, False]


def test_a_hundred_candidates():
    kept = best_set(study(3, [*np.linspace(0.7, 0.8, 99), 0.9], 30))
    assert kept == [False] * 99 + [True]


@pytest.mark.parametrize("level", [0.0, 1.0, 95, float("nan")])
def test_a_level_is_a_share(level):
    with pytest.raises(StudyError, match=r"level=.* must lie between 0 and 1: type 0.95"):
        best_set([[0.1, 0.2]], level)


def test_scores_must_be_a_table():
    with pytest.raises(StudyError, match=r"scores has shape \(2,\); it must be \[candidates, n_seeds\]"):
        best_set([0.1, 0.2])
