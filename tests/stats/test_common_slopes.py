"""What two tunings have in common is read from the slopes of common seeds."""

import numpy as np
import pytest

from stepsize.stats.common_slopes import slope_correlations


def test_correlations_are_adjusted_for_chance():
    generator = np.random.default_rng(0)
    slopes = generator.multivariate_normal([0, 0, 0], [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], 40).T
    slopes[2] = -slopes[0]
    slopes[1, :10] = np.nan
    correlations = slope_correlations(list(slopes))
    square = np.corrcoef(slopes[:2, 10:])[0, 1] ** 2
    adjusted = 1 - (1 - square) * 29 / 28
    assert correlations[0, 1] == correlations[1, 0] == pytest.approx(adjusted**0.5)
    assert (correlations[0, 2], correlations[1, 2]) == pytest.approx((0.0, 0.0))
    assert np.diag(correlations) == pytest.approx(1.0)


def test_nothing_is_common_without_six_common_seeds():
    five = np.full((2, 20), np.nan)
    five[:, :5] = np.arange(5.0)
    six = five.copy()
    six[:, 5] = 5.0
    assert slope_correlations(list(five))[0, 1] == pytest.approx(0.0)
    assert slope_correlations(list(six))[0, 1] == pytest.approx(1.0)
    assert np.array_equal(slope_correlations([np.arange(20.0), np.arange(10.0)]), np.eye(2))


def test_what_is_returned_is_a_correlation_matrix():
    """Slopes known in different seeds can show correlations that no three variables have together."""
    slopes = np.full((3, 30), np.nan)
    rising, falling = np.arange(10.0), np.array([0, 5, 1, 6, 2, 7, 3, 8, 4, 9.0])
    slopes[0, :10], slopes[1, :10] = rising, rising
    slopes[1, 10:20], slopes[2, 10:20] = rising, rising
    slopes[0, 20:], slopes[2, 20:] = rising, falling
    assert np.linalg.eigvalsh(slope_correlations(list(slopes))).min() >= -1e-12
