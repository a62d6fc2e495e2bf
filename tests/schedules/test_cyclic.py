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


def test_its_defaults_follow_a_knob() -> None:
    assert ss.one_cycle(lr).bind(lr=0.5) == ss.one_cycle(0.5)
    assert ss.one_cycle(lr, start=0.1 * lr).bind(lr=0.5).plan(updates=10)(0) == 0.05


def test_a_start_above_the_peak_and_a_warmup_above_the_length_are_refused() -> None:
    with pytest.raises(ScheduleError, match=r"start=0.6 is above peak=0.5; write a start of at most 0.5"):
        ss.one_cycle(0.5, start=0.6)
    with pytest.raises(ScheduleError, match=r"floor=0.6 is above peak=0.5"):
        ss.one_cycle(0.5, floor=0.6)
    with pytest.raises(ScheduleError, match=r"warmup=0.8\*run \(40 updates\) is longer than the piece of 25"):
        ss.one_cycle(0.5, warmup=0.8 * run, length=25 * updates).plan(updates=50)
