"""Alpha spending: against simulated Brownian motions, its laws, and looks in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from stepsize.errors import StudyError
from stepsize.stats import look_alpha
from stepsize.stats.looks import ALPHA


def alphas(looks, comparisons=1):
    return [look_alpha(seeds, looks[:i], comparisons) for i, seeds in enumerate(looks)]


def ever_crossed(looks, comparisons=1, studies=400_000):
    """Return the share of Brownian motions that cross any look's bound."""
    order = np.argsort(looks)
    sizes = np.diff(np.sort(looks), prepend=0)
    steps = np.random.default_rng(0).standard_normal((studies, len(looks))) * np.sqrt(sizes)
    z = np.abs(steps.cumsum(axis=1)) / np.sqrt(np.sort(looks))
    bounds = scipy_stats.norm.isf(np.array(alphas(looks, comparisons))[order] / comparisons / 2)
    return (z >= bounds).any(axis=1).mean()


@pytest.mark.parametrize(
    "looks", [[30], [30, 60, 120, 240], [30, 31, 32, 33, 50], [6, 100], [100, 30, 60, 200]]
)
def test_all_looks_together_spend_what_they_may(looks):
    most, left = looks[0], 0.3
    for seeds in looks[1:]:
        left *= most / seeds if seeds > most else 0.5
        most = max(most, seeds)
    expected = ALPHA * (1 - left)
    assert ever_crossed(looks) == pytest.approx(expected, abs=4 * np.sqrt(expected / 400_000))


def test_a_family_shares_alpha_and_each_comparison_spends_its_part():
    assert ever_crossed([30, 60, 120], 10) == pytest.approx(0.005 * 0.925, abs=4 * np.sqrt(0.005 / 400_000))
    assert look_alpha(30, (), 120) == pytest.approx(0.035)
    assert alphas([30, 60], 120)[1] < alphas([30, 60])[1]


def test_the_figures_of_the_docs():
    assert [round(each, 4) for each in alphas([30, 60, 120, 240])] == [0.035, 0.0132, 0.0064, 0.0031]


looks = st.lists(st.integers(1, 300), min_size=1, max_size=6)


@given(looks, st.sampled_from([1, 15]))
@settings(max_examples=40, deadline=None)
def test_every_look_has_some_alpha_and_none_more_than_the_first(numbers, comparisons):
    found = alphas(numbers, comparisons)
    for seeds, alpha in zip(numbers, found, strict=True):
        assert 0 < alpha <= 0.7 * ALPHA + 1e-9 if seeds >= 6 else alpha == 0


@given(looks)
@settings(max_examples=40, deadline=None)
def test_what_comes_later_changes_no_earlier_look(numbers):
    assert alphas(numbers)[:-1] == alphas(numbers[:-1])


@given(looks)
@settings(max_examples=40, deadline=None)
def test_few_seeds_are_no_look(numbers):
    large = [seeds for seeds in numbers if seeds >= 6]
    for seeds in large:
        assert look_alpha(seeds, numbers) == look_alpha(seeds, large)


def test_looks_at_other_seeds_spend_what_is_left_even_if_none_is_shared():
    looks = [30] * 40
    assert sum(alphas(looks)) == pytest.approx(ALPHA)
    z = np.abs(np.random.default_rng(0).standard_normal((100_000, len(looks))))
    bounds = scipy_stats.norm.isf(np.maximum(alphas(looks), 1e-12) / 2)
    assert (z >= bounds).any(axis=1).mean() < ALPHA
    assert alphas([30, 30, 60])[2] < alphas([30, 60])[1]


@pytest.mark.parametrize("wrong", [(0, (), 1), (30, (0,), 1), (30, (), 0)])
def test_numbers_of_seeds_are_positive(wrong):
    with pytest.raises(StudyError, match="must be 1 or more"):
        look_alpha(*wrong)
