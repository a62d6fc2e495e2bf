"""What holds for every schedule, whatever its parameters."""

from __future__ import annotations

import math
import pickle
from functools import reduce
from operator import rshift
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import FAMILIES, Plan, Schedule
from stepsize.units import epochs, lr, run, updates

LAW = settings(deadline=None, derandomize=True, max_examples=150)
HORIZON, PER_EPOCH = 200, 20

levels = st.floats(1e-6, 10) | st.integers(1, 10)
shares = st.floats(0, 1)
counts = st.integers(0, 20)
lengths = (
    st.floats(0.1, 3).map(lambda n: n * epochs)
    | st.integers(1, 60).map(lambda n: n * updates)
    | st.floats(0.02, 0.3).map(lambda n: n * run)
)
lengths_or_none = st.none() | lengths
factors = st.floats(1e-3, 1)


@st.composite
def peak_and_floor(draw: st.DrawFn, least: float = 0.0) -> dict[str, float]:
    peak = draw(levels)
    return {"peak": peak, "floor": peak * draw(st.floats(least, 1))}


def merged(
    first: st.SearchStrategy[dict[str, Any]], more: dict[str, st.SearchStrategy[Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda one, two: one | two, first, st.fixed_dictionaries(more))


timed = {"length": lengths_or_none}
closing = timed | {"closed": st.booleans()}
ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "constant": st.fixed_dictionaries({"value": levels, **timed}),
    "linear": merged(peak_and_floor(), closing),
    "cosine": merged(peak_and_floor(), closing),
    "polynomial": merged(peak_and_floor(), closing | {"power": st.floats(0.2, 5)}),
    "exponential": merged(peak_and_floor(1e-6), closing)
    | st.fixed_dictionaries(
        {"peak": levels, "factor": factors, "every": lengths, "staircase": st.booleans(), **timed}
    ),
    "inverse_time": st.fixed_dictionaries(
        {"peak": levels, "rate": st.floats(0, 10), "every": lengths, "compounding": st.booleans(), **timed}
    )
    | st.fixed_dictionaries({"peak": levels, "rate": st.floats(0, 10), "staircase": st.just(False)}),
    "inverse_sqrt": st.fixed_dictionaries({"peak": levels, "timescale": lengths, **timed}),
    "step_decay": merged(
        peak_and_floor(), timed | {"factor": factors, "every": lengths, "offset": lengths_or_none}
    ),
    "multistep": st.fixed_dictionaries(
        {
            "peak": levels,
            "factor": factors,
            "at": st.lists(st.integers(1, 300), min_size=1, max_size=5).map(
                lambda items: [item * updates for item in sorted(items)]
            ),
            **timed,
        }
    ),
    "wsd": merged(
        peak_and_floor(1e-6),
        closing
        | {
            "decay": lengths,
            "shape": st.sampled_from(["linear", "cosine", "1-sqrt", "square", "exponential"]),
        },
    ),
    "one_cycle": st.fixed_dictionaries(
        {
            "peak": levels,
            "warmup": lengths,
            "start": st.none() | st.floats(0, 1e-6),
            "floor": st.none() | st.floats(0, 1e-6),
            "shape": st.sampled_from(["linear", "cosine"]),
            **closing,
        }
    ),
}
"""Every parameter of every family; a new family is added here."""


def family_of(name: str) -> st.SearchStrategy[Schedule]:
    return ARGUMENTS[name].map(lambda arguments: FAMILIES[name](**arguments))


def test_every_family_is_drawn() -> None:
    assert {*ARGUMENTS, "warmup", "plateau"} == set(FAMILIES)


warmups = st.builds(
    ss.warmup,
    lengths | st.just(0 * epochs),
    start=st.floats(1e-6, 1),
    shape=st.sampled_from(["linear", "cosine", "exponential"]),
)
plateaus = st.builds(
    ss.plateau,
    factor=st.floats(0.01, 0.99),
    patience=counts,
    cooldown=counts,
    threshold=shares,
    relative=st.booleans(),
    floor=st.floats(0, 0.5),
    metric=st.sampled_from(["val_loss", "accuracy", "valid/f1@0.5"]),
    mode=st.none() | st.sampled_from(["min", "max"]),
)
NAMES = sorted(ARGUMENTS)
leaves = st.sampled_from(NAMES).flatmap(family_of)
sized = leaves.filter(lambda schedule: schedule.sized) | warmups
joins = st.builds(
    lambda pieces, last: reduce(rshift, [*pieces, last]), st.lists(sized, min_size=1, max_size=2), leaves
)
products = st.builds(
    lambda scale, factors, driven: driven(scale * factors[0] * factors[-1]),
    st.floats(0.1, 10) | st.just(lr) | st.just(0.5 * lr),
    st.lists(leaves | joins, min_size=1, max_size=2),
    plateaus.map(lambda p: lambda s: s * p) | st.just(lambda s: s),
)
knobbed = st.builds(lambda share: ss.cosine(lr, floor=share * lr), st.floats(0.01, 1))
anything = leaves | warmups | plateaus | joins | products | knobbed


def planned(schedule: Schedule, updates: int = HORIZON) -> Plan:
    """The plan of a schedule; parameters that do not fit the run are drawn again."""
    if schedule.knobs:
        schedule = schedule.bind(lr=0.1)
    try:
        return schedule.plan(updates=updates, updates_per_epoch=PER_EPOCH)
    except ScheduleError:
        assume(False)
        raise


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


@LAW
@given(leaves | joins | products)
def test_a_plan_is_finite_and_its_values_are_its_calls(schedule: Schedule) -> None:
    plan = planned(schedule)
    assert plan.values.shape == (HORIZON,)
    assert plan.values.dtype == np.float64
    assert np.isfinite(plan.values).all()
    assert (plan.values >= 0).all()
    times = np.arange(HORIZON + 50)
    assert plan(times).tolist() == [plan(int(t)) for t in times]
    assert plan(times)[:HORIZON].tolist() == plan.values.tolist()
    assert set(plan(times)[HORIZON:]) == {plan(HORIZON)}


@LAW
@given(leaves | joins | products)
def test_a_plan_survives_pickling_and_text(schedule: Schedule) -> None:
    plan = planned(schedule)
    copy = pickle.loads(pickle.dumps(plan))
    assert copy == plan
    assert copy.values.tolist() == plan.values.tolist()
    again = ss.parse(repr(plan.schedule)).plan(updates=HORIZON, updates_per_epoch=PER_EPOCH)
    assert again.values.tolist() == plan.values.tolist()


def bounds(schedule: Any) -> tuple[float, float]:
    """The least and the greatest value that a family promises."""
    if isinstance(schedule, ss.constant):
        return schedule.value, schedule.value
    floor = getattr(schedule, "floor", None)
    if isinstance(schedule, ss.one_cycle):
        start = schedule.peak / 25 if schedule.start is None else schedule.start
        return min(start, start / 1e4 if floor is None else floor), schedule.peak
    return 0.0 if floor is None else floor, schedule.peak


@LAW
@given(leaves)
def test_values_stay_between_floor_and_peak(schedule: Any) -> None:
    low, high = bounds(schedule)
    values = planned(schedule).values
    assert low <= values.min()
    assert values.max() <= high


@pytest.mark.parametrize("name", NAMES)
@LAW
@given(st.data())
def test_the_first_value_is_the_peak_and_only_one_cycle_rises(name: str, data: st.DataObject) -> None:
    schedule: Any = data.draw(family_of(name))
    values = planned(schedule).values
    _, high = bounds(schedule)
    if name == "one_cycle":
        start = schedule.peak / 25 if schedule.start is None else schedule.start
        assert values[0] == start or schedule.warmup.resolve(HORIZON, PER_EPOCH) == 0
    else:
        assert (np.diff(values) <= 1e-12 * high).all()
        if getattr(schedule, "offset", None) is None:
            assert values[0] == high


@pytest.mark.parametrize("name", ["linear", "polynomial", "cosine", "exponential", "wsd", "one_cycle"])
@LAW
@given(st.data())
def test_the_end_value_comes_at_the_end_or_closed_on_the_last_update(name: str, data: st.DataObject) -> None:
    schedule: Any = data.draw(family_of(name))
    assume(name != "exponential" or schedule.floor is not None)
    plan = planned(schedule)
    last = HORIZON if schedule.length is None else math.ceil(schedule.length.resolve(HORIZON, PER_EPOCH))
    assume(name != "one_cycle" or schedule.warmup.resolve(HORIZON, PER_EPOCH) < last - 1)
    assume(name != "wsd" or schedule.decay.resolve(HORIZON, PER_EPOCH) > 0)
    low, high = bounds(schedule)
    end = low if schedule.floor is None else schedule.floor
    assert plan(last) == end
    assert plan(last + 7) == end
    if schedule.closed:
        assert plan(last - 1) == end
    elif end < 0.9 * high and last > 1 and getattr(schedule, "power", 1) <= 1 and name != "cosine":
        assert plan(last - 1) > end


@LAW
@given(leaves | joins | products, st.floats(0.1, 10))
def test_a_factor_of_one_changes_nothing_and_another_scales(schedule: Schedule, scale: float) -> None:
    plan = planned(schedule)
    assert schedule * 1 == 1 * schedule == schedule / 1 == schedule
    assert planned(schedule * ss.constant(1)).values.tolist() == plan.values.tolist()
    np.testing.assert_allclose(planned(schedule * scale).values, scale * plan.values, rtol=1e-14)


@LAW
@given(leaves | joins, leaves | joins)
def test_a_product_is_the_product_of_the_values(one: Schedule, two: Schedule) -> None:
    expected = planned(one).values * planned(two).values
    assert planned(one * two).values.tolist() == expected.tolist()


@LAW
@given(leaves, plateaus)
def test_a_metric_factor_counts_as_one_in_a_plan(schedule: Schedule, factor: Any) -> None:
    plan = planned(schedule * factor)
    assert plan.metric_factor == factor
    assert plan.values.tolist() == planned(schedule).values.tolist()


@LAW
@given(st.lists(leaves.filter(lambda schedule: schedule.sized), min_size=2, max_size=3))
def test_a_join_is_its_pieces_one_after_another(pieces: list[Schedule]) -> None:
    joined = pieces[0]
    for piece in pieces[1:]:
        joined = joined >> piece
    plan = planned(joined)
    start = 0
    for index, piece in enumerate(pieces):
        length: Any = piece.length  # type: ignore[attr-defined]
        lasts = int(length.resolve(HORIZON, PER_EPOCH)) if index < len(pieces) - 1 else HORIZON
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
def test_multiplying_is_associative(one: Schedule, two: Schedule, three: Schedule) -> None:
    assert (one * two) * three == one * (two * three)


@LAW
@given(
    st.integers(0, 60), st.floats(0, 1), st.sampled_from([name for name in NAMES if name != "wsd"]), st.data()
)
def test_a_warmup_hands_over_the_first_value(
    length: int, start: float, name: str, data: st.DataObject
) -> None:
    follower = data.draw(family_of(name))
    text = repr(follower)
    assume("run" not in text and name != "one_cycle")  # fractions refer to the whole run, see test_compose
    alone = planned(follower, HORIZON - length)
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
