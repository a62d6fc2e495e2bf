"""Seeds needed, against scipy's non-central t and against simulation; the practical margin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from stepsize.errors import StudyError
from stepsize.stats import practical_margin, seeds_needed


def power_of(n: int, effect: float, alpha: float) -> float:
    return float(scipy_stats.nct.sf(scipy_stats.t.isf(alpha / 2, n - 1), n - 1, effect * np.sqrt(n)))


@pytest.mark.parametrize("effect", [1.5, 1.0, 0.77, 0.5, 0.2, 0.03])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_is_the_smallest_n_with_that_power(effect, power, alpha):
    n = seeds_needed(sd=1.0, margin=effect, power=power, alpha=alpha)
    assert power_of(n, effect, alpha) >= power
    fewest = 6 if alpha == 0.05 else 9
    assert n == fewest or power_of(n - 1, effect, alpha) < power


def test_a_textbook_value():
    assert seeds_needed(sd=1.0, margin=0.5) == 34  # Cohen's medium effect, paired, 80 % power


def test_simulated_power():
    n = seeds_needed(sd=0.02, margin=0.01)
    d = np.random.default_rng(0).normal(0.01, 0.02, (20_000, n))
    t = d.mean(axis=1) / (d.std(axis=1, ddof=1) / np.sqrt(n))
    assert np.mean(t > scipy_stats.t.isf(0.025, n - 1)) == pytest.approx(0.8, abs=0.02)


@given(st.floats(1e-3, 10), st.floats(1e-3, 10), st.floats(1.0, 5.0))
def test_more_spread_or_a_smaller_margin_needs_more(sd, margin, factor):
    n = seeds_needed(sd, margin)
    assert seeds_needed(sd * factor, margin) >= n
    assert seeds_needed(sd, margin * factor) <= n
    assert seeds_needed(sd * 2, margin * 2) == n


def test_the_ends():
    assert seeds_needed(0.0, 0.005) == seeds_needed(1e-300, 0.005) == 6
    assert seeds_needed(0.0, 0.005, alpha=0.05 / 9) == 9
    assert seeds_needed(1.0, 1e-9) == 100_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sd": -1.0, "margin": 0.1}, "sd=-1.0 must be a finite number"),
        ({"sd": float("nan"), "margin": 0.1}, "sd=nan must be a finite number"),
        ({"sd": 1.0, "margin": 0.0}, "margin=0.0 must be a positive number"),
        ({"sd": 1.0, "margin": 0.1, "power": 1.0}, "power=1.0: they must keep 0 < alpha < power < 1"),
        ({"sd": 1.0, "margin": 0.1, "alpha": 0.9}, "alpha=0.9"),
    ],
)
def test_impossible_questions_are_refused(arguments, message):
    with pytest.raises(StudyError, match=message):
        seeds_needed(**arguments)


def test_the_margin_is_half_a_point_or_one_sample():
    assert practical_margin() == 0.005
    assert practical_margin(1 / 10_000) == 0.005
    assert practical_margin(1 / 116) == 1 / 116


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sample_is_worth_something(value):
    with pytest.raises(StudyError, match=r"sample_value=.* must be a positive number"):
        practical_margin(value)
