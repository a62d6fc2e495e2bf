"""The test for a pair: against scipy and against all sign patterns, and lost runs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from stepsize.stats.pairs import compare_pairs
from stepsize.stats.tuning_error import TuningError, tuning_columns


def compare(first, second, tuning_first=None, tuning_second=None):
    one, other = tuning_columns([tuning_first], 1), tuning_columns([tuning_second], 1)
    return compare_pairs(np.atleast_2d(first), np.atleast_2d(second), one, other)


def scores(seed: int, n: int, gap: float = 0.0):
    generator = np.random.default_rng(seed)
    shared = generator.normal(0.9, 0.02, n)
    return shared + generator.normal(gap, 0.01, n), shared + generator.normal(0.0, 0.01, n)


@pytest.mark.parametrize("n", [6, 9, 30, 200])
@pytest.mark.parametrize("gap", [0.0, 0.004, 0.01])
def test_is_the_paired_t_test_of_scipy_but_for_the_step(n, gap):
    first, second = scores(n, n, gap)
    pair = compare(first, second)
    d = first - second
    se = d.std(ddof=1) / np.sqrt(n)
    corrected = (abs(d.mean()) - np.abs(d).min() / n) / se
    skew = np.sign(d.mean()) * (((d - d.mean()) / d.std(ddof=1)) ** 3).mean() / np.sqrt(n)
    skew = max(skew, -1 / corrected)
    symmetric = corrected + skew * corrected**2 / 3 + skew**2 * corrected**3 / 27 + skew / 6
    p = 2 * scipy_stats.t.sf(max(min(corrected, symmetric), 0), n - 1)
    assert pair.se[0] == pytest.approx(se)
    assert pair.p[0] == pytest.approx(max(p, 2.0 ** (1 - n)))
    exact = scipy_stats.ttest_rel(first, second)
    assert pair.p[0] >= exact.pvalue
    mirrored = np.concatenate([d, 2 * d.mean() - d])  # not skewed
    if n >= 30:
        expected = scipy_stats.ttest_1samp(mirrored, 0).pvalue
        assert compare(mirrored, np.zeros(2 * n)).p[0] == pytest.approx(expected, rel=0.06)
    low, high = pair.intervals(0.05, 0.0)
    assert (low[0], high[0]) == pytest.approx(tuple(exact.confidence_interval(0.95)))


def test_a_tail_of_bad_runs_does_not_make_the_other_candidate_look_better():
    """By Student's distribution alone it is called better in 6.4 % of studies that should have 3.5 %."""
    d = (2 - np.random.default_rng(0).standard_gamma(2, (20_000, 30))) / 2**0.5  # of mean 0, tail below
    none = tuning_columns(None, len(d))
    pairs = compare_pairs(d, np.zeros_like(d), none, none)
    plain = 2 * scipy_stats.t.sf(np.abs(pairs.estimate) / pairs.se, pairs.df)
    leads, trails = pairs.direction > 0, pairs.direction < 0
    assert (leads & (plain <= 0.07)).mean() > 0.06
    assert (leads & (pairs.p <= 0.07)).mean() < 0.045
    assert (trails & (pairs.p <= 0.07)).mean() < 0.02


@pytest.mark.parametrize(
    ("wins", "losses", "n"), [(6, 0, 30), (7, 1, 30), (5, 0, 30), (9, 3, 14), (14, 5, 60)]
)
def test_of_scores_with_many_ties_p_is_near_the_exact_one(wins, losses, n):
    """Differences of one row each, the others 0: an uncorrected t-test is off by up to a factor of two."""
    d = np.array([1.0] * wins + [-1.0] * losses + [0.0] * (n - wins - losses)) / 116
    exact = scipy_stats.binomtest(wins, wins + losses).pvalue
    assert 0.85 * exact < compare(0.9 + d, np.full(n, 0.9)).p[0] < 1.4 * exact
    plain = scipy_stats.ttest_1samp(d, 0).pvalue
    assert plain < 0.75 * exact


@pytest.mark.parametrize("n", [8, 11, 14])
def test_p_is_close_to_the_share_of_sign_patterns_and_never_below_the_smallest(n):
    for seed in range(20):
        first, second = scores(seed, n, 0.005)
        d = first - second
        signs = np.array(list(product([1, -1], repeat=n)))
        exact = float((np.abs(signs @ d) >= abs(d.sum()) - 1e-12).mean())
        assert compare(first, second).p[0] == pytest.approx(exact, abs=0.1)
        assert compare(first, second).p[0] >= 2.0 ** (1 - n)


