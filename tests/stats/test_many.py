"""The best set of many candidates is the one that the plain test gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.stats import best_set
from stepsize.stats.best_set import EXACT_SEEDS, MANY, cutoff, none_better_p
from stepsize.stats.many import none_better
from stepsize.stats.scores import NOISE

CUT = cutoff(0.95)


def scores(seed: int, candidates: int, seeds: int, spread: float, grain: int | None) -> np.ndarray:
    generator = np.random.default_rng(seed)
    means = generator.normal(0.9, spread, (candidates, 1))
    shared, own = generator.normal(0, 0.02, seeds), generator.normal(0, 0.01, (candidates, seeds))
    values = means + shared + own
    return values if grain is None else np.rint(grain * values) / grain


def both(values: np.ndarray) -> tuple[list[bool], list[bool]]:
    rounding = NOISE * float(np.median(np.abs(values)))
    p = none_better_p(values[None] - values[:, None], np.full(len(values), rounding))
    return [bool(each > CUT) for each in p], none_better(values, rounding, CUT, EXACT_SEEDS)


@given(
    seed=st.integers(0, 10_000),
    candidates=st.integers(1, 24),
    seeds=st.integers(1, 40),
    spread=st.sampled_from([0.0, 0.003, 0.02]),
    grain=st.sampled_from([None, 116, 20]),
)
@settings(max_examples=60, deadline=None)
def test_it_decides_as_the_plain_test(seed, candidates, seeds, spread, grain):
    plain, decided = both(scores(seed, candidates, seeds, spread, grain))
    assert decided == plain


def test_the_comparison_with_the_plain_test_can_fail():
    values = scores(0, 12, 30, 0.01, None)
    assert both(values)[0] != both(-values)[1]


def test_scores_that_are_all_equal_stay_together():
    plain, decided = both(np.full((9, 12), 0.9))
    assert decided == plain == [True] * 9


def test_a_tie_within_rounding_is_a_tie():
    values = scores(3, 6, 20, 0.0, None).astype(np.float32).astype(float)
    values[1] = values[0] * (1 + 1e-8)
    plain, decided = both(values)
    assert decided == plain
    assert decided[0] == decided[1]


@pytest.mark.parametrize(("candidates", "seeds"), [(300, 40), (10, 3000)])
def test_of_many_the_leaders_stay_and_the_others_leave(candidates, seeds):
    values = scores(5, candidates, seeds, 0.0, 116)
    assert candidates**2 * seeds > MANY
    values[:3] += 0.02
    found = best_set(values)
    assert any(found[:3])
    assert not any(found[3:])
    assert all(type(each) is bool for each in found)


def test_of_many_equals_few_leave():
    found = best_set(scores(6, 400, 25, 0.0, 116))
    assert sum(found) > 0.9 * len(found)
