"""The kinds of parameters that schedules have: each annotation carries the check of its values.

A family writes `peak: Level` and gets a finite number above 0, or a knob, or an error that names `peak`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any

from stepsize.checks import finite_number, is_number, shown
from stepsize.errors import ScheduleError, unknown
from stepsize.units import Knob, Length, require_length

Check = Callable[[str, Any], Any]


def _positive(name: str, value: Any) -> float:
    return finite_number(name, value, zero=False)


def _or_knob(check: Check) -> Check:
    return lambda name, value: value if isinstance(value, Knob) else check(name, value)


def optional(check: Check) -> Check:
    """Return the check of a parameter that may also be None."""
    return lambda name, value: None if value is None else check(name, value)


def _factor(name: str, value: Any) -> float:
    result = _positive(name, value)
    if result > 1:
        raise ScheduleError(f"{name}={shown(value)} would grow; write a factor above 0 and at most 1")
    return result


def _growth(name: str, value: Any) -> float:
    result = _positive(name, value)
    if result < 1:
        raise ScheduleError(f"{name}={shown(value)} would shrink; write a number of at least 1")
    return result


def _signed(name: str, value: Any) -> float:
    try:
        if is_number(value) and math.isfinite(value):
            return float(value) + 0.0
    except OverflowError:  # an int of more than 308 digits
        pass
    raise ScheduleError(f"{name}={shown(value)} is not a finite number; write for example {name}=-6")


def _share_or_zero(name: str, value: Any) -> float:
    result = finite_number(name, value)
    if result >= 1:
        raise ScheduleError(
            f"{name}={shown(value)} can never reduce a multiplier of 1; write a number below 1"
        )
    return result


def _fraction(name: str, value: Any) -> float:
    result = _positive(name, value)
    if result >= 1:
        raise ScheduleError(f"{name}={shown(value)} is not a fraction; write a number above 0 and below 1")
    return result


def _share(name: str, value: Any) -> float:
    return _share_or_zero(name, _positive(name, value))


def _count(name: str, value: Any) -> int:
    result = finite_number(name, value)
    if not result.is_integer():
        raise ScheduleError(f"{name}={shown(value)} is not a whole number; write for example {name}=5")
    return int(result)


def _count_above_zero(name: str, value: Any) -> int:
    return _count(name, _positive(name, value))


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ScheduleError(f"{name}={shown(value)} is neither True nor False; write {name}=True")
    return value


def _period(name: str, value: Any) -> Length:
    result = require_length(name, value)
    if result.value == 0:
        raise ScheduleError(f"{name}={result} is empty; write a length above 0")
    return result


def _milestones(name: str, value: Any) -> tuple[Length, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ScheduleError(
            f"{name}={shown(value)} is not a list of one or more lengths; write {name}=[30*epochs, 0.75*run]"
        )
    result = tuple(_period(name, item) for item in value)
    for before, after in pairwise(result):
        if before.unit == after.unit and before.value > after.value:
            raise ScheduleError(f"{name}: {after} comes after {before}; write the lengths in rising order")
    return result


def _levels(name: str, value: Any) -> tuple[float | Knob, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ScheduleError(
            f"{name}={shown(value)} is not a list of one or more numbers; write {name}=[0.1, 0.01]"
        )
    return tuple(_or_knob(finite_number)(name, item) for item in value)


def plain_name(name: str, value: Any) -> str:
    """Return `value` if it is a text that a spec can quote."""
    if (
        not isinstance(value, str)
        or not value.isprintable()
        or not value.strip()
        or set(value) & set("\"'\\")
    ):
        raise ScheduleError(
            f'{name}={shown(value)} is not the name of a {name}; write plain text such as {name}="val_loss"'
        )
    return value


def one_of(*allowed: str) -> Check:
    """Return the check of a parameter that takes one of `allowed`."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ScheduleError(unknown(name, value if isinstance(value, str) else shown(value), allowed))
        return value

    return check


# A level is a value of the schedule itself: it may be left to a study as a knob.
Level = Annotated[float, _or_knob(_positive)]
LevelOrZero = Annotated[float, _or_knob(finite_number)]
OptionalLevel = Annotated[float | None, optional(_or_knob(_positive))]
OptionalLevelOrZero = Annotated[float | None, optional(_or_knob(finite_number))]
Levels = Annotated[list[float] | tuple[float, ...], _levels]
# Numbers that shape it.
Signed = Annotated[float, _signed]
Positive = Annotated[float, _positive]
NonNegative = Annotated[float, finite_number]
Factor = Annotated[float, _factor]
Growth = Annotated[float, _growth]
OptionalFactor = Annotated[float | None, optional(_factor)]
Fraction = Annotated[float, _fraction]
OptionalFraction = Annotated[float | None, optional(_fraction)]
Share = Annotated[float, _share]
ShareOrZero = Annotated[float, _share_or_zero]
Count = Annotated[int, _count]
CountAboveZero = Annotated[int, _count_above_zero]
OptionalCount = Annotated[int | None, optional(_count_above_zero)]
Name = Annotated[str, plain_name]
Flag = Annotated[bool, _flag]
# Lengths: a span may be empty, a period may not.
Span = Annotated[Length, require_length]
OptionalSpan = Annotated[Length | None, optional(require_length)]
Period = Annotated[Length, _period]
OptionalPeriod = Annotated[Length | None, optional(_period)]
Milestones = Annotated[list[Length] | tuple[Length, ...], _milestones]
