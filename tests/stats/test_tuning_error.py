"""What tuning leaves in two candidates is common as far as the same causes move their rates."""

import numpy as np
import pytest

from stepsize.errors import StudyError
from stepsize.stats import TuningError, decide
from stepsize.stats.tuning_error import tuning_columns, tuning_covariance


def errors(sources, variances):
    return [TuningError(each, sources=tuple(row)) for row, each in zip(sources, variances, strict=True)]


def test_covariance_is_the_square_of_the_correlation_of_the_sources():
    covariance = tuning_covariance(errors([[3, 4], [6, 0], [0, 0, 2]], [0.04, 0.01, 0.01]), 3)
    assert covariance[0, 1] == covariance[1, 0] == pytest.approx(0.6**2 * 0.2 * 0.1)
    assert (covariance[0, 2], covariance[1, 2]) == (0.0, 0.0)


def test_the_regrets_of_two_quadratic_curves_have_that_covariance():
    generator = np.random.default_rng(1)
    sources = np.array([[0.1, 0.0], [0.08, 0.06]])
    regrets = (generator.standard_normal((100_000, 2)) @ sources.T) ** 2
    stated = tuning_covariance(errors(sources, regrets.var(axis=0)), 2)[0, 1]
    assert stated == pytest.approx(np.cov(regrets.T)[0, 1], rel=0.05)


def test_nothing_is_common_where_sources_are_not_known():
    assert not tuning_covariance([TuningError(1.0), TuningError(1.0, sources=(1.0,))], 2).any(
        where=~np.eye(2, dtype=bool)
    )
    assert not tuning_covariance([TuningError(1.0), None], 2).any()
    assert not tuning_covariance(None, 2).any()


def test_what_is_common_narrows_the_interval_of_the_difference():
    scores = 0.9 + 0.01 * np.random.default_rng(2).standard_normal((2, 30))

    def width(second):
        tuning = errors([[1.0, 0.0], second], [1e-5, 1e-5])
        decision = decide(scores, names="ab", baseline="a", margin=0.01, tuning=tuning)
        low, high = decision.vs_baseline["b"].ci95 or (0.0, 0.0)
        return high - low

    plain = decide(scores, names="ab", baseline="a", margin=0.01).vs_baseline["b"].ci95 or (0.0, 0.0)
    assert width([2.0, 0.0]) == pytest.approx(plain[1] - plain[0])
    assert width([0.0, 1.0]) > width([2.0, 0.0])


def test_there_is_one_entry_for_each_candidate():
    with pytest.raises(StudyError, match="tuning has 1 entries for 2 candidates; give one for each"):
        tuning_columns([None], 2)
