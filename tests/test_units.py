"""Lengths and knobs."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.checks import finite_number, spell
from stepsize.errors import ScheduleError
from stepsize.units import Knob, Length, epochs, lr, require_length, run, updates

LAW = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (epochs, "1*epochs"),
        (5 * epochs, "5*epochs"),
        (epochs * 5, "5*epochs"),
        (epochs / 2, "0.5*epochs"),
        (0.1 * run, "0.1*run"),
        (2 * (3 * updates), "6*updates"),
        (np.float64(0.5) * run, "0.5*run"),
        (np.int64(3) * epochs, "3*epochs"),
        (np.float32(0.5) * updates, "0.5*updates"),
        (0 * epochs, "0*epochs"),
        (lr, "lr"),
        (0.01 * lr, "0.01*lr"),
        (lr / 25, "0.04*lr"),
        (np.float64(2) * lr, "2*lr"),
    ],
)
def test_units_are_multiplied_and_shown(made: Any, text: str) -> None:
    assert repr(made) == text


def test_lengths_and_knobs_are_values() -> None:
    assert 5 * epochs == epochs * 5.0 == Length(5, "epochs") != 5 * updates
    assert len({2 * run, 2.0 * run, 2 * epochs}) == 2
    assert 2 * lr == Knob("lr", 2.0) != lr
    for value in (0.3 * run, 0.3 * lr):
        assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "unit", "resolved"),
    [
        (2.5, "updates", 2.5),
        (5, "epochs", 45.0),
        (0.5, "epochs", 5.0),  # 4.5 goes up
        (0.1, "run", 45.0),
        (0.145, "run", 65.0),  # 65.25
        (0.005, "run", 2.0),  # 2.25
        (0.01, "run", 5.0),  # 4.5 goes up
        (0.009, "run", 4.0),
    ],
)
def test_resolve(value: float, unit: Any, resolved: float) -> None:
    assert Length(value, unit).resolve(450, updates_per_epoch=9) == resolved


def test_a_half_is_rounded_up_although_the_product_is_just_below_it() -> None:
    assert 0.145 * 100 < 14.5
    assert (0.145 * run).resolve(100) == 15.0


@LAW
@given(st.integers(0, 1000), st.integers(1, 1000))
def test_whole_percentages_round_as_on_paper(thousandths: int, updates_of_run: int) -> None:
    exact = (2 * thousandths * updates_of_run + 1000) // 2000
    assert (thousandths / 1000 * run).resolve(updates_of_run) == exact


def test_epochs_need_the_updates_of_an_epoch() -> None:
    with pytest.raises(ScheduleError, match=r"5\*epochs needs .* updates_per_epoch"):
        (5 * epochs).resolve(450)


@pytest.mark.parametrize("bad", [-1, -0.5, math.nan, math.inf, True, False, "5", None, [5], 1j, 10**400])
def test_lengths_refuse_what_is_no_amount(bad: Any) -> None:
    with pytest.raises(ScheduleError, match="epochs="):
        Length(bad, "epochs")
    with pytest.raises(ScheduleError, match="epochs="):
        _ = epochs * bad


@pytest.mark.parametrize("unit", [epochs, lr])
def test_dividing_by_zero_says_what_to_do(unit: Any) -> None:
    with pytest.raises(ScheduleError, match="divide by a number above 0"):
        _ = unit / 0


def test_a_bare_number_is_no_length() -> None:
    said = r"warmup: 5 has no unit; write 5\*epochs, 5\*updates or a fraction of the run such as 0.1\*run"
    with pytest.raises(ScheduleError, match=said):
        require_length("warmup", 5)
    with pytest.raises(ScheduleError, match=r"warmup: '5' is not a length; write for example 5\*epochs"):
        require_length("warmup", "5")
    assert require_length("warmup", 5 * epochs) == 5 * epochs


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (True, "floor=True is not a number"),
        ("0.1", "floor='0.1' is not a number"),
        (np.bool_(True), "is not a number"),
        (-0.1, "floor=-0.1 is not allowed; write a finite number of at least 0"),
        (math.inf, "floor=inf is not allowed"),
        ("x" * 500, r"floor='x{53,56}\.\.\."),
    ],
)
def test_numbers_say_what_is_wrong(bad: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        finite_number("floor", bad)


def test_numbers_become_floats() -> None:
    for value in (1, 1.0, np.int32(1), np.float32(1)):
        assert type(finite_number("floor", value)) is float
    assert math.copysign(1, finite_number("floor", -0.0)) == 1
    with pytest.raises(ScheduleError, match="above 0"):
        finite_number("peak", 0, zero=False)


@LAW
@given(st.floats(min_value=0, allow_infinity=False))
def test_spelling_reads_back(value: float) -> None:
    assert float(spell(value)) == value


def test_knobs_have_names_and_scales_above_zero() -> None:
    with pytest.raises(ScheduleError, match="'run' cannot name a knob"):
        Knob("run")
    with pytest.raises(ScheduleError, match="always 0"):
        _ = 0 * lr
    with pytest.raises(TypeError):
        _ = lr * lr
