"""The rate curve: laws that hold for any scores, and truths that it must find."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.errors import StudyError
from stepsize.stats.tuning.rate_curve import fit_rate_curve

RATES = np.array([0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0])


def scores_of(seed, peak=-1.0, noise=0.01, seeds=8, rates=RATES):
    """Return scores [rates, seeds] of a curve with its best rate at 10^peak, a plateau's width, and noise."""
    generator = np.random.default_rng(seed)
    x = np.log10(rates)[:, None]
    mean = 0.9 - 0.01 * 10 ** (1.2 * (peak - x)) - 0.006 * 10 ** (2 * (x - peak))
    shared = 0.02 * generator.standard_normal(seeds)
    return np.maximum(mean, 0.2) + shared + noise * generator.standard_normal((len(rates), seeds))


def draws(**limits):
    return st.builds(scores_of, seed=st.integers(0, 10_000), **limits)


anything = draws(peak=st.floats(-3.5, 0.5), noise=st.floats(0, 0.1), seeds=st.integers(1, 12))


@given(anything)
@settings(deadline=None, max_examples=60)
def test_the_rate_lies_among_those_tried_and_the_rest_is_sane(scores):
    curve = fit_rate_curve(RATES, scores)
    assert RATES[0] <= curve.rate <= RATES[-1] * (1 + 1e-12)
    assert 0 <= curve.regret < np.inf
    assert 0 <= curve.regret_sd < np.inf
    assert curve.at(curve.rate) >= curve.scores.max() - 1e-4 * (1 + np.ptp(curve.scores))
    widths = [curve.within(margin) for margin in (0.0, 0.001, 0.01, 0.1, 10.0)]
    for (low, high), (lower, higher) in pairwise(widths):
        assert lower <= low <= curve.rate <= high <= higher
    assert widths[-1] == pytest.approx((RATES[0], RATES[-1]))


@pytest.mark.parametrize("seed", range(5))
def test_rates_at_which_no_run_learns_do_not_set_the_height_of_the_curve(seed):
    generator = np.random.default_rng(seed)
    mean = np.array([0.64, 0.64, 0.65, 0.74, 0.86, 0.88, 0.8])
    noise = np.array([1e-6, 1e-4, 1e-3, 0.02, 0.02, 0.02, 0.04])
    scores = mean[:, None] + noise[:, None] * generator.standard_normal((7, 8))
    curve = fit_rate_curve(RATES, scores)
    assert curve.scores.max() == pytest.approx(0.88, abs=0.02)


def test_the_rate_keeps_away_from_rates_at_which_runs_diverge():
    rates = [0.01, 0.0316, 0.1, 0.178, 0.316, 0.562]
    scores = np.array([0.80, 0.85, 0.89, 0.90, 0.91, -np.inf])[:, None] + np.array([[0.01, -0.01, 0.0]])
    curve = fit_rate_curve(rates, scores)
    assert 0.15 < curve.rate < 0.562 / 2.2
    assert curve.rates[-1] == pytest.approx(0.562 / 10**0.35)
    assert fit_rate_curve(rates[:5], scores[:5]).rate > 0.3


