"""Handles: the numbers of a schedule that can be dragged, each one field of its spec.

A handle knows where it is on the picture and between which values it moves. `move` sets its field, so the
spec is the only state: `move(schedule, handle.path, handle.value)` is the schedule itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_type_hints

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.number_format import rate
from stepsize.schedules import Join, Plan, Product, Schedule, Sum
from stepsize.schedules import fields as kinds
from stepsize.schedules.base import parameters
from stepsize.schedules.clock import Clock
from stepsize.schedules.families.warmup_stable_decay import warmup
from stepsize.schedules.family import Family
from stepsize.schedules.wrappers import Wrapper
from stepsize.units import Length

Axis = Literal["rate", "time"]
LOWEST, HIGHEST = 1e-6, 10.0  # rates that a handle reaches
RATES = ("peak", "value", "high", "floor", "low", "start")  # the fields that are rates of the run
LOW = ("floor", "low")
FROM_THE_END = ("decay",)  # lengths that count back from the end of their piece
WHOLE = 3  # significant digits of a number that was dragged
# The values that other numbers take, by the kind of the field: lowest, highest, step.
NUMBERS = {
    kinds.Factor: (0.01, 1.0, 0.01),
    kinds.OptionalFactor: (0.01, 1.0, 0.01),
    kinds.Fraction: (0.01, 0.99, 0.01),
    kinds.OptionalFraction: (0.01, 0.99, 0.01),
    kinds.Share: (0.01, 0.99, 0.01),
    kinds.ShareOrZero: (0.0, 0.99, 0.01),
    kinds.Growth: (1.0, 10.0, 0.1),
    kinds.Count: (0.0, 50.0, 1.0),
    kinds.CountAboveZero: (1.0, 50.0, 1.0),
    kinds.OptionalCount: (1.0, 50.0, 1.0),
}
DECADES = 2  # that a positive number of any other kind can move, down and up


@dataclass(frozen=True)
class Handle:
    """One field of a schedule that can be dragged, as a slider from `low` to `high`.

    `path` leads to the field. On the picture, a handle with the axis "rate" lies at `epoch`, and its value
    is the rate there divided by `slope`; one with the axis "time" lies at the epoch `origin` + `slope` *
    value. A handle without an axis is a plain slider. `is_log` handles move by factors, others by `step`.
    """

    path: str
    name: str
    piece: str
    value: float
    text: str
    low: float
    high: float
    step: float
    is_log: bool = False
    axis: Axis | None = None
    epoch: float = 0.0
    origin: float = 0.0
    slope: float = 1.0


@dataclass(frozen=True)
class _Place:
    """A family in the run: its path, the updates that it rules, and what its rates are multiplied by."""

    family: Any
    path: tuple[str, ...]
    begin: float
    end: float
    scale: float
    is_free: bool  # whether its own rates are those of the run


def handles(plan: Plan) -> list[Handle]:
    """Return the handles of a plan's schedule, in the order of the spec.

    >>> from stepsize.schedules import cosine
    >>> from stepsize.units import epochs
    >>> plan = (warmup(5 * epochs) >> cosine(0.1)).plan(epochs=50, updates_per_epoch=9)
    >>> [(each.path, each.name, each.text) for each in handles(plan)][::2]
    [('pieces.0.length', 'warmup', '5 epochs'), ('pieces.1.peak', 'peak', '0.1')]
    """
    clock = Clock(plan.horizon, plan.horizon, plan.updates_per_epoch)
    places = _places(plan.schedule, (), 0.0, float(plan.horizon), 1.0, True, clock)
    return [handle for place in places for handle in _of_family(place, plan, clock)]


def move(schedule: Schedule, path: str, value: float) -> Schedule:
    """Return the schedule with another number in the field at `path`; a length keeps its unit.

    Raises: ScheduleError if there is no such field, or the schedule cannot have the number there.

    >>> from stepsize.schedules import parse
    >>> move(parse("warmup(5*epochs) >> cosine(0.1)"), "pieces.0.length", 8)
    warmup(8*epochs) >> cosine(0.1)
    >>> move(parse("cosine(0.1)"), "peak", 0.2)
    cosine(0.2)
    """
    return _moved(schedule, tuple(path.split(".")), value)


def snap(handle: Handle, value: float) -> float:
    """Return the nearest value that a handle takes: within its range, on a step or with three digits.

    >>> from stepsize.schedules import cosine
    >>> peak, floor = handles(cosine(0.1).plan(updates=450))
    >>> snap(peak, 0.123456), snap(peak, 1e9), snap(floor, 0.0123)
    (0.123, 10.0, 0.012)
    """
    value = min(max(value, handle.low), handle.high)
    if value in (handle.value, handle.low, handle.high):
        return value
    return rounded(value) if handle.is_log else float(f"{round(value / handle.step) * handle.step:.6g}")


def _moved(part: Any, path: tuple[str, ...], value: float) -> Any:
    if not path:
        if isinstance(part, Length):
            return Length(value, part.unit)
        return int(value) if isinstance(part, int) and float(value).is_integer() else value
    name, *rest = path
    if isinstance(part, tuple) and name.isdigit() and int(name) < len(part):
        number = int(name)
        return (*part[:number], _moved(part[number], tuple(rest), value), *part[number + 1 :])
    if isinstance(part, Schedule) and name in parameters(part):
        values = parameters(part)
        return part.with_fields(**{**values, name: _moved(values[name], tuple(rest), value)})
    raise ScheduleError(f"{part} has no field {name!r}")


def _places(
    schedule: Schedule,
    path: tuple[str, ...],
    begin: float,
    end: float,
    scale: float,
    free: bool,
    clock: Clock,
) -> Iterator[_Place]:
    """Yield the families of a schedule with the updates that they rule."""
    if isinstance(schedule, Join):
        for number, piece in enumerate(schedule.pieces):
            local = Clock(end - begin, clock.run, clock.updates_per_epoch)
            lasts = piece.duration(local)
            until = end if lasts is None else min(end, begin + lasts)
            yield from _places(piece, (*path, "pieces", str(number)), begin, until, scale, free, clock)
            begin = until
    elif isinstance(schedule, Product):
        own = schedule.scale if isinstance(schedule.scale, float) else 1.0
        alone = sum(each.metric_factor is None for each in schedule.factors) == 1
        for number, factor in enumerate(schedule.factors):
            inside = (*path, "factors", str(number))
            yield from _places(factor, inside, begin, end, scale * own, free and alone, clock)
    elif isinstance(schedule, Sum):
        for number, term in enumerate(schedule.terms):
            yield from _places(term, (*path, "terms", str(number)), begin, end, scale, False, clock)
    else:
        yield _Place(schedule, path, begin, end, scale, free)
        if isinstance(schedule, Wrapper) and isinstance(schedule.schedule, Schedule):
            inside = (*path, "schedule")
            yield from _places(schedule.schedule, inside, begin, end, scale, False, clock)


def _of_family(place: _Place, plan: Plan, clock: Clock) -> Iterator[Handle]:
    """Yield the handles of one family."""
    family = place.family
    for field in fields(family):
        value = getattr(family, field.name)
        items = enumerate(value) if isinstance(value, tuple) else [(None, value)]
        for number, item in items:
            path = (*place.path, field.name, *([] if number is None else [str(number)]))
            name = field.name if number is None else f"{field.name} {number + 1}"
            name = "warmup" if isinstance(family, warmup) and name == "length" else name
            if isinstance(item, Length):
                yield _of_length(place, path, name, item, clock)
            elif isinstance(item, bool) or not isinstance(item, int | float):
                continue
            elif field.name in RATES and family.metric_factor is None:
                yield _of_rate(place, path, name, float(item), plan)
            else:
                yield _of_number(place, path, name, float(item), _kind(type(family), field.name))


def _of_rate(place: _Place, path: tuple[str, ...], name: str, value: float, plan: Plan) -> Handle:
    """Return the handle of a rate; one that may be 0 moves in steps of the peak, any other by factors."""
    may_be_zero = _kind(type(place.family), name) in (kinds.LevelOrZero, kinds.OptionalLevelOrZero)
    top = float(getattr(place.family, "peak", None) or getattr(place.family, "high", None) or 0.0)
    high = top if top and name in (*LOW, "start") else max(HIGHEST, value)
    if name == "start" and not top:
        high = max(float(plan.values.max()), value)
    common: dict[str, Any] = {
        "path": ".".join(path), "name": name, "piece": str(place.family), "value": value, "text": rate(value),
        "low": 0.0 if may_be_zero else min(LOWEST, value), "high": max(high, value),
        "is_log": not may_be_zero,
        "step": rounded(max(high, value) / 50) if may_be_zero else 0.0,
    }  # fmt: skip
    if not place.is_free:
        return Handle(**common)
    per_epoch = plan.updates_per_epoch or 1
    epoch = _time_of(name, place, plan) / per_epoch
    return Handle(**common, axis="rate", epoch=epoch, slope=place.scale)


def _time_of(name: str, place: _Place, plan: Plan) -> float:
    """Return the update of a rate: an end of its piece, or the middle of the first stretch at the peak."""
    if name in LOW:
        return place.end
    if name == "start":
        return place.begin
    first, last = math.ceil(place.begin), max(math.ceil(place.begin) + 1, math.floor(place.end))
    values = plan.values[first:last]
    if not len(values):
        return place.begin
    at_top = values >= values.max() * (1 - 1e-9)
    start = int(at_top.argmax())
    length = int(np.argmin(np.append(at_top[start:], False)))
    return first + start + (length - 1) / 2


def _of_length(place: _Place, path: tuple[str, ...], name: str, length: Length, clock: Clock) -> Handle:
    """Return the handle of a length, which lies where the length ends."""
    unit = {"epochs": clock.updates_per_epoch or 1, "run": clock.run, "updates": 1}[length.unit]
    per_epoch = clock.updates_per_epoch or 1
    back = path[-1] in FROM_THE_END
    room = (place.end if back else clock.run) - place.begin
    step = {"epochs": 1.0, "run": 0.01, "updates": float(max(1, clock.run // 100))}[length.unit]
    period = _kind(type(place.family), path[-1]) in (kinds.Period, kinds.OptionalPeriod) or path[-1].isdigit()
    low = step if period else 0.0
    number = spell(length.value)
    text = f"{number} {length.unit}" if length.unit != "run" else f"{spell(round(100 * length.value, 6))} %"
    return Handle(
        path=".".join(path),
        name=name,
        piece=str(place.family),
        value=length.value,
        text=text.removesuffix("s") if number == "1" else text,
        low=min(low, length.value),
        high=max(math.floor(room / unit / step + 1e-9) * step, length.value),
        step=step,
        axis="time",
        origin=(place.end if back else place.begin) / per_epoch,
        slope=(-1 if back else 1) * unit / per_epoch,
    )


def _of_number(place: _Place, path: tuple[str, ...], name: str, value: float, kind: Any) -> Handle:
    """Return the slider of any other number."""
    if kind in NUMBERS:
        low, high, step = NUMBERS[kind]
        is_log = False
    elif value > 0:
        middle = 10.0 ** round(math.log10(value))
        low, high, step, is_log = middle / 10**DECADES, middle * 10**DECADES, 0.0, True
    else:
        size = 10.0 * max(abs(value), 1.0)
        low, high, step, is_log = (-size if kind is kinds.Signed else 0.0), size, size / 100, False
    return Handle(
        path=".".join(path), name=name, piece=str(place.family), value=value, text=spell(rounded(value)),
        low=min(low, value), high=max(high, value), step=step, is_log=is_log,
    )  # fmt: skip


def rounded(value: float) -> float:
    """Return a number with three significant digits, as a hand means it."""
    return float(f"{value:.{WHOLE}g}")


@cache
def _kind(family: type[Family], name: str) -> Any:
    """Return the annotation of a field, one of those in `stepsize.schedules.fields`."""
    return get_type_hints(family, include_extras=True).get(name)
