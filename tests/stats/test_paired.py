"""Paired comparison: against scipy, its laws, Holm, and the words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from stepsize.errors import StudyError
from stepsize.stats import Paired, compare_paired, judge
from stepsize.stats.paired import ALPHA, LEAST_SEEDS, compare_rows

accuracies = st.integers(0, 116).map(lambda right: right / 116)
pairs = st.lists(st.tuples(accuracies, accuracies), min_size=1, max_size=24).map(
    lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True))
)


def scores(seed: int, n: int, gap: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    shared = generator.normal(0.9, 0.02, n)
    return shared + generator.normal(gap, 0.01, n), shared + generator.normal(0.0, 0.01, n)


def assert_mirrored(one: Paired, other: Paired) -> None:
    """Assert that the comparisons are one another's negative, the p included to the last bit."""
    assert one.mean == pytest.approx(-other.mean, abs=1e-12)
    assert one.p == other.p
    assert one.p_better == pytest.approx(1 - other.p_better)
    assert one.sd == pytest.approx(other.sd, abs=1e-12)
    if one.ci95 is not None:
        assert one.ci95 == pytest.approx((-other.ci95[1], -other.ci95[0]), abs=1e-9)


@pytest.mark.parametrize("n", [2, 5, 6, 9, 12])
@pytest.mark.parametrize("gap", [0.0, 0.01])
def test_agrees_with_scipy(n, gap):
    candidate, baseline = scores(n, n, gap)
    found = compare_paired(candidate, baseline)
    exact = scipy_stats.permutation_test(
        (candidate, baseline),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert found.p == pytest.approx(exact.pvalue, abs=1e-12)
    interval = scipy_stats.ttest_rel(candidate, baseline).confidence_interval(0.95)
    assert found.ci95 == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx(np.mean(candidate - baseline))
    assert found.sd == pytest.approx(np.std(candidate - baseline, ddof=1))
    assert found.p_better == np.mean(candidate > baseline)


@pytest.mark.parametrize("gap", [0.0, 0.004, 0.006])
def test_the_random_sample_of_flips_is_close_to_the_normal_limit(gap):
    candidate, baseline = scores(3, 60, gap)
    found = compare_paired(candidate, baseline)
    d = candidate - baseline
    limit = 2 * scipy_stats.norm.sf(abs(d.sum()) / np.sqrt((d**2).sum()))
    assert found.p == pytest.approx(limit, abs=0.012)


def test_random_p_continues_the_exact_one(monkeypatch):
    candidate, baseline = scores(5, 18, 0.005)
    exact = compare_paired(candidate, baseline).p
    monkeypatch.setattr("stepsize.stats.paired.EXACT_SEEDS", 17)
    sampled = compare_paired(candidate, baseline).p
    assert sampled != exact
    assert sampled == pytest.approx(exact, abs=4 * np.sqrt(exact / 20_000))


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_swapping_the_two_negates_the_difference(pair):
    candidate, baseline = pair
    assert_mirrored(compare_paired(candidate, baseline), compare_paired(baseline, candidate))
    stepped = compare_paired(candidate, baseline, sample_value=1 / 116)
    assert_mirrored(stepped, compare_paired(baseline, candidate, sample_value=1 / 116))


def test_the_mirror_helper_can_fail():
    one = compare_paired([0.9, 0.8, 0.8], [0.8, 0.8, 0.8])
    with pytest.raises(AssertionError):
        assert_mirrored(one, one)
    with pytest.raises(AssertionError):
        assert_mirrored(one, dataclasses.replace(one, mean=-one.mean, p=one.p / 2))


@given(pairs, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_seeds_does_not_matter(pair, random):
    candidate, baseline = pair
    order = random.sample(range(len(candidate)), len(candidate))
    one, other = compare_paired(candidate, baseline), compare_paired(candidate[order], baseline[order])
    assert (one.n, one.p, one.p_better) == (other.n, other.p, other.p_better)
    assert one.mean == pytest.approx(other.mean, abs=1e-12)
    assert one.ci95 == (None if other.ci95 is None else pytest.approx(other.ci95, abs=1e-9))


@given(pairs, st.floats(-1, 1), st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_adding_a_seed_effect_or_changing_the_unit_does_not_matter(pair, shift, unit):
    candidate, baseline = pair
    effect = shift * np.arange(len(candidate)) / len(candidate)
    one = compare_paired(candidate, baseline)
    other = compare_paired(unit * (candidate + effect), unit * (baseline + effect))
    assert (one.p, one.p_better) == (other.p, other.p_better)
    assert unit * one.mean == pytest.approx(other.mean, abs=1e-9)


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_p_is_a_probability_that_so_few_seeds_can_have(pair):
    found = compare_paired(*pair)
    assert 0 < found.p <= 1
    if found.n <= 20:
        assert found.p >= 2.0 ** (1 - found.n)


@pytest.mark.parametrize("n", [1, 6, 30])
def test_all_ties_show_nothing(n):
    found = compare_paired([0.9] * n, [0.9] * n)
    assert (found.mean, found.p, found.p_better) == (0.0, 1.0, 0.5)


def test_rounding_does_not_break_ties():
    rights = np.random.default_rng(7).integers(100, 117, size=(2, 9))
    exact = compare_paired(rights[0], rights[1])
    rounded = compare_paired(*(rights / 116).astype(np.float32))
    sums = compare_paired(rights[0] * 0.1 + 0.3, rights[1] * 0.1 + 0.3)
    assert exact.p == rounded.p == sums.p
    assert exact.p_better == rounded.p_better == sums.p_better
    noise = compare_paired([0.1 + 0.2] * 8, [0.3] * 8)
    assert (noise.p, noise.p_better, noise.mean) == (1.0, 0.5, 0.0)


def test_the_worst_score_of_a_diverged_run_leaves_small_differences_alone():
    baseline = np.full(8, 0.5)
    candidate = baseline - 0.001
    candidate[0] = -1e6
    assert compare_paired(candidate, baseline).p == 2 / 2**8


def test_rows_are_compared_as_one_pair_at_a_time():
    generator = np.random.default_rng(4)
    for n in (1, 7, 23):
        ours, theirs = generator.normal(size=(2, 40, n))
        rows = compare_rows(ours, theirs, step=0.5)
        singles = [
            compare_paired(one, other, sample_value=0.5) for one, other in zip(ours, theirs, strict=True)
        ]
        assert rows == singles


def test_unpaired_scores_are_refused():
    with pytest.raises(
        StudyError, match="candidate has 2 scores and baseline 3; both need one score for each"
    ):
        compare_paired([0.1, 0.2], [0.1, 0.2, 0.3])
    with pytest.raises(StudyError, match="baseline holds 1 values that are not finite"):
        compare_paired([0.1, 0.2], [0.1, np.nan])


# The words


def a_pair(low: float, high: float, n: int = 30) -> Paired:
    return Paired(n=n, mean=(low + high) / 2, sd=1.0, ci95=(low, high), p=0.001, p_better=0.5)


@pytest.mark.parametrize(
    ("low", "high", "p", "word"),
    [
        (0.01, 0.02, 0.01, "better"),
        (-0.02, -0.01, 0.01, "worse"),
        (0.001, 0.02, 0.05, "better"),
        (0.001, 0.02, 0.051, "not shown"),
        (-0.02, 0.01, 0.3, "not shown"),
        (-0.003, 0.004, 0.7, "equivalent"),
        (0.001, 0.004, 0.001, "equivalent"),  # real, but too small to matter
        (-0.005, 0.005, 0.7, "equivalent"),
        (0.001, 0.0051, 0.001, "better"),
    ],
)
def test_the_word_for(low, high, p, word):
    assert judge(a_pair(low, high), p, margin=0.005) == word


@pytest.mark.parametrize("n", range(1, LEAST_SEEDS + 1))
def test_few_seeds_show_nothing_and_six_can(n):
    found = compare_paired(np.full(n, 0.9) + 0.001 * np.arange(n), np.full(n, 0.8))
    word = judge(found, found.p, margin=0.005)
    assert (found.p <= ALPHA) == (n >= LEAST_SEEDS)
    assert word == ("better" if n == LEAST_SEEDS else "not shown")
    tied = compare_paired([0.9] * n, [0.9] * n, sample_value=0.005)
    assert judge(tied, 1.0, margin=0.005) == ("equivalent" if n == LEAST_SEEDS else "not shown")


@given(pairs, st.floats(0, 0.2), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_words_are_mirrored(pair, margin, p_holm):
    word = judge(compare_paired(*pair), p_holm, margin)
    mirrored = judge(compare_paired(*pair[::-1]), p_holm, margin)
    assert mirrored == {"better": "worse", "worse": "better"}.get(word, word)


@pytest.mark.parametrize("margin", [-0.1, float("nan"), float("inf")])
def test_a_margin_must_be_a_size(margin):
    with pytest.raises(StudyError, match=r"margin=.* must be a finite number, 0 or more"):
        judge(a_pair(0, 1), 0.1, margin)
