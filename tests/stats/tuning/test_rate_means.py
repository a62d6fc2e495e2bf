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
