"""Warmup, drops, and warmup-stable-decay."""

from __future__ import annotations

import math
from typing import Any

import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule
from stepsize.units import epochs, lr, run, updates


@pytest.mark.parametrize("t", [0, 1, 5, 9])
def test_warmup_shapes_in_plain_python(t: int) -> None:
    def value(shape: str) -> float:
        schedule = ss.warmup(10 * updates, start=0.01, shape=shape) >> ss.constant(0.5)
        return schedule.plan(updates=20)(t)

    u = t / 10
    assert value("linear") == pytest.approx(0.01 + 0.49 * u)
    assert value("cosine") == pytest.approx(0.01 + 0.49 * (1 - math.cos(math.pi * u)) / 2)
    assert value("exponential") == pytest.approx(0.01 * 50**u)
    assert value("log") == pytest.approx(0.01 + 0.49 * math.log(1 + t) / math.log(11))
    assert value("1-sqrt") == pytest.approx(0.01 + 0.49 * (1 - math.sqrt(1 - u)))


def test_a_closed_warmup_reaches_its_target_on_its_last_update() -> None:
    for shape in ("linear", "cosine", "exponential", "log", "1-sqrt"):
        plan = (ss.warmup(5 * updates, start=0.1, shape=shape, closed=True) >> ss.linear(0.5)).plan(updates=9)
        assert (plan(0), plan(4), plan(5)) == (0.1, 0.5, 0.5)
        assert plan(3) < 0.5


def test_a_warmup_may_start_at_its_share_of_the_first_update() -> None:
    """(t + 1) / W of the rate, as some libraries do."""
    plan = (ss.warmup(4 * updates, start=0.1, closed=True) >> ss.constant(0.4)).plan(updates=6)
    assert plan.values.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])


def test_a_warmup_of_nothing_is_no_warmup() -> None:
    plan = (ss.warmup(0 * run) >> ss.linear(0.4)).plan(updates=4)
    assert plan.values.tolist() == ss.linear(0.4).plan(updates=4).values.tolist()


def test_a_warmup_may_take_the_whole_run_but_no_more() -> None:
    follower = ss.cosine(0.1)
    plan = (ss.warmup(450 * updates) >> follower).plan(updates=450)
    assert plan(450) == 0.1
    assert plan.values[-1] == pytest.approx(0.1 * 449 / 450)
    said = r"^warmup=500\*updates is longer than the run of 450 updates; shorten it or plan more updates$"
    with pytest.raises(ScheduleError, match=said):
        (ss.warmup(500 * updates) >> follower).plan(updates=450)
    with pytest.raises(
        ScheduleError, match=r"warmup=60\*epochs \(540 updates\) is longer than the run of 450"
    ):
        (ss.warmup(60 * epochs) >> follower).plan(epochs=50, updates_per_epoch=9)


@pytest.mark.parametrize(
    "schedule",
    [
        ss.warmup(5 * updates),
        ss.constant(0.1, length=2 * updates) >> ss.warmup(5 * updates),
        ss.warmup(2 * updates) >> ss.warmup(5 * updates),
    ],
)
def test_a_warmup_needs_a_follower(schedule: Schedule) -> None:
    with pytest.raises(
        ScheduleError, match=r"ends in a warmup; write .*warmup\(5\*updates\) >> constant\(0.1\)"
    ):
        schedule.plan(updates=20)


def test_warmups_in_a_row_and_in_the_middle() -> None:
    climbs = ss.warmup(2 * updates) >> ss.warmup(2 * updates, start=0.2) >> ss.constant(0.8)
    assert climbs.plan(updates=5).values.tolist() == pytest.approx([0, 0.1, 0.2, 0.5, 0.8])
    again = ss.constant(0.4, length=1 * updates) >> ss.warmup(2 * updates) >> ss.constant(0.2)
    assert again.plan(updates=4).values.tolist() == pytest.approx([0.4, 0, 0.1, 0.2])


def test_a_drop_happens_at_its_milestone_and_twice_at_a_repeated_one() -> None:
    plan = ss.multistep(1, factor=0.5, at=[2 * updates, 4 * updates, 4 * updates]).plan(updates=6)
    assert plan.values.tolist() == [1, 1, 0.5, 0.5, 0.125, 0.125]
    assert ss.multistep(1, factor=0.5, at=[0.5 * run, 5 * epochs]).plan(epochs=6, updates_per_epoch=1).values[
        -1
    ] == pytest.approx(0.25)


def test_step_decay_keeps_above_its_floor() -> None:
    plan = ss.step_decay(1, factor=0.1, every=1 * updates, floor=0.05).plan(updates=4)
    assert plan.values.tolist() == pytest.approx([1, 0.1, 0.05, 0.05])


