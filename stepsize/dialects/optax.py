"""optax's schedules, as schedules, as far as a function shows the numbers in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from operator import mul
from typing import Any

from stepsize.checks import is_number
from stepsize.dialects.building_blocks import METRICS, climb, first_value, held, sequence, warn
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    piecewise_constant,
    piecewise_interpolated,
    plateau,
    polynomial,
)
from stepsize.schedules.foreign.shared import geometric, power_curve
from stepsize.units import Length, updates


def from_optax(schedule: Any) -> Schedule:
    """Return a schedule function of optax as a schedule with the same value at every update.

    optax's schedules are functions that remember the numbers they were made from, and those are read. A
    one-cycle or warmup schedule is read as its phases, whose ends optax has cut to whole updates. Other
    functions, and schedules with numbers that are traced, cannot be read.

    contrib.reduce_on_plateau becomes a factor that follows "val_loss"; for another metric, change its
    name. Refused there: patience=0, which cuts on an improvement; rtol=1, whose first bound is not a number;
    rtol and atol both; and means of several values.

    optax computes in float32, this in float64, so values agree to float32 rounding. A schedule that stays
    where it begins because its length is 0 is reproduced, with a warning.

    Raises: ScheduleError for what cannot be read.

    Source: optax/schedules and optax/contrib/_reduce_on_plateau.py of optax 0.2.8.

    >>> from_optax(0.1)
    constant(0.1)
    """
    if is_number(schedule):
        return constant(schedule)
    schedule = getattr(schedule, "update", schedule)  # a transformation
    code = getattr(schedule, "__code__", None)
    maker = getattr(code, "co_qualname", type(schedule).__name__).partition(".")[0]
    if code is None or maker not in READERS or not schedule.__module__.startswith("optax."):
        raise ScheduleError(unknown("schedule", maker, sorted(READERS)))
    numbers = _captured(schedule)
    if maker in ("polynomial_schedule", "exponential_decay") and "transition_steps" not in numbers:
        stays = held(_number(numbers["init_value"]))
        warn(f"{maker} has no length and stays at {first_value(stays):g}", "the one that it should lead to")
        return stays
    return READERS[maker](numbers)


def _captured(function: Any) -> dict[str, Any]:
    """Return the variables that a function captured from the call that made it, by name."""
    captured: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # a name that was never set
            captured[name] = cell.cell_contents
    return captured


def _number(value: Any) -> Any:
    """Return numbers of NumPy and JAX as Python's; an integer stays one."""
    if value is None or isinstance(value, bool | int):
        return value
    try:
        return float(value)
    except TypeError as error:
        raise ScheduleError(
            f"{value} cannot be read as a number; make the schedule from plain numbers"
        ) from error


def _constant(numbers: dict[str, Any]) -> Schedule:
    return held(_number(numbers["value"]))


def _after(begin: int, moves: Schedule) -> Schedule:
    return held(first_value(moves), begin) >> moves if begin > 0 else moves


def _polynomial(numbers: dict[str, Any]) -> Schedule:
    names = ("init_value", "end_value", "power", "transition_steps", "transition_begin")
    start, end, power, size, begin = (_number(numbers[name]) for name in names)
    if power == 1 or start == end:
        return _after(begin, climb(start, end, size))
    if start > end:
        return _after(begin, polynomial(start, power=power, floor=end, length=size * updates))
    return _after(begin, power_curve(start, end=end, power=power, length=size * updates))


def _exponential(numbers: dict[str, Any]) -> Schedule:
    names = ("init_value", "transition_steps", "decay_rate", "transition_begin", "staircase", "end_value")
    start, size, factor, begin, staircase, end = (_number(numbers[name]) for name in names)
    every = size * updates
    moves = (exponential if factor <= 1 else geometric)(
        start, factor=factor, every=every, staircase=staircase
    )
    if end is not None:
        moves = moves.clip(floor=end) if factor < 1 else moves.clip(peak=end)
    return _after(begin, moves)


def _cosine(numbers: dict[str, Any]) -> Schedule:
    names = ("init_value", "decay_steps", "alpha", "exponent")
    peak, size, alpha, exponent = (_number(numbers[name]) for name in names)
    if exponent == 1:
        return cosine(peak, floor=alpha * peak, length=size * updates)
    return power_curve(peak, end=alpha * peak, power=exponent, shape="cosine", length=size * updates)


def _steps(numbers: dict[str, Any]) -> Schedule:
    scales = sorted((numbers["boundaries_and_scales"] or {}).items())
    values, at = _values(_number(numbers["init_value"]), scales)
    return piecewise_constant(values, at=at) if at else held(values[0])


def _interpolated(numbers: dict[str, Any]) -> Schedule:
    scales = list(zip(numbers["boundaries"], numbers["scales"], strict=True))
    shape = "linear" if "linear" in numbers["interpolate_fn"].__name__ else "cosine"
    values, at = _values(_number(numbers["init_value"]), scales)
    return piecewise_interpolated(values, at=at, shape=shape) if at else held(values[0])


def _values(start: float, scales: list[tuple[Any, Any]]) -> tuple[list[float], list[Length]]:
    """Return values, each a multiple of the one before, and the times above 0 at which they begin."""
    times = [_number(boundary) for boundary, _ in scales]
    values = list(accumulate((_number(scale) for _, scale in scales), mul, initial=start))
    begun = sum(time <= 0 for time in times)
    return values[begun:], [time * updates for time in times[begun:]]


def _join(numbers: dict[str, Any]) -> Schedule:
    boundaries = [_number(boundary) for boundary in numbers["boundaries"]]
    return sequence(numbers["schedules"][: len(boundaries) + 1], boundaries, from_optax)


def _plateau(numbers: dict[str, Any]) -> Schedule:
    if _number(numbers["accumulation_size"]) != 1:
        raise ScheduleError(
            "accumulation_size: metrics are observed one by one; build it without this, and pass means"
        )
    rule = {name: _number(value) for name, value in _captured(numbers["_update_scale"]).items()}
    patience, rtol, atol = rule["patience"], rule["rtol"], rule["atol"]
    if patience < 1:
        raise ScheduleError(
            "optax with patience=0 cuts at each improvement and never otherwise; write patience=1"
        )
    if rtol == 1:
        raise ScheduleError(
            "optax with rtol=1 has a bound of 0 * infinity, which nothing beats; write a smaller rtol"
        )
    if rtol > 0 and atol > 0:
        raise ScheduleError(
            f"rtol={rtol} and atol={atol}: a threshold is one of them; write rtol=0 or atol=0"
        )
    return plateau(
        factor=rule["factor"],
        patience=patience - 1,
        cooldown=rule["cooldown"],
        threshold=rtol or atol,
        relative=rtol > 0,
        signed=rtol > 0,
        floor=rule["min_scale"],
        metric=METRICS["min"],
    )


READERS: dict[str, Callable[[dict[str, Any]], Schedule]] = {
    "constant_schedule": _constant,
    "cosine_decay_schedule": _cosine,
    "exponential_decay": _exponential,
    "join_schedules": _join,
    "piecewise_constant_schedule": _steps,
    "piecewise_interpolate_schedule": _interpolated,
    "polynomial_schedule": _polynomial,
    "reduce_on_plateau": _plateau,
}