@given(anything, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_order_of_rates_and_seeds_changes_nothing(scores, random):
    rows, columns = list(range(len(RATES))), list(range(scores.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    curve, other = fit_rate_curve(RATES, scores), fit_rate_curve(RATES[rows], scores[np.ix_(rows, columns)])
    assert other.rate == pytest.approx(curve.rate, rel=1e-6)
    assert other.regret == pytest.approx(curve.regret, rel=1e-6, abs=1e-12)


@given(anything, st.floats(-1000, 1000), st.floats(0.01, 100))
@settings(deadline=None, max_examples=40)
def test_neither_a_constant_nor_another_unit_changes_the_rate(scores, constant, factor):
    curve, other = fit_rate_curve(RATES, scores), fit_rate_curve(RATES, factor * scores + constant)
    assert other.rate == pytest.approx(curve.rate, rel=1e-4)
    assert other.regret == pytest.approx(factor * curve.regret, rel=1e-3, abs=1e-9)


@given(draws(peak=st.floats(-3, 0), noise=st.floats(0, 0.02), seeds=st.integers(5, 12)), st.floats(-100, 100))
@settings(deadline=None, max_examples=20)
def test_what_a_seed_does_to_all_rates_cancels(scores, shift):
    """Only how far below the best a score is cut depends on it, a little."""
    shifted = scores.copy()
    shifted[:, 0] += shift
    curve, other = fit_rate_curve(RATES, scores), fit_rate_curve(RATES, shifted)
    assert abs(np.log10(other.rate / curve.rate)) < 0.1


def test_slopes_are_those_of_the_seeds_near_the_best_rate():
    generator = np.random.default_rng(0)
    steeper, x = 0.02 * generator.standard_normal(12), np.log10(RATES)[:, None] + 1
    mean = 0.9 - 0.05 * x**2
    slopes = fit_rate_curve(RATES, mean + steeper * x + 0.02 * generator.standard_normal(12)).slopes
    assert slopes == pytest.approx(steeper - steeper.mean(), abs=1e-9)
    parts = np.full((len(RATES), 13), np.nan)
    parts[:, :12], parts[2:6, 12] = mean + steeper * x, 0.9
    assert np.isnan(fit_rate_curve(RATES, parts).slopes).tolist() == [False] * 12 + [True]


@given(draws(peak=st.floats(-3, 0), noise=st.floats(0.002, 0.05)), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_rounding_moves_the_rate_by_next_to_nothing(scores, seed):
    jitter = 1e-6 * np.random.default_rng(seed).standard_normal(scores.shape)
    curve, other = fit_rate_curve(RATES, scores), fit_rate_curve(RATES, scores + jitter)
    assert other.rate == pytest.approx(curve.rate, rel=2e-3)


def test_ties_do_not_decide():
    grid = np.round(scores_of(3, noise=0.005) * 116) / 116
    one_row_more = grid.copy()
    one_row_more[4, 2] += 1 / 116
    curve, other = fit_rate_curve(RATES, grid), fit_rate_curve(RATES, one_row_more)
    assert other.rate == pytest.approx(curve.rate, rel=0.1)


@given(
    draws(peak=st.floats(-2.2, -0.8), noise=st.just(0.005), seeds=st.just(12)),
    st.integers(0, 6),
    st.floats(0, 50),
)
@settings(deadline=None, max_examples=60)
def test_one_outlier_does_not_move_the_rate_far(scores, row, size):
    outlier = scores.copy()
    outlier[row, 0] -= size
    curve, other = fit_rate_curve(RATES, scores), fit_rate_curve(RATES, outlier)
    assert abs(np.log10(other.rate / curve.rate)) < 0.5


@given(st.integers(0, 10_000), st.floats(-2.2, -0.5))
@settings(deadline=None, max_examples=40)
def test_the_best_rate_is_found(seed, peak):
    scores = scores_of(seed, peak=peak, noise=0.005, seeds=20)
    curve = fit_rate_curve(RATES, scores)
    truth = peak + (np.log10(0.01 * 1.2) - np.log10(0.006 * 2)) / 3.2
    assert abs(np.log10(curve.rate) - truth) < 0.3
    low, high = curve.within(0.02)
    assert low <= 10**truth <= high


def test_equal_scores_give_the_middle_and_all_rates_are_as_good():
    curve = fit_rate_curve(RATES, np.full((7, 5), 0.5))
    assert curve.rate == pytest.approx(np.sqrt(RATES[0] * RATES[-1]), rel=0.02)
    assert curve.within(0.001) == pytest.approx((RATES[0], RATES[-1]))
    assert curve.regret < 1e-3


def test_scores_that_only_rise_or_fall_lead_to_the_edge():
    x = np.log10(RATES)[:, None] + np.zeros(5)
    assert fit_rate_curve(RATES, -((x - 3) ** 2)).rate > 0.5
    assert fit_rate_curve(RATES, -((x + 6) ** 2)).rate < 0.002


def test_a_diverged_run_is_worse_than_any_finished_one():
    scores = scores_of(1, peak=-0.6, noise=0.003)
    scores[-1, 0] = -np.inf
    scores[-2, 3] = -np.inf
    curve = fit_rate_curve(RATES, scores)
    assert curve.rate <= RATES[-3] * (1 + 1e-12)
    assert curve.within(10.0)[1] <= RATES[-3] * (1 + 1e-12)
    scores[1:] = -np.inf
    assert fit_rate_curve(RATES, scores).rate == RATES[0]
    scores[:] = -np.inf
    assert fit_rate_curve(RATES, scores).rate == RATES[0]


def test_where_runs_begin_to_diverge_is_unknown_between_two_rates():
    scores = scores_of(1, peak=-0.6, noise=0.003)
    steady = fit_rate_curve(RATES, scores)
    scores[-2:, 3] = -np.inf
    curve = fit_rate_curve(RATES, scores)
    assert curve.rate == pytest.approx(RATES[-3])
    at_peak = scores_of(0, peak=-0.6, noise=0.0, rates=np.array([RATES[-3], 10**-0.6])).mean(axis=1)
    assert curve.regret_sd > 5 * steady.regret_sd
    assert abs(curve.regret - np.diff(at_peak)[0] / 2) < 2 * curve.regret_sd  # from all to none of it is lost
    assert curve.regret < np.diff(at_peak)[0]


def test_a_rate_above_one_that_loses_runs_is_not_chosen_because_few_seeds_lost_none():
    rates = np.array([0.001, 0.01, 0.1, 0.3, 1.0])
    scores = np.full((5, 40), np.nan)
    scores[:, :8] = scores_of(1, peak=0.0, noise=0.003, rates=rates)
    scores[2:4, 8:] = scores_of(2, peak=0.0, noise=0.003, seeds=32, rates=rates[2:4])
    scores[3, 10:13] = -np.inf
    assert fit_rate_curve(rates, scores).rate <= 0.1 * (1 + 1e-12)


def test_a_run_lost_by_chance_at_a_low_rate_leaves_the_rates_above_it():
    scores = scores_of(3, peak=-1.0, noise=0.003, seeds=20)
    scores[0, 4] = -np.inf
    assert np.log10(fit_rate_curve(RATES, scores).rate) == pytest.approx(-1.0, abs=0.3)


def test_a_best_rate_beyond_those_tried_leaves_the_loss_open():
    inside = fit_rate_curve(RATES, scores_of(1, peak=-1.0, noise=0.003))
    beyond = fit_rate_curve(RATES, scores_of(1, peak=0.6, noise=0.003))
    assert beyond.rate == pytest.approx(RATES[-1])
    means = scores_of(0, peak=0.6, noise=0.0, rates=np.array([1.0, 10**0.6])).mean(axis=1)
    assert beyond.regret_sd > 5 * inside.regret_sd
    assert abs(beyond.regret - np.diff(means)[0]) < 2 * beyond.regret_sd


@pytest.mark.parametrize("blow_up", [-1.0, -1e3, -1e12])
def test_how_badly_a_rate_blows_up_does_not_matter(blow_up):
    scores = scores_of(2, noise=0.004)
    scores[-2:] = blow_up
    assert np.log10(fit_rate_curve(RATES, scores).rate) == pytest.approx(-1.0, abs=0.35)


def test_rounds_on_other_seeds_share_only_the_shape():
    rates = np.array([0.001, 0.01, 0.056, 0.1, 0.178, 1.0])
    rows = [0, 1, 3, 5], [2, 3, 4]
    whole = np.full((6, 30), np.nan)
    whole[np.ix_(rows[0], range(10))] = scores_of(4, rates=rates[rows[0]], seeds=10)
    whole[np.ix_(rows[1], range(10, 30))] = scores_of(5, rates=rates[rows[1]], seeds=20)
    moved = whole.copy()
    moved[:, 10:] += 0.3
    assert fit_rate_curve(rates, moved).rate == pytest.approx(fit_rate_curve(rates, whole).rate, rel=1e-3)


def test_the_expected_loss_is_not_understated():
    stated, true = [], []
    for seed in range(120):
        curve = fit_rate_curve(RATES, scores_of(seed, noise=0.02, seeds=10))
        fine = np.linspace(-3, 0, 601)
        means = 0.9 - 0.01 * 10 ** (1.2 * (-1 - fine)) - 0.006 * 10 ** (2 * (fine + 1))
        true.append(means.max() - np.interp(np.log10(curve.rate), fine, means))
        stated.append(curve.regret)
    assert 1 < np.mean(stated) / np.mean(true) < 8


@pytest.mark.parametrize(
    ("rates", "scores", "words"),
    [
        ([0.1], [[1.0]], "two or more"),
        ([0.1, -1.0], [[1.0], [2.0]], "positive"),
        ([0.1, 0.1], [[1.0], [2.0]], "each rate once"),
        ([0.1, 1.0], [1.0, 2.0], r"\[rates, seeds\]"),
        ([0.1, 1.0], [[1.0], [np.inf]], "holds inf"),
        ([0.1, 1.0], [[1.0], [np.nan]], "without any run"),
    ],
)
def test_refusals(rates, scores, words):
    with pytest.raises(StudyError, match=words):
        fit_rate_curve(rates, scores)
