"""The power law: right on exact points, intervals that cover, bends that are there."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.errors import StudyError
from stepsize.stats.power_law import fit_power_law


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 1.0])
def test_exact_points(exponent):
    x = np.array([8.0, 32, 16, 128])
    law = fit_power_law(x, 0.01 * x**exponent)
    assert law.exponent == pytest.approx(exponent)
    assert law.ci95 == pytest.approx((exponent, exponent), abs=1e-6)
    assert law.predict(64)[0] == pytest.approx(0.01 * 64**exponent)


def test_the_exponent_is_that_of_scipy():
    from scipy.stats import linregress, t

    generator = np.random.default_rng(3)
    x, y = np.geomspace(1, 1e3, 7), generator.uniform(0.1, 9, 7)
    law, known = fit_power_law(x, y), linregress(np.log10(x), np.log10(y))
    assert law.exponent == pytest.approx(known.slope)
    assert law.ci95[1] - known.slope == pytest.approx(t.ppf(0.975, 5) * known.stderr)


@pytest.mark.parametrize("points", [3, 5, 8])
def test_intervals_cover(points):
    generator = np.random.default_rng(0)
    x = np.geomspace(8, 1024, points)
    studies, holds, foretold, bends = 2000, 0, 0, 0
    for _ in range(studies):
        law = fit_power_law(x, 0.01 * x**0.7 * 10 ** (0.08 * generator.standard_normal(points)))
        holds += law.ci95[0] <= 0.7 <= law.ci95[1]
        low, high = law.predict(300)[1]
        foretold += low <= 0.01 * 300**0.7 * 10 ** (0.08 * generator.standard_normal()) <= high
        bends += law.bend is not None
    assert 0.93 < holds / studies < 0.97
    assert 0.93 < foretold / studies < 0.97
    assert bends / studies < 0.05


def test_a_bend_is_found():
    generator = np.random.default_rng(1)
    x = np.geomspace(4, 4096, 11)
    y = 0.01 * np.minimum(x, 64) * 10 ** (0.05 * generator.standard_normal(11))
    bend = fit_power_law(x, y).bend
    assert bend is not None
    assert 30 < bend.at < 130
    assert bend.before == pytest.approx(1, abs=0.15)
    assert bend.after == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize(
    ("x", "y"), [([1, 2], [1, 2]), ([1, 2, 2], [1, 2, 3]), ([1, 2, 0], [1, 2, 3]), ([1, 2, 3], [1, 2, -3])]
)
def test_what_has_no_law(x, y):
    with pytest.raises(StudyError, match="a power law needs"):
        fit_power_law(x, y)
