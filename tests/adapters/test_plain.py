"""A plan in your own training loop."""

from __future__ import annotations

import json
import random
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.adapters import PlainSchedule
from stepsize.errors import ScheduleError, StateError
from stepsize.units import updates
from tests.support.draws import HORIZON, LAW, planned, timely

PLATEAU = ss.cosine(0.1) * ss.plateau(factor=0.5, patience=2)


def losses(count: int, seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [1 / (1 + n / 20) + draw.uniform(0, 0.1) for n in range(count)]


def descend(schedule: PlainSchedule, weight: float, velocity: float, until: int) -> Any:
    """Momentum on a parabola, with the loss observed every tenth update."""
    seen = losses(HORIZON)
    rates = []
    while schedule.update < until:
        rates.append(schedule.rate)
        velocity = 0.9 * velocity - schedule.rate * weight
        weight += velocity
        schedule.step()
        if schedule.update % 10 == 0:
            schedule.observe(seen[schedule.update - 1])
    return weight, velocity, rates


@LAW
@given(timely.filter(lambda schedule: schedule.metric_factor is None))
def test_every_update_uses_the_planned_rate(schedule: Any) -> None:
    plan = planned(schedule)
    follower = PlainSchedule(plan)
    for rate in plan.values.tolist():
        assert follower.rate == rate
        follower.step()
    assert follower.rate == plan.end


def test_a_metric_scales_the_planned_rate() -> None:
    follower, factor = PlainSchedule(PLATEAU.plan(updates=100)), PLATEAU.metric_factor
    state = factor.init()
    for loss in losses(100):
        follower.step()
        follower.observe(loss)
        state = factor.observe(state, loss)
        assert follower.multiplier == factor.multiplier(state)
        assert follower.rate == follower.plan(follower.update) * follower.multiplier
    assert follower.multiplier < 1


@LAW
@given(st.integers(0, HORIZON - 1), st.integers(0, HORIZON - 1))
def test_killed_and_resumed_twice_is_the_uninterrupted_run_bit_for_bit(one: int, two: int) -> None:
    plan = PLATEAU.plan(updates=HORIZON)
    whole = descend(PlainSchedule(plan), 1.0, 0.0, HORIZON)
    weight, velocity, rates = 1.0, 0.0, []
    state = PlainSchedule(plan).state_dict()
    for stop in (*sorted((one, two)), HORIZON):
        follower = PlainSchedule(PLATEAU.plan(updates=HORIZON))
        follower.load_state_dict(json.loads(json.dumps(state)))
        weight, velocity, more = descend(follower, weight, velocity, stop)
        rates += more
        state = follower.state_dict()
    assert (weight, velocity, rates) == whole


def test_a_run_may_end_but_not_go_past_a_plan_that_says_so() -> None:
    follower = PlainSchedule(ss.linear(1).plan(updates=3, after="error"))
    for _ in range(3):
        follower.step()
    assert follower.rate == 0
    assert follower.state_dict()["update"] == 3
    with pytest.raises(ScheduleError, match="past the end of the run of 3 updates"):
        follower.step()


def test_repeating_plans_go_round() -> None:
    follower = PlainSchedule(ss.linear(1).plan(updates=4, after="repeat"))
    seen = []
    for _ in range(6):
        seen.append(follower.rate)
        follower.step()
    assert seen == [1, 0.75, 0.5, 0.25, 1, 0.75]


def test_numbers_of_numpy_may_be_observed() -> None:
    follower = PlainSchedule(PLATEAU.plan(updates=9))
    follower.observe(np.float32(0.5))
    state = json.loads(json.dumps(follower.state_dict()))
    assert state["metric"]["best"] == 0.5


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: PlainSchedule(ss.cosine(0.1)),
            r"plan=cosine\(0.1\) is not a plan; write .*plan\(updates=450\)",
        ),
        (lambda: PlainSchedule(None), "plan=None is not a plan"),
        (lambda: PlainSchedule(ss.cosine(1).plan(updates=9)).observe(0.5), "does not follow a metric; write"),
    ],
)
def test_what_cannot_be_followed_says_why(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()


def test_the_state_of_another_plan_is_refused_field_by_field() -> None:
    state = PlainSchedule((ss.warmup(5 * updates) >> ss.cosine(0.1)).plan(updates=50)).state_dict()
    other = PlainSchedule((ss.warmup(5 * updates) >> ss.cosine(0.2)).plan(updates=60))
    with pytest.raises(StateError) as caught:
        other.load_state_dict(state)
    for part in ("schedule.join[1].peak: 0.1 -> 0.2", "updates: 50 -> 60", 'policy="stretch"'):
        assert part in str(caught.value)
    assert other.update == 0


@pytest.mark.parametrize("wrong", [None, {"loss": 1.0}, "0.5", True, [1.0, 2.0]])
def test_a_metric_is_one_number(wrong: Any) -> None:
    schedule = PlainSchedule((ss.constant(0.1) * ss.plateau()).plan(updates=9))
    with pytest.raises(
        ScheduleError, match=r"metric=.* is not a number; pass one, for example observe\(0.35"
    ):
        schedule.observe(wrong)
    schedule.observe(float("nan"))
    schedule.observe(np.float32(0.5))


def test_the_advice_of_an_observation_without_a_factor_can_be_followed() -> None:
    schedule = PlainSchedule((ss.warmup(2 * updates) >> ss.cosine(0.1)).plan(updates=9))
    with pytest.raises(ScheduleError) as caught:
        schedule.observe(0.5)
    advice = ss.parse(str(caught.value).partition("write for example ")[2])
    assert advice.metric_factor is not None


@pytest.mark.parametrize(
    ("length", "due"),
    [
        ({"updates": 16}, 8),
        ({"epochs": 4, "updates_per_epoch": 3}, 6),
        ({"epochs": 2, "updates_per_epoch": 3}, 6),
        ({"epochs": 1, "updates_per_epoch": 3}, None),  # validated once, at the end
        ({"epochs": 90, "updates_per_epoch": 3}, 30),  # ten epochs
    ],
)
def test_a_metric_that_is_never_observed_is_reported(length: Any, due: int | None) -> None:
    plan = (ss.constant(0.1) * ss.plateau()).plan(**length)
    schedule, warned = PlainSchedule(plan), []
    observing = PlainSchedule(plan)
    for update in range(plan.horizon):
        observing.step()
        if update == 0:
            observing.observe(0.5)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            schedule.step()
        warned += [(schedule.update, each.filename) for each in caught]
    assert warned == ([] if due is None else [(due, __file__)])


def test_the_start_may_be_any_update() -> None:
    plan = ss.cosine(1).plan(updates=9)
    assert PlainSchedule(plan, update=4).rate == plan(4)
    with pytest.raises(ScheduleError, match="update=-1 is not a number of completed updates"):
        PlainSchedule(plan, update=-1)


@pytest.mark.parametrize(
    ("schedule", "after", "warned"),
    [
        (ss.linear(1), "hold", [6]),
        (ss.linear(1, floor=0.1), "hold", []),
        (ss.linear(1), "repeat", []),
    ],
)
def test_updates_past_the_end_at_a_rate_of_0_are_reported_once(
    schedule: Any, after: Any, warned: list[int]
) -> None:
    follower, updates = PlainSchedule(schedule.plan(updates=5, after=after)), []
    for _ in range(9):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            follower.step()
        updates += [follower.update for each in caught if "update 5 is past the end" in str(each.message)]
    assert updates == warned
    late = PlainSchedule(schedule.plan(updates=5, after=after), update=20)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        late.step()
    assert len(caught) == len(warned)
