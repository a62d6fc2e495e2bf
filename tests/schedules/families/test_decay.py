"""The falling families against tables and formulas worked out in plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule
from stepsize.units import epochs, lr, updates


def test_the_compounding_table_of_the_lesson() -> None:
    plan = ss.inverse_time(0.1, rate=0.001, every=1 * epochs, compounding=True).plan(
        epochs=5, updates_per_epoch=9
    )
    table = [0.1, 0.0999000999, 0.0997006985, 0.09940249103, 0.09900646517]
    np.testing.assert_allclose(plan.values.reshape(5, 9), np.array(table)[:, None].repeat(9, 1), rtol=1e-9)


def test_one_printed_formula_is_three_schedules() -> None:
    """Rate 0.1, decay 0.002, 50 epochs of 9 updates: per update, per epoch, and compounding per epoch."""
    ends = [
        ss.inverse_time(0.1, rate=0.002, **how).plan(epochs=50, updates_per_epoch=9).values[-1]
        for how in ({}, {"every": 1 * epochs}, {"every": 1 * epochs, "compounding": True})
    ]
    by_hand = 0.1
    for epoch in range(50):
        by_hand /= 1 + 0.002 * epoch
    np.testing.assert_allclose(ends, [0.1 / (1 + 0.002 * 449), 0.1 / (1 + 0.002 * 49), by_hand], rtol=1e-12)


def test_the_drop_rule_of_the_lesson_epoch_by_epoch() -> None:
    schedule = ss.step_decay(0.1, factor=0.5, every=10 * epochs, offset=1 * epochs)
    plan = schedule.plan(epochs=50, updates_per_epoch=9)
    for epoch in range(50):
        expected = 0.1 * math.pow(0.5, math.floor((1 + epoch) / 10))
        assert plan.values[9 * epoch : 9 * epoch + 9].tolist() == pytest.approx([expected] * 9, rel=1e-15)


@pytest.mark.parametrize("t", [0, 1, 7, 99])
def test_formulas_in_plain_python(t: int) -> None:
    def value(schedule: Schedule) -> float:
        return schedule.plan(updates=100)(t)

    u = t / 100
    assert value(ss.constant(0.3)) == 0.3
    assert value(ss.linear(0.5, floor=0.1)) == pytest.approx(0.5 - 0.4 * u)
    assert value(ss.polynomial(0.5, power=3, floor=0.1)) == pytest.approx(0.1 + 0.4 * (1 - u) ** 3)
    assert value(ss.cosine(0.5, floor=0.1)) == pytest.approx(0.1 + 0.2 * (1 + math.cos(math.pi * u)))
    assert value(ss.exponential(0.5, floor=0.1)) == pytest.approx(0.5 * 0.2**u)
    assert value(ss.inverse_sqrt(0.5, timescale=7 * updates)) == pytest.approx(0.5 / math.sqrt(1 + t / 7))
    smooth = ss.inverse_time(0.5, rate=2, every=3 * updates, staircase=False)
    assert value(smooth) == pytest.approx(0.5 / (1 + 2 * t / 3))


def test_the_length_is_counted_from_the_start_and_the_end_is_held() -> None:
    plan = ss.linear(1, length=4 * updates).plan(updates=8)
    assert plan.values.tolist() == [1, 0.75, 0.5, 0.25, 0, 0, 0, 0]
    steps = ss.inverse_time(1, rate=1, length=2 * updates).plan(updates=4)
    assert steps.values.tolist() == [1, 0.5, 1 / 3, 1 / 3]


def test_a_decay_that_runs_out_of_floats_is_zero_not_an_error() -> None:
    with np.errstate(all="raise"):
        plan = ss.inverse_time(1, rate=1e6, compounding=True).plan(updates=200)
    assert plan.values[-1] == 0


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ss.constant(0), "value=0 is not allowed; write a finite number above 0"),
        (lambda: ss.cosine(-0.1), "peak=-0.1 is not allowed"),
        (lambda: ss.cosine(True), "peak=True is not a number"),
        (lambda: ss.cosine("0.1"), "peak='0.1' is not a number"),  # type: ignore[arg-type]
        (lambda: ss.cosine(math.nan), "peak=nan is not allowed"),
        (lambda: ss.cosine(0.1, floor=0.2), "floor=0.2 is above peak=0.1; write a floor of at most 0.1"),
        (lambda: ss.cosine(0.1, floor=-1), "floor=-1 is not allowed"),
        (lambda: ss.cosine(0.1, length=5), r"length: 5 has no unit; write 5\*epochs"),  # type: ignore[arg-type]
        (lambda: ss.cosine(0.1, length=0 * updates), r"length=0\*updates is empty"),
        (lambda: ss.cosine(0.1, closed=1), "closed=1 is neither True nor False"),  # type: ignore[arg-type]
        (lambda: ss.polynomial(0.1, power=0), "power=0 is not allowed; write a finite number above 0"),
        (lambda: ss.exponential(0.1), "either floor=, or factor= with every="),
        (lambda: ss.exponential(0.1, factor=0.5), "either floor=, or factor= with every="),
        (lambda: ss.exponential(0.1, floor=0.01, every=1 * epochs), "either floor=, or factor= with every="),
        (
            lambda: ss.exponential(0.1, floor=0.01, factor=0.5, every=1 * epochs),
            "either floor=, or factor= with every=",
        ),
        (lambda: ss.exponential(0.1, floor=0), "floor=0 is not allowed"),
        (lambda: ss.exponential(0.1, floor=0.01, staircase=True), "staircase=True needs factor="),
        (
            lambda: ss.exponential(0.1, factor=0.5, every=1 * epochs, closed=True),
            "closed=True needs the floor=",
        ),
        (lambda: ss.exponential(0.1, factor=1.5, every=1 * epochs), "factor=1.5 would grow"),
        (lambda: ss.inverse_time(0.1, rate=-1), "rate=-1 is not allowed"),
        (
            lambda: ss.inverse_time(0.1, rate=1, compounding=True, staircase=False),
            "compounding=True takes whole steps",
        ),
        (lambda: ss.inverse_sqrt(0.1, timescale=0 * epochs), r"timescale=0\*epochs is empty"),
        (lambda: ss.inverse_time(0.1, rate=lr), "rate=lr is not a number"),
    ],
)
def test_bad_parameters_are_refused_when_the_schedule_is_built(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (ss.linear(0.1, closed=True, length=1 * updates), "closed=True needs a phase of at least 2 updates"),
        (ss.step_decay(0.1, every=0.01 * epochs), r"every=0.01\*epochs is 0 updates in a run of 18"),
        (ss.linear(0.1, length=0.1 * epochs / 10), "is 0 updates in a run of 18; write at least 1"),
    ],
)
def test_lengths_that_come_to_nothing_are_refused_when_the_run_is_known(
    schedule: Schedule, said: str
) -> None:
    with pytest.raises(ScheduleError, match=said):
        schedule.plan(epochs=2, updates_per_epoch=9)
