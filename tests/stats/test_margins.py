"""The smallest difference that matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.errors import StudyError
from stepsize.stats import practical_margin, relative_margin


def test_the_margin_of_an_accuracy_is_half_a_point_or_one_sample():
    assert practical_margin() == 0.005
    assert practical_margin(1 / 10_000) == 0.005
    assert practical_margin(1 / 116) == 1 / 116


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sample_is_worth_something(value):
    with pytest.raises(StudyError, match=r"sample_value=.* must be a positive number"):
        practical_margin(value)


def test_another_metric_takes_a_hundredth_of_the_typical_score():
    losses = np.random.default_rng(0).normal(0.3, 0.02, 30)
    assert relative_margin(losses) == pytest.approx(0.003, rel=0.05)


@pytest.mark.parametrize("outlier", [-900.0, 900.0, np.nan])
def test_one_wild_or_lost_run_hardly_moves_it(outlier):
    scores = np.random.default_rng(1).normal(0.45, 0.05, 30)
    usual = relative_margin(scores)
    scores[3] = outlier
    assert relative_margin(scores) == pytest.approx(usual, rel=0.05)


def test_it_does_not_vanish_near_0():
    rewards = np.random.default_rng(2).normal(0.0, 3.0, 100)
    assert relative_margin(rewards) == pytest.approx(0.15, rel=0.25)


def test_where_nothing_is_known_it_is_positive():
    assert relative_margin([0.0, 0.0]) == relative_margin([np.nan]) == 0.01


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.floats(0.1, 10))
def test_it_is_positive_and_follows_the_unit_and_the_sign(scores, unit):
    margin = relative_margin(scores)
    assert margin > 0
    assert relative_margin([-each for each in scores]) == pytest.approx(margin)
    if margin != 0.01:
        assert relative_margin([unit * each for each in scores]) == pytest.approx(unit * margin, rel=1e-6)


def test_scores_are_numbers():
    with pytest.raises(StudyError, match="baseline holds 1 value not finite"):
        relative_margin([1.0, np.inf])
