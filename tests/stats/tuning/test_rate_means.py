"""Means of the rates that ran on the same seeds, and their covariance."""

import numpy as np
import pytest

from stepsize.stats.tuning.rate_means import rate_means

X = np.array([-2.0, -1.5, -1.0, -0.5, 0.0])
MEAN = np.array([0.80, 0.85, 0.88, 0.86, 0.70])


def noise(seeds, size=0.01, seed=0):
    return size * np.random.default_rng(seed).standard_normal((len(X), seeds))


def test_seeds_that_tilt_the_curve_make_neighbours_err_alike():
    tilt = np.random.default_rng(1).standard_normal(60)
    (means,) = rate_means(X, MEAN[:, None] + 0.05 * tilt * (X[:, None] + 1) + noise(60, 0.002))
    error = np.sqrt(np.diag(means.covariance))
    correlation = means.covariance / np.outer(error, error)
    assert correlation[0, 1] > 0.6
    assert correlation[0, 4] < -0.6
    assert np.linalg.eigvalsh(means.covariance).min() > 0


def test_without_noise_no_correlation_is_made_up():
    (means,) = rate_means(X, MEAN[:, None] + 0.02 * np.random.default_rng(0).standard_normal(30))
    assert means.covariance == pytest.approx(np.diag(means.variance), abs=1e-20)


def test_few_seeds_at_a_rate_are_no_steadier_than_many_below_it():
    """Some runs blow up above the best rate; the few seeds of the coarse search may miss that."""
    few = np.full((6, 48), np.nan)
    few[:5, :8] = MEAN[:, None] + noise(8)
    fine = np.array([0.86, 0.88, 0.80])[:, None] + 0.01 * np.random.default_rng(2).standard_normal((3, 40))
    fine[2, ::10] -= 0.3
    few[[2, 3, 5], 8:] = fine[[0, 1, 2]]
    x = np.array([*X, -0.25])
    coarse, steady = rate_means(x, few)
    spread = steady.variance[-1] * steady.seeds
    assert coarse.variance[-1] * coarse.seeds == pytest.approx(spread)  # at 0, above -0.25
    assert (coarse.variance[:4] * coarse.seeds < spread / 10).all()


def test_scores_near_a_ceiling_do_not_hide_a_rate_that_blows_up():
    """Most seeds score the same at good rates, so their median deviation says nothing about blow-ups."""
    good = np.where(np.arange(19) < 14, 0.9777, 0.9333)
    blown = np.where(np.arange(19) < 10, 0.9777, 0.45)
    scores = np.array([good, good + 1e-4, good - 1e-4, good, blown])
    (means,) = rate_means(np.log10([0.03, 0.08, 0.18, 0.42, 1.0]), scores)
    assert means.mean[-1] < means.mean[:4].min() - 0.1
    assert means.variance[-1] > 10 * means.variance[:4].max()


@pytest.mark.parametrize("few_are_steadiest", [True, False])
def test_lucky_seeds_are_no_steadier_than_those_of_lower_rates(few_are_steadiest):
    """Eight seeds show no blow-up at a rate of 1; nineteen others show some at 0.56 and 0.75 already."""
    generator = np.random.default_rng(0)
    x = np.log10([0.05, 0.1, 0.316, 0.562, 0.75, 1.0])
    scores = np.full((6, 27), np.nan)
    size = 0.002 if few_are_steadiest else 0.012
    scores[[0, 1, 2, 5], :8] = 0.975 + size * generator.standard_normal((4, 8))
    scores[:5, 8:] = 0.975 + 0.008 * generator.standard_normal((5, 19))
    scores[3, 8::4] = scores[4, 10::4] = 0.6
    by_seeds = {means.seeds: means for means in rate_means(x, scores)}
    spread = by_seeds[19].variance * 19
    assert spread[3:].min() > 0.001
    assert by_seeds[8].variance[-1] * 8 >= spread.max() * 0.999
    assert by_seeds[8].variance[:3].max() * 8 < 0.0005


def test_seeds_that_blow_up_at_most_rates_do_not_raise_the_others():
    """A seed whose median over all rates is a blow-up is not a bad seed: its good rates count as they are."""
    scores = np.full((5, 8), 0.5) + np.array([0.0, 0.05, 0.04, -0.3, -0.6])[:, None]
    scores += 0.001 * np.arange(8)
    scores[2:, 7] = [-1e5, -2e5, -3e5]
    (means,) = rate_means(np.log10([0.001, 0.003, 0.01, 0.03, 0.1]), scores)
    assert means.mean.argmax() == 1
    assert means.mean.max() < 0.6
    assert (np.sqrt(means.variance[:2]) < 0.1).all()