def test_a_constant_difference_is_no_certainty():
    assert compare(np.full(6, 0.95), np.full(6, 0.90)).p[0] == 2.0**-5
    assert compare(np.full(6, 0.90), np.full(6, 0.90)).p[0] == 1.0


def test_a_standard_error_next_to_nothing_raises_no_warning():
    error = TuningError(variance=1e-240)
    assert compare(np.full(6, 0.95), np.full(6, 0.90), error).p[0] == 2.0**-5


@pytest.mark.parametrize("n", [1, 2])
def test_very_few_seeds(n):
    pair = compare(np.full(n, 0.95), np.full(n, 0.90))
    assert pair.p[0] == (1.0 if n == 1 else 0.5)
    assert not pair.equivalent(1.0, 0.05, 0.0)[0]


def test_rounding_does_not_break_ties():
    rights = np.random.default_rng(7).integers(100, 117, size=(2, 9))
    exact = compare(*rights.astype(float))
    rounded = compare(*(rights / 116).astype(np.float32).astype(float))
    assert rounded.p == pytest.approx(exact.p, rel=1e-6)
    assert rounded.p_better == exact.p_better
    noise = compare([0.1 + 0.2] * 8, [0.3] * 8)
    assert (noise.p[0], noise.p_better[0], noise.mean[0]) == (1.0, 0.5, 0.0)


def test_variance_of_tuning_widens_and_its_degrees_of_freedom_combine():
    first, second = scores(1, 30, 0.01)
    pair = compare(first, second, TuningError(variance=0.002**2, df=5), TuningError(variance=0.001**2, df=8))
    seeds = np.var(first - second, ddof=1) / 30
    total = seeds + 0.002**2 + 0.001**2
    df = total**2 / (seeds**2 / 29 + 0.002**4 / 5 + 0.001**4 / 8)
    assert (pair.se[0] ** 2, pair.df[0]) == (pytest.approx(total), pytest.approx(df))
    low, high = pair.intervals(0.05, 0.0)
    assert high[0] - low[0] == pytest.approx(2 * scipy_stats.t.ppf(0.975, df) * np.sqrt(total))


def test_intervals_at_best_rates_hold_the_truth():
    generator = np.random.default_rng(0)
    studies, n, left = 4000, 30, 0.003
    noise = generator.normal(0, 0.01, (2, studies, n)) + generator.normal(0, left, (2, studies, 1))
    known = np.tile([left**2, 0.0, np.inf], (studies, 1))
    unknown = np.tile([0.0, 0.0, np.inf], (studies, 1))

    def coverage(tuning):
        low, high = compare_pairs(*noise, tuning, tuning).intervals(0.05, 0.0)
        return ((low <= 0) & (high >= 0)).mean()

    assert coverage(known) == pytest.approx(0.95, abs=0.012)
    assert coverage(unknown) < 0.85


@pytest.mark.parametrize(("lost", "p"), [(1, 1.0), (5, 2 * 2 / 2**5), (8, 2 * 2 / 2**8), (29, 2 * 2 / 2**29)])
def test_lost_runs_count_by_the_sign_test(lost, p):
    first, second = scores(2, 30, 0.02)
    first[:lost] = np.nan
    pair = compare(first, second)
    assert pair.p[0] == pytest.approx(p)
    assert (pair.direction[0], pair.n[0], pair.lost_first[0]) == (-1, 30 - lost, lost)
    assert compare(second, first).direction[0] == 1


def test_lost_runs_on_both_sides_are_weighed_against_each_other():
    first, second = scores(2, 30)
    first[:9] = second[9:11] = np.nan
    assert compare(first, second).p[0] == pytest.approx(2 * scipy_stats.binomtest(9, 11).pvalue)


def test_a_seed_that_both_lost_says_nothing():
    first, second = scores(4, 30, 0.01)
    first[:3] = second[:3] = np.nan
    pair, without = compare(first, second), compare(first[3:], second[3:])
    assert (pair.p[0], pair.mean[0]) == pytest.approx((without.p[0], without.mean[0]))
    assert pair.n[0] == 27
    assert not pair.by_lost[0]


def test_rows_are_compared_as_one_pair_at_a_time():
    generator = np.random.default_rng(4)
    ours, theirs = generator.normal(size=(2, 40, 7))
    ours[generator.random(ours.shape) < 0.1] = np.nan
    none = tuning_columns(None, 40)
    together = compare_pairs(ours, theirs, none, none)
    for i in range(40):
        alone = compare(ours[i], theirs[i])
        for field in ("p", "mean", "se", "df", "direction", "p_better", "by_lost"):
            assert getattr(alone, field)[0] == pytest.approx(getattr(together, field)[i])
