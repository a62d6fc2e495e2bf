"""Triangles, waves, teeth and restarts, against their formulas in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule
from stepsize.schedules.cycles import cycles
from stepsize.units import updates
from tests.support.draws import LAW


def triangle(t: int) -> float:
    """Height of the cycle of 10 up and 30 down."""
    x = t % 40
    return x / 10 if x < 10 else 1 - (x - 10) / 30


def left(t: int) -> float:
    return 1 - t % 40 / 40


UP: dict[str, Any] = {"floor": 0.1, "up": 10 * updates, "down": 30 * updates}
TOOTH: dict[str, Any] = {"floor": 0.1, "every": 40 * updates}
CASES: list[tuple[Schedule, Callable[[int], float]]] = [
    (ss.triangular(0.5, **UP), triangle),
    (ss.triangular2(0.5, **UP), lambda t: triangle(t) / 2 ** (t // 40)),
    (ss.exp_range(0.5, factor=0.99, **UP), lambda t: triangle(t) * 0.99**t),
    (ss.sine(0.5, floor=0.1, up=20 * updates), lambda t: abs(math.sin(math.pi * t / 40))),
    (
        ss.sine(0.5, floor=0.1, up=20 * updates, cycle_factor=0.5, update_factor=0.99),
        lambda t: abs(math.sin(math.pi * t / 40)) / 2 ** (t // 40) * 0.99**t,
    ),
    (ss.sawtooth(0.5, **TOOTH), left),
    (ss.sawtooth(0.5, cycle_factor=0.5, **TOOTH), lambda t: left(t) / 2 ** (t // 40)),
    (ss.sawtooth(0.5, shape="sine", **TOOTH), lambda t: math.sin(math.pi / 2 * left(t))),
    (
        ss.sawtooth(0.5, shape="cosine", update_factor=0.99, **TOOTH),
        lambda t: (1 - math.cos(math.pi * left(t))) / 2 * 0.99**t,
    ),
]


@pytest.mark.parametrize(
    ("schedule", "height"), CASES, ids=lambda case: getattr(case, "__name__", str(case))[:40]
)
def test_the_height_above_the_floor_in_plain_python(
    schedule: Schedule, height: Callable[[int], float]
) -> None:
    plan = schedule.plan(updates=200)
    for t in (0, 1, 9, 10, 11, 39, 40, 41, 79, 80, 125, 160, 199):
        assert plan(t) == pytest.approx(0.1 + 0.4 * height(t), abs=1e-12)


@LAW
@given(st.integers(1, 30), st.sampled_from([1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0]), st.data())
def test_every_restart_is_at_its_update(first: int, growth: float, data: st.DataObject) -> None:
    begins, length, number = 0.0, float(first), 0
    t = np.arange(5000.0)
    index, since, lasts = np.broadcast_arrays(*cycles(t, first, growth))
    while begins < 5000:
        at = math.ceil(round(begins, 6))
        if at >= 5000:
            break
        assert index[at] == number
        assert since[at] == pytest.approx(at - begins, abs=1e-6)
        assert lasts[at] == pytest.approx(length)
        if at:
            assert index[at - 1] == number - 1
        begins, length, number = begins + length, length * growth, number + 1


@LAW
@given(st.floats(1, 50))
def test_cycles_of_one_length_begin_at_its_multiples(first: float) -> None:
    t = np.arange(2000.0)
    index, since, _ = np.broadcast_arrays(*cycles(t, first))
    assert np.all(first * index <= t)
    assert np.all(t < first * (index + 1))
    np.testing.assert_allclose(since, t - first * index, atol=1e-9)


def test_cosine_restarts_in_plain_python() -> None:
    plan = ss.cosine_restarts(1, first=10 * updates, growth=2, factor=0.5, floor=0.1).plan(updates=100)
    for begin, length, height in ((0, 10, 0.9), (10, 20, 0.45), (30, 40, 0.225)):
        for t in range(length):
            weight = (1 + math.cos(math.pi * t / length)) / 2
            assert plan(begin + t) == pytest.approx(0.1 + height * weight)


def test_after_the_last_cycle_the_floor_holds() -> None:
    plan = ss.cosine_restarts(1, first=100 / 3 * updates, floor=0.1, cycles=3).plan(updates=120)
    assert plan(99) > 0.1
    assert [plan(t) for t in (100, 101, 119, 120)] == [0.1] * 4
    assert plan(34) > 0.99


def test_cycles_shorter_than_an_update_are_refused() -> None:
    with pytest.raises(ScheduleError, match=r"a cycle of 0.5 updates is too short; write at least 1"):
        ss.cosine_restarts(1, first=0.5 * updates).plan(updates=9)
    with pytest.raises(ScheduleError, match=r"growth=0.5 would shrink; write a number of at least 1"):
        ss.cosine_restarts(1, first=5 * updates, growth=0.5)
    with pytest.raises(ScheduleError, match="cycles=0 is not allowed"):
        ss.cosine_restarts(1, first=5 * updates, cycles=0)
