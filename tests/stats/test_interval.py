"""The t-interval against scipy, its widening for scores that come in steps, and the checks of the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from stepsize.errors import StudyError
from stepsize.stats import summarise
from stepsize.stats.interval import bounds

losses = st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=40)


@given(losses)
def test_summary_is_the_t_interval_of_scipy(scores):
    found = summarise(scores)
    assert found.n == len(scores)
    assert found.mean == pytest.approx(np.mean(scores), abs=1e-12)
    assert found.sd == pytest.approx(np.std(scores, ddof=1), abs=1e-12)
    half = scipy_stats.t.ppf(0.975, len(scores) - 1) * scipy_stats.sem(scores)
    assert found.ci95 == pytest.approx((found.mean - half, found.mean + half), abs=1e-9)


def test_one_seed_has_a_mean_and_nothing_else():
    found = summarise([0.9])
    assert (found.n, found.lost, found.mean, found.sd, found.ci95) == (1, 0, 0.9, None, None)


@pytest.mark.parametrize("rows", [20, 116, 1000])
def test_equal_scores_in_single_precision_have_the_interval_of_exact_ones(rows):
    for right in range(1, rows):
        exact, rounded = (summarise([score] * 30, sample_value=1 / rows).ci95 for score in (
            right / rows, float(np.float32(right / rows))
        ))  # fmt: skip
        assert rounded == pytest.approx(exact, abs=0.01 / rows)


def test_lost_runs_are_counted_beside_the_finished_ones():
    found, finished = summarise([0.9, np.nan, 0.8, 0.7]), summarise([0.9, 0.8, 0.7])
    assert (found.n, found.lost) == (3, 1)
    assert (found.mean, found.sd, found.ci95) == (finished.mean, finished.sd, finished.ci95)
    nothing = summarise([np.nan, np.nan])
    assert (nothing.n, nothing.lost, nothing.mean, nothing.sd, nothing.ci95) == (0, 2, None, None, None)


def test_equal_scores_claim_certainty_only_if_scores_have_no_steps():
    assert summarise([0.5] * 8).ci95 == (0.5, 0.5)
    low, high = summarise([0.5] * 8, sample_value=0.1).ci95
    t = scipy_stats.t.ppf(0.975, 7)
    reach = 0.1 * t**2 / (8 + t**2)  # Wilson's upper end for 0 of 8
    assert (low, high) == pytest.approx((0.5 - reach, 0.5 + reach))


@given(
    st.lists(st.integers(-3, 3), min_size=6, max_size=40),
    st.sampled_from([1.0, 0.01, 1 / 116]),
)
def test_steps_only_widen_and_only_where_the_sample_varies_less_than_half_a_step(counts, step):
    scores = np.array(counts) * step
    low, high = summarise(scores).ci95
    wide_low, wide_high = summarise(scores, sample_value=step).ci95
    assert wide_low <= low
    assert wide_high >= high
    if scores.std(ddof=1) >= 0.75 * step:
        assert (wide_low, wide_high) == pytest.approx((low, high), abs=1e-9 * step)


@given(st.lists(st.integers(-3, 3), min_size=6, max_size=40))
def test_steps_treat_both_directions_alike(counts):
    scores = np.array(counts) * 0.01
    low, high = summarise(scores, sample_value=0.01).ci95
    assert summarise(-scores, sample_value=0.01).ci95 == pytest.approx((-high, -low), abs=1e-9)


def test_a_share_of_two_neighbouring_steps_has_at_least_the_interval_of_wilson():
    wins, n = 2, 30
    scores = np.array([1.0] * wins + [0.0] * (n - wins))
    low, high = summarise(scores, sample_value=1.0).ci95
    t, share = scipy_stats.t.ppf(0.975, n - 1), wins / n
    wilson = (2 * n * share + t**2 + t * np.sqrt(t**2 + 4 * n * share * (1 - share))) / (2 * (n + t**2))
    assert high == pytest.approx(wilson)
    assert low < 0 < wilson - share


def test_bounds_work_on_many_means_at_once():
    means, sds = np.array([0.0, 0.5, 0.25]), np.array([0.0, 0.1, 1.0])
    for df in (8.0, np.array([8.0, 8.0, 8.0]), np.array([8.0, 5.0, 2.5])):
        lows, highs = bounds(means, sds / 3, df, 9, step=1.0)
        each = np.broadcast_to(df, 3)
        for mean, sd, free, low, high in zip(means, sds, each, lows, highs, strict=True):
            assert (low, high) == pytest.approx(bounds(mean, sd / 3, free, 9, step=1.0))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([], r"scores has shape \(0,\); it must be \[n_seeds\]"),
        ([[0.1, 0.2]], r"scores has shape \(1, 2\)"),
        (0.5, r"scores has shape \(\)"),
        ([0.1, -np.inf], "scores holds 1 value not finite; write nan for the score of a run"),
        (["high"], "scores must be numbers"),
        ([[1.0], [1.0, 2.0]], "scores must be numbers"),
    ],
)
def test_unusable_scores_are_refused(scores, message):
    with pytest.raises(StudyError, match=message):
        summarise(scores)


@pytest.mark.parametrize("value", [0.0, -0.1, np.nan, np.inf])
def test_unusable_steps_are_refused(value):
    with pytest.raises(StudyError, match=r"sample_value=.* must be a positive number: write 1/rows"):
        summarise([0.1, 0.2], sample_value=value)
