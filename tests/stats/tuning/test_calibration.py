"""What tuning leaves is stated, and intervals that include it cover the difference at best rates."""

from functools import cache

import pytest

from stepsize.stats.tuning.calibration import FEWEST_PARTED, ScoreCurve, calibrate_tuning
from stepsize.study import tuning

PAIRS = {
    "apart in their best rates": (ScoreCurve(), ScoreCurve(peak=-1.8)),  # which their schedules do not say
    "as far apart as their schedules say": (ScoreCurve(), ScoreCurve(peak=-0.8, average=0.5)),
    "a cliff, and at the edge": (ScoreCurve(q=8, right=0.0005, left=0.003, p=0.8), ScoreCurve(peak=0.1)),
}


@cache
def usual_tuning(name):
    return calibrate_tuning(*PAIRS[name], seeds=30, studies=40)


@pytest.mark.parametrize("name", PAIRS)
def test_intervals_cover_the_difference_at_best_rates(name):
    found = usual_tuning(name)
    assert found.regret < 0.0005
    assert 0.2 * found.regret < found.stated < 0.0005
    assert 0.91 < found.coverage < 0.995


def test_without_enough_tuning_the_plain_interval_fails_and_the_other_holds():
    found = calibrate_tuning(*PAIRS["apart in their best rates"], seeds=200, coarse=3, fine=4, studies=60)
    assert found.plain < 0.93
    assert found.coverage > found.plain
    assert found.coverage > 0.9


def test_more_tuning_leaves_less():
    few = calibrate_tuning(
        *PAIRS["as far apart as their schedules say"], seeds=30, coarse=2, fine=3, studies=40
    )
    many = usual_tuning("as far apart as their schedules say")
    assert many.regret < few.regret
    assert many.stated < few.stated


def test_simulated_tunings_split_their_seeds_as_studies_do():
    assert FEWEST_PARTED == tuning.FEWEST_PARTED
