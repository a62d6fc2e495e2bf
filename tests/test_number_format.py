"""Numbers: the digits follow the uncertainty, and missing values are shown as missing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsize.number_format import MISSING, Scale, half_width, p_value, ranges, rate, scale_for


@given(st.floats(1e-5, 0.5))
def test_a_step_of_the_last_digit_is_at_most_a_third_of_the_half_interval(half: float) -> None:
    decimals = scale_for("loss", False, None, [half]).decimals
    assert 10.0**-decimals <= half / 3 * (1 + 1e-6)


def test_accuracy_is_percent_by_default() -> None:
    assert scale_for("accuracy", True, None, []).percent
    assert not scale_for("accuracy", True, False, []).percent
    assert not scale_for("val_loss", False, None, []).percent
    assert scale_for("f1", True, True, []).percent


def test_one_point_is_not_several() -> None:
    assert (Scale("accuracy", True, True, 1).step(0.01), Scale("r2", True, True, 1).step(0.005)) == (
        "1 point",
        "0.5 points",
    )


def test_a_rounded_zero_has_no_sign() -> None:
    scale = Scale("accuracy", True, True, 1)
    assert Scale("loss", False, False, 5).plus_minus(1e-9, [-1e-4, 1e-4], signed=True) == "0.00000 ± 0.00010"
    assert scale.number(-0.0001, signed=True) == "0.0"
    assert scale.number(-0.001) == "−0.1"


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_missing_values_are_a_dash(nothing: float | None) -> None:
    scale = Scale("loss", False, False, 3)
    assert scale.number(nothing) == MISSING
    assert scale.plus_minus(nothing, None) == MISSING
    assert rate(nothing) == MISSING
    assert p_value(nothing) == MISSING


def test_half_of_an_interval_with_a_missing_end_is_missing() -> None:
    assert half_width([math.nan, 1.0]) is None
    assert half_width(None) is None


def test_huge_scores_do_not_fill_the_page() -> None:
    assert len(Scale("loss", False, False, 4).number(1e30)) < 12


def test_ranges_keep_the_given_order() -> None:
    assert ranges([5, 1, 2, 3]) == "5, 1–3"
    assert ranges([]) == MISSING
