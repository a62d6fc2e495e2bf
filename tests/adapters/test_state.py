"""The state of a run as plain JSON data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.adapters.state import Place, differences, read_state, write_state
from stepsize.errors import StateError
from tests.support.draws import LAW, planned, timely

PLAN = (ss.cosine(0.1) * ss.plateau(factor=0.5)).plan(updates=50, updates_per_epoch=5)


def written(**changes: Any) -> dict[str, Any]:
    factor = PLAN.metric_factor
    return write_state(Place(PLAN, 7, factor.observe(factor.init(), 0.3))) | changes


@LAW
@given(timely, st.integers(0, 1000))
def test_a_place_survives_json_bit_for_bit(schedule: Any, update: int) -> None:
    plan = planned(schedule)
    factor = plan.metric_factor
    place = Place(plan, update, None if factor is None else factor.observe(factor.init(), 0.3))
    again = read_state(json.dumps(write_state(place)))
    assert again == place
    assert again.rate == place.rate


def test_the_fields_are_those_that_are_documented() -> None:
    assert set(written()) == {
        "stepsize_state", "schedule", "updates", "updates_per_epoch", "after", "update", "rate", "metric",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "None is not the state of a run; load what state_dict"),
        ({}, "is not the state of a run"),
        ("{", "not a JSON document"),
        (json.dumps(written())[:-9], "not a JSON document"),
        ("[" * 10**5, "not a JSON document"),
        (written(stepsize_state=2), "stepsize_state=2 is unknown; this version reads 1; update stepsize"),
        ({"stepsize_state": 1}, "lacks schedule, updates, "),
        ({k: v for k, v in written().items() if k != "rate"}, "the state lacks rate"),
        (written(schedule="cosin(0.1)"), "did you mean 'cosine'"),
        (written(schedule=5), "cannot be read"),
        (written(updates=0), "cannot be read: updates=0"),
        (written(updates="50"), "cannot be read: updates='50'"),
        (written(update=-1), "update=-1 is not a count"),
        (written(update=7.5), "update=7.5 is not a count"),
        (written(update=True), "update=True is not a count"),
        (written(update=8), "the state is damaged"),
        (written(rate=0.09), "has rate=0.09, but update 7 of"),
        (written(rate=None), "has rate=None"),
        (written(metric=None), "cannot be read"),
        (written(metric={"stepsize_metric_state": 2}), "cannot be read"),
        (written(metric=written()["metric"] | {"scale": 0.5}), "the state is damaged"),
        (written(metric=written()["metric"] | {"bad": "x"}), "lacks a number"),
    ],
)
def test_what_is_no_state_says_why(state: Any, said: str) -> None:
    with pytest.raises(StateError, match=said):
        read_state(state)


@LAW
@given(timely, timely)
def test_plans_differ_exactly_if_something_is_named(one: Any, two: Any) -> None:
    first, second = planned(one), planned(two)
    assert (first == second) == (differences(first, second) == [])
    assert differences(first, first) == []


def test_every_field_of_a_plan_is_compared() -> None:
    plan = ss.cosine(0.1).plan(updates=50)
    for other in (
        ss.cosine(0.1, floor=0.01).plan(updates=50),
        ss.linear(0.1).plan(updates=50),
        ss.cosine(0.1).plan(updates=51),
        ss.cosine(0.1).plan(updates=50, updates_per_epoch=5),
        ss.cosine(0.1).plan(updates=50, after="repeat"),
    ):
        assert len(differences(plan, other)) == 1
