"""The verdict is wrong no more often than it says: 10 candidates, simulated studies, the product's own code.

The lines: false "better" and false differences at most 5 % of studies, intervals that hold the truth in
95 +- 1.5 %, a best set that holds the best in at least 95 %, and "equivalent" in at most 5 % of comparisons
whose difference is the margin. Rates come with Monte-Carlo error, so "at most 5 %" fails above three of its
standard errors.
"""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.stats.calibration import STEP, Calibration, calibrate, crowded, grainy, normal, skewed

STUDIES = {6: 10_000, 10: 10_000, 30: 2_000}
CELLS = [(normal, 0.01, None), (skewed, 0.01, None), (grainy, STEP, STEP)]


def assert_kept(rates: Calibration, studies: int, widest: float = 0.965) -> None:
    slack = 3 * np.sqrt(0.05 * 0.95 / studies)
    assert rates.false_better <= rates.false_difference <= 0.05 + slack
    assert rates.false_equivalent <= 0.05 + slack
    assert 0.935 <= rates.coverage <= widest
    assert 0.935 <= rates.coverage_apart <= widest
    assert rates.best_kept >= 0.95 - slack
    assert rates.best_kept_apart >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("seeds", STUDIES)
@pytest.mark.parametrize(("draw", "lead", "step"), CELLS)
def test_the_lines_hold(draw, lead, step, seeds):
    assert_kept(calibrate(draw, seeds, lead=lead, step=step, studies=STUDIES[seeds]), STUDIES[seeds])


@pytest.mark.slow
@pytest.mark.parametrize("seeds", STUDIES)
def test_most_runs_at_the_ceiling(seeds):
    """Here most differences are 0, and any interval around them holds 0 more often than in 96.5 %."""
    rates = calibrate(crowded, seeds, lead=STEP / 4, step=STEP, studies=STUDIES[seeds])
    assert_kept(rates, STUDIES[seeds], widest=1.0)


def test_without_the_value_of_a_sample_the_ceiling_fools_the_interval():
    told = calibrate(crowded, 6, lead=STEP / 4, step=STEP, studies=2000)
    not_told = calibrate(crowded, 6, lead=STEP / 4, studies=2000)
    assert not_told.coverage_apart < 0.93 < told.coverage_apart


def test_the_lines_can_fail():
    honest = calibrate(normal, 10, lead=0.01, studies=500)
    assert_kept(honest, 500)
    for wrong in (
        {"false_difference": 0.1},
        {"false_equivalent": 0.1},
        {"coverage": 0.93},
        {"coverage_apart": 0.97},
        {"best_kept": 0.9},
        {"best_kept_apart": 0.94},
    ):
        with pytest.raises(AssertionError):
            assert_kept(Calibration(**{**vars(honest), **wrong}), 500)


@pytest.mark.parametrize("draw", [normal, skewed, grainy, crowded])
def test_the_simulated_truth_is_what_it_says(draw):
    lead = STEP / 4
    scores = draw(np.random.default_rng(0), (20_000, 3, 10), lead)
    d = scores[:, 0] - scores[:, 1]
    assert d.mean() == pytest.approx(lead, abs=4 * d.std() / np.sqrt(d.size))
    if draw in (grainy, crowded):
        np.testing.assert_allclose(scores * 116, np.round(scores * 116), atol=1e-9)


def test_the_same_arguments_give_the_same_rates():
    assert calibrate(skewed, 6, lead=0.01, studies=50) == calibrate(skewed, 6, lead=0.01, studies=50)
