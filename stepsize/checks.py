"""Checks of numbers, and how values appear in messages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stepsize.errors import ScheduleError


def shown(value: object) -> str:
    """Return `value` as it appears in a message: its repr, cut to one short line."""
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."


def spell(value: float) -> str:
    """Return the shortest text that reads back as the same number.

    >>> spell(5.0), spell(0.1), spell(1e-05)
    ('5', '0.1', '1e-05')
    """
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def is_written_value(text: str) -> bool:
    """Return whether a text is that of a number or a switch, which other code would take for true.

    >>> is_written_value("false"), is_written_value("1e-3"), is_written_value("adam")
    (True, True, False)
    """
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false", "yes", "no", "on", "off")
    return True


def is_number(value: object) -> bool:
    """Return whether `value` is a Python or NumPy number; a bool is not one."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def python_number(value: Any) -> Any:
    """Return a NumPy number as Python's, which JSON can hold; anything else as it is.

    >>> python_number(np.int64(3)), python_number("3")
    (3, '3')
    """
    return value.item() if isinstance(value, np.generic) else value


def finite_number(name: str, value: Any, zero: bool = True) -> float:
    """Return `value` as a finite float of at least 0 (above 0 with zero=False).

    Raises: ScheduleError that names the parameter and the rule.

    >>> finite_number("floor", 0)
    0.0
    >>> finite_number("floor", float("nan"))
    Traceback (most recent call last):
    stepsize.errors.ScheduleError: floor=nan is not allowed; write a finite number of at least 0
    """
    if not is_number(value):
        raise ScheduleError(f"{name}={shown(value)} is not a number; write for example {name}=0.1")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result) or result < 0 or (result == 0 and not zero):
        allowed = "of at least 0" if zero else "above 0"
        raise ScheduleError(f"{name}={shown(value)} is not allowed; write a finite number {allowed}")
    return result + 0.0  # makes -0.0 plain 0.0
