"""What tuning leaves in two candidates is common as far as their slopes agree."""

import numpy as np
import pytest

from stepsize.errors import StudyError
from stepsize.stats import TuningError, decide
from stepsize.stats.tuning_error import tuning_columns, tuning_covariance


def errors(slopes, variances):
    return [TuningError(variance, slopes=tuple(row)) for row, variance in zip(slopes, variances, strict=True)]


def test_covariance_is_the_adjusted_square_of_the_correlation_of_the_slopes():
    generator = np.random.default_rng(0)
    slopes = generator.multivariate_normal([0, 0, 0], [[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], 40).T
    slopes[2] = -slopes[0]
    slopes[1, :10] = np.nan
    covariance = tuning_covariance(errors(slopes, [0.04, 0.01, 0.01]), 3)
    square = np.corrcoef(slopes[:2, 10:])[0, 1] ** 2
    adjusted = 1 - (1 - square) * 29 / 28
    assert covariance[0, 1] == covariance[1, 0] == pytest.approx(adjusted * 0.2 * 0.1)
    assert (covariance[0, 2], covariance[1, 2]) == (0.0, 0.0)


def test_the_regrets_of_two_quadratic_curves_have_that_covariance():
    generator = np.random.default_rng(1)
    correlation, seeds, studies = 0.8, 40, 4000
    slopes = generator.multivariate_normal(
        [0, 0], [[1, correlation], [correlation, 1]], (studies, seeds)
    ).transpose(0, 2, 1)
    regrets = slopes.mean(axis=2) ** 2
    variances = regrets.var(axis=0)
    stated = np.mean([tuning_covariance(errors(each, variances), 2)[0, 1] for each in slopes[:500]])
    assert stated == pytest.approx(np.cov(regrets.T)[0, 1], rel=0.1)


def test_nothing_is_common_without_six_common_seeds():
    five = np.full((2, 20), np.nan)
    five[:, :5] = np.arange(5.0)
    six = five.copy()
    six[:, 5] = 5.0
    assert tuning_covariance(errors(five, [1, 1]), 2)[0, 1] == 0
    assert tuning_covariance(errors(six, [1, 1]), 2)[0, 1] == pytest.approx(1)
    assert not tuning_covariance([TuningError(1.0), None], 2).any()
    assert not tuning_covariance(None, 2).any()


def test_what_is_common_narrows_the_interval_of_the_difference():
    generator = np.random.default_rng(2)
    scores, slopes = 0.9 + 0.01 * generator.standard_normal((2, 30)), generator.standard_normal(20)

    def width(second):
        tuning = errors([slopes, second], [1e-5, 1e-5])
        decision = decide(scores, names="ab", baseline="a", margin=0.01, tuning=tuning)
        low, high = decision.vs_baseline["b"].ci95 or (0.0, 0.0)
        return high - low

    plain = decide(scores, names="ab", baseline="a", margin=0.01).vs_baseline["b"].ci95 or (0.0, 0.0)
    assert width(slopes) == pytest.approx(plain[1] - plain[0])
    assert width(-slopes) > width(slopes)


def test_there_is_one_entry_for_each_candidate():
    with pytest.raises(StudyError, match="tuning has 1 entries for 2 candidates; give one for each"):
        tuning_columns([None], 2)
