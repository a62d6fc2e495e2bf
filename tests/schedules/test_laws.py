"""What holds for every schedule, whatever its parameters."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.schedules import FAMILIES, Plan, Schedule
from stepsize.units import updates
from tests.support.draws import (
    ARGUMENTS,
    HORIZON,
    LAW,
    NAMES,
    PER_EPOCH,
    anything,
    driven,
    family_of,
    joins,
    leaves,
    planned,
    sized,
    timely,
)

WRAPPERS = {"clip", "per_epoch", "repeat", "rescale", "resumed"}
DRIVEN = {"plateau", "on_threshold", "two_way"}
NO_PEAK = {"custom"}  # whose values nobody knows
FROM_THE_PEAK = [  # those that begin at their peak and never rise
    "constant", "cosine", "exponential", "flat_cosine", "hyperbolic", "inverse_sqrt", "inverse_time",
    "k_decay", "linear", "multistep", "natural_exponential", "polynomial", "power_law", "rex", "step_decay",
    "wsd",
]  # fmt: skip
TO_THE_FLOOR = [
    "cosine", "exponential", "flat_cosine", "k_decay", "linear", "one_cycle", "polynomial", "rex",
    "slanted_triangular", "wsd",
]  # fmt: skip


def test_every_family_is_drawn() -> None:
    ours = {
        name
        for name, made in FAMILIES.items()
        if not made.__module__.startswith("stepsize.schedules.foreign.")
    }
    assert {*ARGUMENTS, "warmup", *WRAPPERS, *DRIVEN} == ours


def bounds(schedule: Any) -> tuple[float, float]:
    """The least and the greatest value that a family promises."""
    name = type(schedule).__name__
    if name == "constant":
        return schedule.value, schedule.value
    if name.startswith("piecewise"):
        return min(schedule.values), max(schedule.values)
    if name == "one_cycle":
        start = schedule.peak / 25 if schedule.start is None else schedule.start
        return start / 1e4 if schedule.floor is None else schedule.floor, schedule.peak
    if name == "one_cycle_momentum":
        return schedule.low, schedule.high
    if name == "slanted_triangular":
        return schedule.peak / schedule.ratio, schedule.peak
    if name == "noam":
        warm = schedule.warmup.resolve(HORIZON, PER_EPOCH)
        return 0.0, schedule.scale / math.sqrt(schedule.d_model * warm) * (1 + 1e-12)
    if name == "linear_cosine":
        low, high = schedule.beta, 1 + schedule.alpha + schedule.beta
        return schedule.peak * low * (1 - 1e-12), schedule.peak * high * (1 + 1e-12)
    if name == "noise":
        return 1 - schedule.share, 1 + schedule.share
    return getattr(schedule, "floor", None) or 0.0, schedule.peak


@LAW
@given(anything)
def test_text_json_and_pickle_give_the_same_schedule_back(schedule: Schedule) -> None:
    copies = [
        ss.parse(repr(schedule)),
        ss.from_json(schedule.to_json()),
        pickle.loads(pickle.dumps(schedule)),
    ]
    for copy in copies:
        assert copy == schedule
        assert hash(copy) == hash(schedule)
        assert repr(copy) == repr(schedule)
        assert copy.to_json() == schedule.to_json()


@LAW
@given(anything, anything)
def test_schedules_are_equal_exactly_if_their_specs_are(one: Schedule, two: Schedule) -> None:
    assert (one == two) == (repr(one) == repr(two))


@pytest.mark.parametrize("name", [*NAMES, "any combination"])
@LAW
@given(st.data())
def test_a_plan_is_finite_and_its_values_are_its_calls(name: str, data: st.DataObject) -> None:
    plan = planned(data.draw(timely if name == "any combination" else family_of(name)))
    assert plan.values.shape == (HORIZON,)
    assert plan.values.dtype == np.float64
    assert np.isfinite(plan.values).all()
    assert (plan.values >= 0).all()
    times = np.arange(HORIZON + 50)
    assert plan(times).tolist() == [plan(int(t)) for t in times]
    assert plan(times)[:HORIZON].tolist() == plan.values.tolist()
    assert set(plan(times)[HORIZON:]) == {plan(HORIZON)}


@LAW
@given(timely)
def test_a_plan_survives_pickling_and_text(schedule: Schedule) -> None:
    plan = planned(schedule)
    copy = pickle.loads(pickle.dumps(plan))
    assert copy == plan
    assert copy.values.tolist() == plan.values.tolist()
    again = ss.parse(repr(plan.schedule)).plan(updates=HORIZON, updates_per_epoch=PER_EPOCH)
    assert again.values.tolist() == plan.values.tolist()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NO_PEAK])
@LAW
@given(st.data())
def test_values_stay_between_floor_and_peak(name: str, data: st.DataObject) -> None:
    schedule = data.draw(family_of(name))
    low, high = bounds(schedule)
    values = planned(schedule).values
    assert low <= values.min()
    assert values.max() <= high


@pytest.mark.parametrize("name", FROM_THE_PEAK)
@LAW
@given(st.data())
def test_a_decay_begins_at_its_peak_and_never_rises(name: str, data: st.DataObject) -> None:
    schedule = data.draw(family_of(name))
    values = planned(schedule).values
    _, high = bounds(schedule)
    assert (np.diff(values) <= 1e-12 * high).all()
    if getattr(schedule, "offset", None) is None:
        assert values[0] == high


@pytest.mark.parametrize("name", TO_THE_FLOOR)
@LAW
@given(st.data())
def test_the_end_value_comes_at_the_end_or_closed_on_the_last_update(name: str, data: st.DataObject) -> None:
    schedule = data.draw(family_of(name))
    assume(name != "exponential" or schedule.floor is not None)
    plan = planned(schedule)
    last = HORIZON if schedule.length is None else math.ceil(schedule.length.resolve(HORIZON, PER_EPOCH))
    phases = [getattr(schedule, part, None) for part in ("warmup", "down")]
    before = sum(part.resolve(HORIZON, PER_EPOCH) for part in phases if part is not None)
    assume(before < last - 1)
    assume(name not in ("wsd", "flat_cosine") or schedule.decay.resolve(HORIZON, PER_EPOCH) > 0)
    low, high = bounds(schedule)
    assert plan(last) == low
    assert plan(last + 7) == low
    if schedule.closed:
        assert plan(last - 1) == low
    elif low < 0.9 * high and last > 1 and name in ("linear", "rex"):
        assert plan(last - 1) > low


@LAW
@given(timely, st.floats(0.1, 10))
def test_a_factor_of_one_changes_nothing_and_another_scales(schedule: Schedule, scale: float) -> None:
    plan = planned(schedule)
    assert schedule * 1 == 1 * schedule == schedule / 1 == schedule
    assert planned(schedule * ss.constant(1)).values.tolist() == plan.values.tolist()
    np.testing.assert_allclose(planned(schedule * scale).values, scale * plan.values, rtol=1e-14)


@LAW
@given(leaves | joins, leaves | joins)
def test_products_and_sums_are_those_of_the_values(one: Schedule, two: Schedule) -> None:
    left, right = planned(one).values, planned(two).values
    assert planned(one * two).values.tolist() == (left * right).tolist()
    assert planned(one + two).values.tolist() == (left + right).tolist()


@LAW
@given(leaves, driven)
def test_a_metric_factor_counts_as_one_in_a_plan(schedule: Schedule, factor: Any) -> None:
    plan = planned(schedule * factor)
    assert plan.metric_factor == factor
    assert plan.values.tolist() == planned(schedule).values.tolist()


@LAW
@given(st.lists(leaves.filter(lambda schedule: schedule.sized), min_size=2, max_size=3))
def test_a_join_is_its_pieces_one_after_another(pieces: list[Any]) -> None:
    joined = pieces[0]
    for piece in pieces[1:]:
        joined = joined >> piece
    plan = planned(joined)
    start = 0
    for index, piece in enumerate(pieces):
        lasts = int(piece.length.resolve(HORIZON, PER_EPOCH)) if index < len(pieces) - 1 else HORIZON
        alone = planned(piece).values[: min(lasts, HORIZON - start)]
        assert plan.values[start : start + lasts].tolist() == alone.tolist()
        start += lasts


@LAW
@given(sized, sized, leaves)
def test_joining_is_associative(one: Schedule, two: Schedule, three: Schedule) -> None:
    left, right = (one >> two) >> three, one >> (two >> three)
    assert left == right
    assert hash(left) == hash(right)
    assert repr(left) == f"{one} >> {two} >> {three}"


@LAW
@given(leaves, leaves, leaves)
def test_multiplying_and_adding_are_associative(one: Schedule, two: Schedule, three: Schedule) -> None:
    assert (one * two) * three == one * (two * three)
    assert (one + two) + three == one + (two + three)


@LAW
@given(st.integers(0, 60), st.floats(0, 1), leaves)
def test_a_warmup_hands_over_the_first_value(length: int, start: float, follower: Schedule) -> None:
    assume("run" not in repr(follower) and not isinstance(follower, ss.wsd | ss.flat_cosine | ss.hyperbolic))
    assume(not hasattr(follower, "warmup") and not isinstance(follower, ss.sigmoid))
    alone = planned(follower, HORIZON - length)  # without fractions of the run, which is another one here
    plan = planned(ss.warmup(length * updates, start=start) >> follower)
    assert plan.values[length:].tolist() == alone.values.tolist()
    first = alone(0)
    for t in range(length):
        assert plan(t) == pytest.approx(start + (first - start) * t / length, rel=1e-12, abs=1e-15)


@LAW
@given(leaves, st.integers(1, 20))
def test_repeating_starts_again(schedule: Schedule, t: int) -> None:
    plan = Plan(planned(schedule).schedule, HORIZON, PER_EPOCH, "repeat")
    assert plan(HORIZON + t) == plan(t)
    assert plan(3 * HORIZON) == plan(0)
