"""Going on with a run, by the plan it had or by another one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.adapters import PlainSchedule, resume
from stepsize.errors import ScheduleError, StateError
from stepsize.units import updates
from tests.support.draws import LAW

HORIZON = 100
PLATEAU = ss.plateau(factor=0.5, patience=0, metric="val_loss")


def state_at(schedule: Any, update: int, metrics: tuple[float, ...] = ()) -> Any:
    follower = PlainSchedule(schedule.plan(updates=HORIZON))
    for _ in range(update):
        follower.count()
    for metric in metrics:
        follower.observe(metric)
    return follower.state_dict()


def test_exact_goes_on_with_the_same_plan() -> None:
    state = state_at(ss.cosine(0.1), 30)
    going_on = resume(state, ss.cosine(0.1).plan(updates=HORIZON))
    assert going_on.plan == going_on.before == ss.cosine(0.1).plan(updates=HORIZON)
    assert going_on.state == state


def test_exact_refuses_a_changed_plan() -> None:
    with pytest.raises(StateError, match=r"schedule.peak: 0.1 -> 0.2; updates: 100 -> 200"):
        resume(state_at(ss.cosine(0.1), 30), ss.cosine(0.2).plan(updates=200))


@pytest.mark.parametrize("policy", ["stretch", "rebase", "branch"])
@LAW
@given(st.integers(1, HORIZON - 10), st.integers(HORIZON, 3 * HORIZON))
def test_the_rate_goes_on_and_the_past_stays(policy: Any, update: int, horizon: int) -> None:
    schedule = ss.cosine(0.1)
    plan = (schedule if policy == "stretch" else ss.linear(0.7)).plan(updates=horizon)
    state = state_at(schedule, update)
    going_on = resume(json.dumps(state), plan, policy)
    t = np.arange(update)
    assert going_on.plan(t).tolist() == going_on.before(t).tolist()
    assert going_on.plan(update) == pytest.approx(state["rate"])
    assert going_on.plan.horizon == horizon
    assert going_on.plan.end == pytest.approx(0)
    follower = PlainSchedule(going_on.plan)
    follower.load_state_dict(going_on.state)
    assert (follower.update, follower.rate) == (update, going_on.plan(update))


def test_a_changed_run_can_be_changed_again_and_stored() -> None:
    state = state_at(ss.cosine(0.1), 30)
    once = resume(state, ss.cosine(0.1).plan(updates=200), "stretch")
    follower = PlainSchedule(once.plan)
    follower.load_state_dict(once.state)
    for _ in range(20):
        follower.step()
    twice = resume(json.dumps(follower.state_dict()), ss.linear(1).plan(updates=70), "branch")
    t = np.arange(50)
    assert twice.plan(t).tolist() == once.plan(t).tolist()
    assert twice.plan(60) == pytest.approx(once.plan(50) / 2)
    assert ss.parse(str(twice.plan.schedule)) == twice.plan.schedule


@pytest.mark.parametrize("policy", ["stretch", "rebase"])
def test_the_same_factor_keeps_what_its_metric_did(policy: Any) -> None:
    state = state_at(ss.cosine(0.1) * PLATEAU, 30, metrics=(1.0, 2.0))
    going_on = resume(state, (ss.cosine(0.1) * PLATEAU).plan(updates=200), policy)
    assert going_on.state["rate"] == pytest.approx(state["rate"])
    assert going_on.state["metric"] == state["metric"]
    assert going_on.plan(30) == pytest.approx(2 * state["rate"])


@pytest.mark.parametrize("new", [ss.linear(0.3), ss.linear(0.3) * ss.plateau(factor=0.1)])
def test_without_its_factor_the_rate_still_goes_on(new: Any) -> None:
    state = state_at(ss.cosine(0.1) * PLATEAU, 30, metrics=(1.0, 2.0))
    going_on = resume(state, new.plan(updates=200), "rebase")
    assert going_on.state["rate"] == pytest.approx(state["rate"]) == going_on.plan(30)


def test_a_run_that_has_not_begun_takes_the_new_plan_as_it_is() -> None:
    plan = ss.linear(0.3).plan(updates=200)
    going_on = resume(state_at(ss.cosine(0.1), 0), plan, "branch")
    assert going_on.plan == plan
    assert going_on.state["update"] == 0


def test_a_notebook_shows_both_curves() -> None:
    picture = resume(state_at(ss.cosine(0.1), 30), ss.linear(1).plan(updates=60), "branch")._repr_svg_()
    assert "cosine(0.1)" in picture
    assert "policy=&quot;branch&quot;" in picture
    assert picture.count("<path") > 2


@pytest.mark.parametrize(
    ("plan", "policy", "said"),
    [
        (
            ss.cosine(0.1).plan(updates=30),
            "stretch",
            "completed 30 updates and the plan ends at 30; plan more",
        ),
        (ss.linear(0.1).plan(updates=200), "stretch", r"cosine\(0.1\) ran, linear\(0.1\) is planned"),
        (ss.cosine(0.1).plan(updates=200), "strech", "unknown policy 'strech'; did you mean 'stretch'"),
        (ss.cosine(0.1).plan(updates=200), None, "unknown policy 'None'"),
    ],
)
def test_a_policy_that_does_not_fit_says_why(plan: Any, policy: Any, said: str) -> None:
    with pytest.raises(StateError, match=said):
        resume(state_at(ss.cosine(0.1), 30), plan, policy)


@pytest.mark.parametrize("policy", ["branch", "rebase"])
def test_a_run_at_rate_0_is_not_scaled(policy: Any) -> None:
    state = state_at(ss.cosine(0.1), HORIZON)
    with pytest.raises(ScheduleError, match=r'would train at rate 0; write policy="restart"'):
        resume(state, ss.cosine(0.1).plan(updates=200), policy)


def test_nothing_is_left_to_stretch_of_a_run_that_is_over() -> None:
    with pytest.raises(ScheduleError, match=r'nothing of 100\*updates to stretch; write policy="restart"'):
        resume(state_at(ss.cosine(0.1), HORIZON), ss.cosine(0.1).plan(updates=200), "stretch")


@pytest.mark.parametrize("schedule", [ss.linear(0.3), (ss.warmup(9 * updates) >> ss.cosine(0.2)) * PLATEAU])
@pytest.mark.parametrize("update", [30, HORIZON, HORIZON + 5])
def test_a_restart_begins_at_its_own_rates(schedule: Any, update: int) -> None:
    state = state_at(ss.cosine(0.1) * PLATEAU, update, metrics=(1.0, 2.0))
    going_on = resume(state, schedule.plan(updates=200), "restart")
    t = np.arange(update)
    assert going_on.plan(t).tolist() == going_on.before(t).tolist()
    fresh = schedule.plan(updates=200 - update)
    assert going_on.plan.values[update:].tolist() == fresh.values.tolist()
    assert going_on.state["rate"] == fresh(0)
    assert ss.parse(str(going_on.plan.schedule)) == going_on.plan.schedule


@pytest.mark.parametrize("policy", ["stretch", "branch", "rebase"])
def test_what_hardly_trains_is_reported(policy: Any) -> None:
    with pytest.warns(UserWarning, match=r'at or below 2\.\d+e-05 from update 99 on; write policy="restart"'):
        resume(state_at(ss.cosine(0.1), HORIZON - 1), ss.cosine(0.1).plan(updates=200), policy)


def test_a_run_that_repeats_is_not_changed() -> None:
    follower = PlainSchedule(ss.cosine(0.1).plan(updates=10, after="repeat"))
    for _ in range(13):
        follower.step()
    assert resume(follower.state_dict(), follower.plan).plan == follower.plan
    with pytest.raises(StateError, match=r"repeats .* every 10 updates and has completed 13"):
        resume(follower.state_dict(), ss.linear(1).plan(updates=30), "branch")
