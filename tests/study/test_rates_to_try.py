"""Rates that a schedule does not allow: left out of grid and widening, at the same number of tries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.errors import ScheduleError, StudyError
from stepsize.problems.problem import problem
from stepsize.study.protocol import rounds, total_runs
from stepsize.study.rates_to_try import FINE_RATES, fine_rates, first_rates, furthest, likely_rates
from stepsize.study.search.chosen_rates import tuned_candidates
from stepsize.study.stores.store import Run
from stepsize.study.study import make_study
from stepsize.study.tuning import ADAPTIVE_GRID, SGD_GRID, Tuning


def study_of(*schedules, tuning=None):
    return make_study(problem("ionosphere"), schedules, seeds=2, tuning=tuning)


def train(study, best):
    """Finish a study in which scores fall with the distance to the rate `best`."""
    runs = {}
    for stage in rounds(study, runs):
        for job in stage.jobs:
            score = 0.9 - 0.05 * np.log10((job.rate or best) / best) ** 2
            curves = np.array([[0.5], [0.5], [score], [0.1]], np.float32)
            runs[job.key] = Run(job.candidate.key(job.rate), job.seed, job.rate, None, curves)
    return runs


@given(floor=st.floats(1e-6, 0.9), exponent=st.floats(-6, 3))
@settings(max_examples=25, deadline=None)
def test_a_floor_bounds_the_rates(floor, exponent):
    study = study_of("constant(lr)", f"cosine(lr, floor={floor})")
    runs = train(study, 10**exponent)
    assert len(runs) == total_runs(study, runs)
    for candidate, lowest in zip(study.tuned, (0, floor), strict=True):
        found = tuned_candidates(study, runs)[candidate.name]
        assert len(found.tried) == len(set(found.tried))
        assert found.tried[0] >= lowest
        assert found.tried[0] <= found.chosen <= found.tried[-1]


def test_the_lowest_rate_allowed_is_found_and_reported():
    study = study_of("cosine(lr, floor=0.0047)", "cosine(lr, floor=0.001)", "constant(lr)")
    runs = train(study, 1e-6)
    first, second, free = (tuned_candidates(study, runs)[candidate.name] for candidate in study.candidates)
    assert (first.tried[0], first.at_edge, first.at_limit) == (0.0047, True, True)
    assert (second.tried[0], second.at_edge, second.at_limit) == (0.001, True, True)
    assert (free.tried[0], free.at_edge, free.at_limit) == (1e-7, False, False)
    assert first.chosen < 2 * first.tried[0]
    assert second.chosen < 2 * second.tried[0]
    assert 0.5e-6 < free.chosen < 2e-6


def test_a_best_rate_inside_is_at_no_limit():
    study = study_of("cosine(lr, floor=0.0047)")
    found = tuned_candidates(study, train(study, 0.1))[study.candidates[0].name]
    assert 0.07 < found.chosen < 0.14
    assert not found.at_edge
    assert not found.at_limit


def test_the_highest_rate_allowed_is_found_too():
    study = study_of("cosine(0.25, floor=lr)")
    found = tuned_candidates(study, train(study, 1e3))[study.candidates[0].name]
    assert found.tried[-1] == 0.25
    assert 0.18 < found.chosen <= 0.25
    assert found.at_limit


def test_widening_goes_as_far_as_the_schedule():
    study = study_of("cosine(lr, floor=0.0005)", tuning=Tuning(SGD_GRID, rounds=1))
    found = tuned_candidates(study, train(study, 1e-6))[study.candidates[0].name]
    assert found.tried[0] == 0.0005
    assert {0.000707, 0.001} < set(found.tried)


@given(best=st.floats(1e-5, 10), lowest=st.floats(1e-5, 1e-2), decades=st.floats(0.1, 4))
def test_fine_rates_lie_within_those_tried(best, lowest, decades):
    highest = lowest * 10**decades
    rates = fine_rates(best, lowest, highest)
    assert lowest <= min(rates) < max(rates) <= highest
    assert list(rates) == sorted(set(rates))
    assert len(rates) == FINE_RATES
    if decades > 1.6 and lowest * 6 < best < highest / 6:
        assert min(rates) < best < max(rates)


@given(st.lists(st.floats(-4, 1), min_size=1, max_size=50), st.floats(0.0001, 0.01), st.floats(0.3, 3))
def test_likely_rates_are_five_that_were_within_those_tried(peaks, lowest, decades):
    highest = lowest * 10**decades
    rates = likely_rates(np.array(peaks), lowest, highest)
    assert list(rates) == sorted(set(rates))
    assert all(lowest <= rate <= highest for rate in rates)
    assert len(rates) == FINE_RATES
    middle = np.clip(np.quantile(peaks, 0.5, method="inverted_cdf"), *np.log10([lowest, highest]))
    assert decades < 0.7 or np.abs(np.log10(rates) - middle).min() < 0.3


def test_without_a_limit_the_grid_is_as_it_was():
    for grid in (SGD_GRID, ADAPTIVE_GRID, (1.0, 0.01)):
        assert first_rates(lambda rate: True, grid) == grid


@given(low=st.floats(1e-4, 0.5), width=st.floats(1.5, 1e4), grid=st.sampled_from([SGD_GRID, ADAPTIVE_GRID]))
def test_rates_stay_on_the_stretch_allowed_and_reach_its_ends(low, width, grid):
    def allowed(rate):
        return low <= rate <= low * width

    rates = first_rates(allowed, grid)
    assert all(map(allowed, rates))
    if rates and not allowed(min(grid)):
        assert min(rates) <= low * 1.011  # three digits
    if rates and not allowed(max(grid)):
        assert max(rates) >= low * width / 1.011
    assert len(set(rates)) == (len(grid) if rates else 0)


@given(wall=st.floats(0.0011, 0.99))
def test_furthest_is_the_last_of_three_digits(wall):
    found = furthest(lambda rate: rate >= wall, 1.0, 0.001)
    assert wall <= found <= wall * 1.0101


@pytest.mark.parametrize("floor", [2, 1, 0.999])
def test_a_schedule_without_room_is_refused_at_the_start(floor):
    with pytest.raises(
        StudyError, match=r"leave no room for 7 rates from 0.001 to 1; write them as multiples of lr"
    ):
        study_of("constant(lr)", f"cosine(lr, floor={floor})")


def test_what_is_wrong_at_every_rate_is_the_message():
    with pytest.raises(ScheduleError, match=r"^warmup=90\*epochs \(810 updates\) is longer than the run"):
        study_of("warmup(90*epochs) >> cosine(lr)")