@pytest.mark.parametrize("t", [0, 59, 60, 61, 80, 99])
def test_wsd_shapes_in_plain_python(t: int) -> None:
    u = max(0, t - 60) / 40
    tails = {
        "linear": 1 - u,
        "cosine": (1 + math.cos(math.pi * u)) / 2,
        "1-sqrt": 1 - math.sqrt(u),
        "square": 1 - u**2,
        "mirror-cosine": 2 * (1 - u) - (1 + math.cos(math.pi * u)) / 2,
    }
    for shape, tail in tails.items():
        schedule = ss.wsd(0.5, decay=0.4 * run, floor=0.1, shape=shape)
        assert schedule.plan(updates=100)(t) == pytest.approx(0.1 + 0.4 * tail), shape
    geometric = ss.wsd(0.5, decay=0.4 * run, floor=0.1, shape="exponential")
    assert geometric.plan(updates=100)(t) == pytest.approx(0.5 * 0.2**u)
    to_zero = ss.wsd(0.5, decay=0.4 * run, shape="exponential", ratio=0.5)
    assert to_zero.plan(updates=100)(t) == pytest.approx(0.5 * (2 * 0.5**u - 1))
    flat = ss.flat_cosine(0.5, decay=0.4 * run, floor=0.1)
    assert flat.plan(updates=100)(t) == pytest.approx(0.1 + 0.4 * tails["cosine"])


def test_wsd_after_a_warmup_decays_in_the_last_part_of_the_run() -> None:
    plan = (ss.warmup(0.1 * run) >> ss.wsd(0.4, decay=0.2 * run)).plan(updates=20)
    assert plan.values[:3].tolist() == pytest.approx([0, 0.2, 0.4])
    assert plan.values[15:].tolist() == pytest.approx([0.4, 0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ss.warmup(5), r"warmup: 5 has no unit"),  # type: ignore[arg-type]
        (
            lambda: ss.warmup(5 * epochs, shape="sqrt"),
            "unknown shape 'sqrt'; did you mean '1-sqrt'",
        ),
        (lambda: ss.warmup(5 * epochs, shape="cosin"), "did you mean 'cosine'"),
        (lambda: ss.warmup(5 * epochs, shape="exponential"), "cannot climb from 0; write start= above 0"),
        (lambda: ss.warmup(5 * epochs) * ss.cosine(0.1), r"ends in a warmup before \*; write"),
        (lambda: ss.wsd(0.1, shape="sqrt"), "unknown shape 'sqrt'; did you mean '1-sqrt'"),
        (lambda: ss.wsd(0.1, shape=3), "unknown shape '3'"),  # type: ignore[arg-type]
        (lambda: ss.wsd(0.1, shape="exponential"), "never reaches 0; write floor= above 0"),
        (lambda: ss.wsd(0.1, ratio=0.5), 'ratio= belongs to shape="exponential", not to shape="linear"'),
        (lambda: ss.multistep(0.1, at=[]), "at=.. is not a list of one or more lengths"),
        (lambda: ss.multistep(0.1, at=30 * epochs), "is not a list of one or more lengths"),  # type: ignore[arg-type]
        (lambda: ss.multistep(0.1, at=[30]), "at: 30 has no unit"),  # type: ignore[list-item]
        (lambda: ss.multistep(0.1, at=[0 * epochs]), r"at=0\*epochs is empty"),
        (lambda: ss.multistep(0.1, at=[3 * epochs, 1 * epochs]), r"1\*epochs comes after 3\*epochs"),
        (lambda: ss.step_decay(0.1, factor=2), "factor=2 would grow"),
        (lambda: ss.step_decay(0.1, factor=0), "factor=0 is not allowed"),
        (lambda: ss.step_decay(0.1, offset=1), "offset: 1 has no unit"),  # type: ignore[arg-type]
        (lambda: ss.step_decay(0.1, factor=lr), "factor=lr is not a number"),
    ],
)
def test_bad_parameters_are_refused_when_the_schedule_is_built(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()


def test_what_only_the_run_can_tell() -> None:
    unsorted = ss.multistep(0.1, at=[300 * updates, 0.1 * run])
    with pytest.raises(ScheduleError, match="resolves to updates 300, 45; write them in rising order"):
        unsorted.plan(updates=450)
    with pytest.raises(ScheduleError, match=r"decay=500\*updates is longer than the run of 450 updates"):
        ss.wsd(0.1, decay=500 * updates).plan(updates=450)
    with pytest.raises(
        ScheduleError, match=r"decay=0.5\*run \(225 updates\) is longer than the piece of 200"
    ):
        (ss.warmup(250 * updates) >> ss.wsd(0.1, decay=0.5 * run)).plan(updates=450)
    nowhere = (
        ss.warmup(2 * updates, start=0.1, shape="exponential") >> ss.warmup(2 * updates) >> ss.constant(1)
    )
    with pytest.raises(ScheduleError, match="cannot lead to 0"):
        nowhere.plan(updates=9)
