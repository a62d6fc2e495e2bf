"""Joins and products: time, lengths, canonical forms, and what cannot be combined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import Join, Product, Schedule, Sum
from stepsize.units import epochs, lr, run, updates


def test_a_fraction_of_the_run_is_of_the_whole_run_in_a_piece_too() -> None:
    joined = ss.constant(0.4, length=0.5 * run) >> ss.linear(0.2, length=0.25 * run)
    assert joined.plan(updates=8).values.tolist() == pytest.approx([0.4] * 4 + [0.2, 0.1, 0, 0])


def test_the_shape_of_a_sum_is_flat() -> None:
    a, b, c = ss.constant(1), ss.linear(1), ss.cosine(2)
    assert (a + b) + c == a + (b + c) == Sum((a, b, c))
    assert repr(a + 2 * b) == "constant(1) + 2 * linear(1)"
    assert repr((a + b) * 2) == "2 * (constant(1) + linear(1))"
    climb = ss.warmup(1 * updates) >> a
    assert repr(climb + b) == "(warmup(1*updates) >> constant(1)) + linear(1)"
    assert repr(ss.warmup(1 * updates) >> (a + b)) == "warmup(1*updates) >> constant(1) + linear(1)"
    for schedule in (a + 2 * b, (a + b) * 2, climb + b, ss.warmup(1 * updates) >> (a + b)):
        assert ss.parse(repr(schedule)) == schedule == ss.from_json(schedule.to_json())
    assert (lr * a + b).bind(lr=1) == a + b


def test_a_sum_lasts_as_long_as_its_terms_say() -> None:
    piece = ss.constant(1, length=2 * updates) + ss.linear(1)
    assert (piece >> ss.constant(3)).plan(updates=4).values.tolist() == pytest.approx([2, 1.5, 3, 3])
    with pytest.raises(ScheduleError, match=r"its parts have different lengths"):
        (piece + ss.constant(1, length=3 * updates) >> ss.constant(1)).plan(updates=9)


def test_pieces_that_fill_the_run_leave_the_last_one_only_the_end() -> None:
    joined = ss.constant(0.4, length=4 * updates) >> ss.linear(0.2)
    plan = joined.plan(updates=4)
    assert plan.values.tolist() == [0.4] * 4
    assert plan(4) == 0.2


def test_a_piece_may_begin_between_two_updates() -> None:
    joined = ss.constant(1, length=1.5 * updates) >> ss.linear(1)
    assert joined.plan(updates=4).values.tolist() == pytest.approx([1, 1, 0.8, 0.4])


def test_the_shape_of_a_join_is_flat() -> None:
    a, b, c = ss.constant(1, length=1 * updates), ss.constant(2, length=1 * updates), ss.constant(3)
    assert (a >> b) >> c == a >> (b >> c) == Join((a, b, c))
    assert (
        repr(a >> b >> c) == "constant(1, length=1*updates) >> constant(2, length=1*updates) >> constant(3)"
    )


def test_the_shape_of_a_product_is_flat_with_its_number_in_front() -> None:
    a, b = ss.constant(1), ss.linear(1)
    assert 2 * a * 3 * b / 2 == Product(3.0, (a, b))
    assert repr(2 * a * 3 * b / 2) == "3 * constant(1) * linear(1)"
    assert repr(np.float64(0.5) * a) == "0.5 * constant(1)"
    assert repr(lr * a * 2) == "2*lr * constant(1)"
    assert repr(0.5 * (ss.warmup(1 * epochs) >> a)) == "0.5 * (warmup(1*epochs) >> constant(1))"


def test_binding_keeps_the_canonical_form() -> None:
    inner = ss.warmup(1 * updates) >> ss.linear(1)
    assert (lr * inner).bind(lr=1) == inner
    nested = ss.constant(1, length=1 * updates) >> lr * (ss.constant(2, length=1 * updates) >> ss.linear(1))
    bound = nested.bind(lr=1)
    assert bound == ss.parse(repr(bound))
    assert isinstance(bound, Join)
    assert len(bound.pieces) == 3


def test_a_product_inside_a_join_lasts_as_long_as_its_factors_say() -> None:
    piece = 0.5 * ss.constant(1, length=2 * updates) * ss.linear(1)
    assert (piece >> ss.constant(3)).plan(updates=4).values.tolist() == pytest.approx([0.5, 0.25, 3, 3])
    unequal = ss.constant(1, length=2 * updates) * ss.linear(1, length=3 * updates)
    with pytest.raises(
        ScheduleError, match=r"its parts have different lengths; write the same length= on each"
    ):
        (unequal >> ss.constant(1)).plan(updates=9)
    join_inside = (ss.constant(1, length=1 * updates) >> ss.linear(1, length=2 * updates)) * ss.constant(2)
    assert (join_inside >> ss.constant(9)).plan(updates=4).values.tolist() == pytest.approx([2, 2, 1, 9])


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ss.cosine(0.1) >> ss.linear(0.1), r"cosine\(0.1\) has no end before >>; write its length="),
        (lambda: ss.constant(1) * 2 >> ss.linear(0.1), r"has no end before >>"),
        (lambda: ss.constant(1, length=1 * epochs) >> 0.1, r"0.1 is not one; write constant\(0.1\)"),  # type: ignore[operator]
        (lambda: 0 * ss.linear(1), "0 times a schedule is always 0"),
        (lambda: ss.linear(1) * -1, "factor=-1 is not allowed"),
        (lambda: ss.linear(1) * "a", "factor='a' is not a number"),  # type: ignore[operator]
        (lambda: ss.linear(1) * True, "factor=True is not a number"),
        (lambda: ss.linear(1) / 0, "divide by a number above 0"),
        (lambda: lr * ss.linear(1) * lr, "a product can have a knob only once"),
        (lambda: ss.plateau() * ss.constant(1) * ss.plateau(), "both follow a metric; keep one of them"),
        (
            lambda: ss.warmup(5 * epochs) >> ss.constant(0.1) * ss.plateau(),
            r"cannot be joined.*write \(a >> b\) \* plateau\(\)",
        ),
        (lambda: ss.plateau() >> ss.constant(0.1), "cannot be joined"),
        (
            lambda: ss.constant(0.1) * ss.plateau() + ss.constant(1),
            r"cannot be added.*write \(a \+ b\) \* plateau\(\)",
        ),
        (lambda: ss.warmup(5 * epochs) + ss.cosine(1), r"ends in a warmup before \+"),
        (lambda: ss.cosine(1) + 1, r"\+ adds schedules, and 1 is not one; write constant\(0.1\)"),
        (lambda: 1 + ss.cosine(1), r"\+ adds schedules, and 1 is not one"),
    ],
)
def test_what_cannot_be_combined(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()


@pytest.mark.parametrize("alone", [ss.plateau(), 0.1 * ss.plateau()])
def test_a_metric_factor_cannot_stand_alone(alone: Schedule) -> None:
    with pytest.raises(
        ScheduleError, match=r"plateau\(\) cannot stand alone; write constant\(0.1\) \* plateau"
    ):
        alone.plan(updates=5)


def test_pieces_longer_than_the_run_are_refused() -> None:
    joined = ss.constant(0.1, length=60 * epochs) >> ss.warmup(2 * epochs) >> ss.constant(0.2)
    with pytest.raises(ScheduleError, match="lasts 558 updates, longer than the run of 450; shorten it"):
        joined.plan(epochs=50, updates_per_epoch=9)
    both_fit_alone = ss.warmup(30 * epochs) >> ss.constant(0.1, length=30 * epochs) >> ss.linear(0.1)
    with pytest.raises(ScheduleError, match="lasts 540 updates, longer than the run of 450"):
        both_fit_alone.plan(epochs=50, updates_per_epoch=9)
