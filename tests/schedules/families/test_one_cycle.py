"""One-cycle: its phases, its defaults, its limits."""

from __future__ import annotations

import math

import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.units import epochs, lr, run, updates


@pytest.mark.parametrize("t", [0, 10, 29, 30, 31, 70, 99, 100])
def test_both_phases_in_plain_python(t: int) -> None:
    rise, fall = min(1, t / 30), max(0, (t - 30) / 70)
    linear = ss.one_cycle(1, shape="linear").plan(updates=100)(t)
    assert linear == pytest.approx(0.04 + 0.96 * rise if t < 30 else 1 + (4e-6 - 1) * fall)
    weight = (1 - math.cos(math.pi * (rise if t < 30 else fall))) / 2
    cosine = ss.one_cycle(1).plan(updates=100)(t)
    assert cosine == pytest.approx(0.04 + 0.96 * weight if t < 30 else 1 + (4e-6 - 1) * weight)


def test_the_peak_is_at_the_end_of_the_warmup_and_the_floor_at_the_end() -> None:
    plan = ss.one_cycle(0.5, warmup=2 * epochs, start=0.1, floor=0.01).plan(epochs=5, updates_per_epoch=4)
    assert (plan(0), plan(8), plan(20)) == (0.1, 0.5, 0.01)
    closed = ss.one_cycle(0.5, floor=0.01, closed=True).plan(updates=20)
    assert (closed(6), closed(19), closed(20)) == (0.5, 0.01, 0.01)


def test_it_may_start_at_its_peak_or_end_there() -> None:
    assert ss.one_cycle(0.5, warmup=0 * run).plan(updates=10)(0) == 0.5
    assert ss.one_cycle(0.5, warmup=1 * run).plan(updates=10)(10) == 0.5


def test_three_phases_in_plain_python() -> None:
    schedule = ss.one_cycle(1, warmup=29 * updates, down=29 * updates, length=99 * updates, shape="linear")
    plan = schedule.plan(updates=100)
    assert [plan(t) for t in (0, 29, 58, 99)] == pytest.approx([0.04, 1, 0.04, 4e-6])
    assert plan(10) == pytest.approx(0.04 + 0.96 * 10 / 29) == plan(48)
    assert plan(70) == pytest.approx(0.04 + (4e-6 - 0.04) * 12 / 41)


def test_phases_may_end_between_two_updates() -> None:
    plan = ss.one_cycle(1, warmup=2.5 * updates, down=2.5 * updates, shape="linear").plan(updates=10)
    assert plan(2) == pytest.approx(0.04 + 0.96 * 0.8) == plan(3)
    assert plan(5) == pytest.approx(0.04)


def test_the_momentum_goes_the_other_way_at_the_same_times() -> None:
    for down in (None, 25 * updates):
        cycle = ss.one_cycle(1, warmup=25 * updates, down=down, start=0, floor=0)
        rate = cycle.plan(updates=100).values
        momentum = cycle.momentum(high=0.9, low=0.7).plan(updates=100).values
        assert momentum.tolist() == pytest.approx((0.9 - 0.2 * rate).tolist())
    assert ss.one_cycle(0.1).momentum() == ss.one_cycle_momentum(0.95, low=0.85)
    with pytest.raises(ScheduleError, match=r"low=0.9 is above high=0.8"):
        ss.one_cycle(0.1).momentum(high=0.8, low=0.9)


def test_slanted_triangular_is_a_one_cycle_back_to_its_start() -> None:
    slanted = ss.slanted_triangular(0.5, warmup=0.1 * run, ratio=20).plan(updates=200)
    cycle = ss.one_cycle(0.5, warmup=0.1 * run, start=0.025, floor=0.025, shape="linear").plan(updates=200)
    assert slanted.values.tolist() == cycle.values.tolist()
    assert slanted(200) == 0.025


def test_its_defaults_follow_a_knob() -> None:
    assert ss.one_cycle(lr).bind(lr=0.5) == ss.one_cycle(0.5)
    assert ss.one_cycle(lr, start=0.1 * lr).bind(lr=0.5).plan(updates=10)(0) == 0.05


def test_a_start_above_the_peak_and_a_warmup_above_the_length_are_refused() -> None:
    with pytest.raises(ScheduleError, match=r"start=0.6 is above peak=0.5; write a start of at most 0.5"):
        ss.one_cycle(0.5, start=0.6)
    with pytest.raises(ScheduleError, match=r"floor=0.2 is above start=0.1"):
        ss.one_cycle(0.5, start=0.1, floor=0.2, down=0.1 * run)
    with pytest.raises(ScheduleError, match=r"are 60 updates together, more than the 50 available"):
        ss.one_cycle(0.5, warmup=30 * updates, down=30 * updates).plan(updates=50)
    with pytest.raises(ScheduleError, match=r"floor=0.6 is above peak=0.5"):
        ss.one_cycle(0.5, floor=0.6)
    with pytest.raises(ScheduleError, match=r"warmup=0.8\*run \(40 updates\) is longer than the piece of 25"):
        ss.one_cycle(0.5, warmup=0.8 * run, length=25 * updates).plan(updates=50)
