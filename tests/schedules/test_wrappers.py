"""Repeat, clip, per_epoch and rescale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import stepsize.schedules as ss
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule
from stepsize.units import epochs, lr, run, updates
from tests.support.draws import HORIZON, LAW, PER_EPOCH, joins, leaves, planned


@LAW
@given(leaves.filter(lambda schedule: schedule.sized), st.integers(2, 4))
def test_repeating_is_joining_with_itself(schedule: Any, times: int) -> None:
    length = schedule.length.resolve(HORIZON, PER_EPOCH)
    assume(length >= 1 and length * times <= HORIZON)
    again = schedule
    for _ in range(times - 1):
        again = again >> schedule
    repeated = planned(schedule.repeat(times))
    last = int(length * times)
    assert repeated.values[:last].tolist() == planned(again).values[:last].tolist()
    assert repeated(last) == planned(again)(last)


@LAW
@given(leaves | joins, st.floats(1e-3, 0.1), st.floats(0.1, 1))
def test_clipping_is_that_of_the_values(schedule: Schedule, low: float, high: float) -> None:
    expected = np.clip(planned(schedule).values, low, high)
    assert planned(schedule.clip(floor=low, peak=high)).values.tolist() == expected.tolist()


@LAW
@given(leaves | joins)
def test_per_epoch_takes_the_first_value_of_each_epoch(schedule: Schedule) -> None:
    expected = np.repeat(planned(schedule).values[::PER_EPOCH], PER_EPOCH)
    held = schedule.per_epoch()
    assert planned(held).values.tolist() == expected.tolist()
    assert planned(held.per_epoch()).values.tolist() == expected.tolist()


@LAW
@given(leaves | joins, st.floats(1e-3, 10))
def test_rescaling_keeps_the_shape_and_reaches_the_peak(schedule: Schedule, peak: float) -> None:
    before = planned(schedule)
    after = planned(schedule.rescale(peak=peak))
    greatest = max(before.values.max(), before(HORIZON))
    assume(greatest > 1e-9)
    assert max(after.values.max(), after(HORIZON)) == pytest.approx(peak)
    np.testing.assert_allclose(after.values, before.values * (peak / greatest), rtol=1e-12)


def test_a_repeat_grows_and_shrinks_as_restarts_do() -> None:
    piece = ss.cosine(1, length=10 * updates)
    repeated = piece.repeat(growth=2, factor=0.5).plan(updates=100).values
    restarts = ss.cosine_restarts(1, first=10 * updates, growth=2, factor=0.5).plan(updates=100).values
    np.testing.assert_allclose(repeated, restarts, atol=1e-15)


def test_a_repeat_holds_its_end_value_or_hands_over() -> None:
    twice = ss.linear(1, floor=0.2, length=2 * updates).repeat(times=2)
    assert twice.plan(updates=6).values.tolist() == pytest.approx([1, 0.6, 1, 0.6, 0.2, 0.2])
    joined = twice >> ss.constant(3)
    assert joined.plan(updates=6).values.tolist() == pytest.approx([1, 0.6, 1, 0.6, 3, 3])
    grown = ss.linear(1, length=1 * updates).repeat(times=2, growth=2) >> ss.constant(3)
    assert grown.plan(updates=5).values.tolist() == pytest.approx([1, 1, 0.5, 3, 3])


def test_a_whole_schedule_with_its_warmup_is_repeated() -> None:
    piece = ss.warmup(1 * epochs) >> ss.linear(0.4, length=1 * epochs)
    plan = ss.repeat(piece).plan(epochs=4, updates_per_epoch=2)
    assert plan.values.tolist() == pytest.approx([0, 0.2, 0.4, 0.2] * 2)


def test_an_epoch_of_a_piece_begins_with_the_piece() -> None:
    joined = ss.warmup(1 * updates) >> ss.linear(0.4, length=4 * updates).per_epoch()
    plan = joined.plan(updates=5, updates_per_epoch=2)
    assert plan.values.tolist() == pytest.approx([0, 0.4, 0.4, 0.2, 0.2])


def test_a_fixed_schedule_becomes_one_to_tune() -> None:
    tunable = (ss.warmup(2 * updates) >> ss.cosine(0.1)).rescale(peak=lr)
    assert tunable.knobs == {"lr"}
    assert repr(tunable) == "rescale(warmup(2*updates) >> cosine(0.1), peak=lr)"
    assert tunable.bind(lr=0.5).plan(updates=8).values.max() == 0.5


def test_wrappers_last_as_long_as_what_they_wrap() -> None:
    for wrapped in (ss.linear(1, length=2 * updates).clip(peak=0.7), ss.linear(1, length=2 * updates) * 0.7):
        assert wrapped.sized
        assert (wrapped >> ss.constant(3)).plan(updates=3)(2) == 3
    assert not ss.linear(1).clip(peak=0.7).sized


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: ss.linear(1).repeat(), r"linear\(1\) has no end to repeat from; write its length="),
        (lambda: ss.repeat(0.1), "0.1 is not a schedule; write for example"),  # type: ignore[arg-type]
        (lambda: ss.linear(1, length=1 * run).repeat(times=0), "times=0 is not allowed"),
        (lambda: ss.linear(1, length=1 * run).repeat(growth=0.5), "growth=0.5 would shrink"),
        (lambda: ss.linear(1, length=1 * run).repeat(factor=2), "factor=2 would grow"),
        (lambda: ss.linear(1).clip(), "clip needs floor= or peak="),
        (lambda: ss.linear(1).clip(floor=0.2, peak=0.1), "floor=0.2 is above peak=0.1"),
        (
            lambda: ss.warmup(1 * epochs).clip(peak=1),
            r"ends in a warmup; write warmup\(1\*epochs\) >> constant",
        ),
        (lambda: (ss.linear(1) * ss.plateau()).per_epoch(), r"stays outside; .* \* plateau\(\)"),
        (lambda: ss.linear(1).rescale(peak=0), "peak=0 is not allowed"),
        (
            lambda: ss.piecewise_constant([0, 0], at=[1 * updates]).rescale(peak=1).plan(updates=3),
            "is 0 throughout and has no peak",
        ),
        (
            lambda: ss.linear(1).per_epoch().plan(updates=3),
            r"per_epoch\(linear\(1\)\) needs the updates of one epoch; write plan",
        ),
        (
            lambda: ss.linear(1, length=1 * updates).repeat() >> ss.constant(1),
            "has no end before >>",
        ),
    ],
)
def test_what_cannot_be_wrapped(build: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        build()
