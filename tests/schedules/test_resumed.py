"""A schedule that was changed in the middle of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.units import epochs, updates
from tests.support.draws import LAW, joins, leaves, planned

AT, BEFORE, NOW = 60, 100, 200


def changed(policy: str, past: Any = None, **more: Any) -> Any:
    if policy != "stretch":
        more.setdefault("then", ss.linear(0.3))
    past = ss.cosine(0.1) if past is None else past
    return ss.resumed(past, at=AT * updates, planned=BEFORE * updates, policy=policy, **more)


@pytest.mark.parametrize("policy", ["stretch", "rebase", "branch"])
def test_the_past_is_what_ran_and_the_rate_goes_on_from_there(policy: str) -> None:
    ran = ss.cosine(0.1).plan(updates=BEFORE)
    plan = changed(policy).plan(updates=NOW)
    assert plan(np.arange(AT)).tolist() == ran(np.arange(AT)).tolist()
    assert plan(AT) == pytest.approx(ran(AT))
    assert plan(NOW) == pytest.approx(0)


@LAW
@given(leaves | joins)
def test_stretching_to_the_old_horizon_changes_nothing(schedule: Any) -> None:
    ran = planned(schedule, BEFORE)
    plan = planned(changed("stretch", schedule, updates_per_epoch=ran.updates_per_epoch), BEFORE)
    np.testing.assert_allclose(plan.values, ran.values, rtol=1e-12)


def test_stretching_runs_through_the_same_rates_at_another_pace() -> None:
    ran, plan = ss.cosine(0.1).plan(updates=BEFORE), changed("stretch").plan(updates=AT + 80)
    assert plan(np.arange(AT, AT + 81, 2)) == pytest.approx(ran(np.arange(AT, BEFORE + 1)))


@LAW
@given(st.floats(0.1, 10))
def test_rebasing_keeps_the_shape_of_the_new_schedule_whatever_its_height(peak: float) -> None:
    plan = changed("rebase", then=ss.linear(peak)).plan(updates=NOW)
    new = ss.linear(1).plan(updates=NOW)
    t = np.arange(AT, NOW)
    np.testing.assert_allclose(plan(t) / plan(AT), new(t) / new(AT), rtol=1e-12)


def test_a_branch_has_its_own_time_and_lengths() -> None:
    then = ss.constant(1, length=20 * updates) >> ss.linear(1)
    plan = changed("branch", then=then).plan(updates=AT + 40)
    level = plan(AT)
    assert (plan(np.arange(AT, AT + 20)) == level).all()
    assert plan(AT + 30) == pytest.approx(level / 2)


def test_what_a_metric_made_of_the_rate_stays() -> None:
    ran = ss.cosine(0.1).plan(updates=BEFORE)
    for policy in ("stretch", "rebase", "branch"):
        plan = changed(policy, scale=0.25).plan(updates=NOW)
        assert plan(AT) == pytest.approx(0.25 * ran(AT))
        assert plan(AT - 1) == ran(AT - 1)


def test_the_past_keeps_the_epochs_it_had() -> None:
    past = ss.step_decay(0.1, every=2 * epochs)
    plan = changed("branch", past, updates_per_epoch=10).plan(updates=NOW, updates_per_epoch=25)
    ran = past.plan(updates=BEFORE, updates_per_epoch=10)
    assert plan(np.arange(AT)).tolist() == ran(np.arange(AT)).tolist()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: changed("stretch", then=ss.linear(1)),
            'cannot be used with policy="stretch"; leave then= out',
        ),
        (lambda: changed("branch", then=None), 'cannot be used with policy="branch"; write then='),
        (lambda: changed("strech"), "did you mean 'stretch'"),
        (lambda: changed("branch").plan(updates=AT - 1), "at=60.updates is longer than the run"),
        (
            lambda: changed("rebase", then=ss.linear(1, length=50 * updates)).plan(updates=NOW),
            "is 0 where it would continue",
        ),
        (
            lambda: ss.resumed(ss.cosine(1), at=9 * updates, planned=9 * updates, policy="stretch").plan(
                updates=NOW
            ),
            "leaves nothing of 9.updates to stretch",
        ),
        (lambda: changed("branch", ss.cosine(0.1) * ss.plateau()), "and that stays outside"),
    ],
)
def test_what_cannot_go_on_says_why(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()


@pytest.mark.parametrize("policy", ["stretch", "rebase", "branch"])
def test_a_run_that_was_resumed_many_times_is_planned_at_once(policy):
    calls = []

    class Counted(type(ss.linear(0.4))):
        def curve(self, t, clock):
            calls.append(len(t))
            return super().curve(t, clock)

    schedule = Counted(0.4)
    for depth in range(1, 13):
        then = {} if policy == "stretch" else {"then": ss.linear(0.4)}
        at, planned = depth * updates, (depth + 19) * updates
        schedule = ss.resumed(schedule, at=at, planned=planned, policy=policy, **then)
    schedule.plan(updates=32).values  # noqa: B018
    assert len(calls) <= 20
