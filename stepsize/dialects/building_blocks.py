"""What the readers of other libraries build schedules from: shared families wherever those are exact."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules import (
    Join,
    Schedule,
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    multistep,
    piecewise_constant,
    plateau,
    step_decay,
    warmup,
)
from stepsize.schedules.clock import Clock
from stepsize.schedules.curves import Array
from stepsize.schedules.foreign.shared import cut, geometric, power_curve
from stepsize.schedules.foreign.torch import torch_chained
from stepsize.schedules.operators import join
from stepsize.schedules.plan import LONGEST
from stepsize.units import updates

CLOCK = Clock(LONGEST, LONGEST, None)
PROBED = 1000  # values at the beginning that tell whether schedules are multiples of each other
CHAINED = 10_000  # updates of a run of `torch_chained`, which computes every rate up to the end
OPEN = (constant, exponential, geometric, inverse_sqrt, multistep, piecewise_constant, step_decay)
"""Families whose values do not depend on their length, so that they may get any length."""
JOINED_CYCLES = "its cycles one after another, joined by >>"
"""What warnings name where no family restarts like that."""


def sequence(pieces: list[Any], boundaries: list[int], read: Callable[[Any], Schedule]) -> Schedule:
    """Join pieces, of which all but the first begin at a boundary, each with its own time from 0.

    `read` turns a piece into a schedule; a piece that no update falls into is not read.

    >>> from stepsize.schedules import parse
    >>> specs = ["warmup(5*updates) >> constant(1)", "cosine(1, length=9*updates)"]
    >>> sequence(specs, [5], parse)
    warmup(5*updates) >> cosine(1, length=9*updates)
    """
    if sorted(boundaries) != list(boundaries):
        raise ScheduleError(f"the milestones {list(boundaries)} are not in rising order; sort them")
    starts = [max(0, boundary) for boundary in (0, *boundaries)]
    result = read(pieces[-1])
    for piece, (start, end) in zip(pieces[-2::-1], list(pairwise(starts))[::-1], strict=True):
        if end > start:
            result = lasting(read(piece), end - start, result) >> result
    return result


def lasting(schedule: Schedule, size: int, follower: Schedule) -> Schedule:
    """Return the first `size` updates of a schedule, as a `cut` only where it has no such length."""
    if isinstance(schedule, Join) and isinstance(held := schedule.pieces[-1], constant) and not held.sized:
        before = join(*schedule.pieces[:-1])
        left = size - (before.duration(CLOCK) or 0)
        if left > 0:
            return before >> constant(held.value, length=left * updates)
        if left == 0 and (not before.incomplete or first_value(follower) == held.value):
            return before
    if schedule.sized and schedule.duration(CLOCK) == size:
        return schedule
    if isinstance(schedule, OPEN) and not schedule.sized:
        return schedule.with_fields(length=size * updates)
    return cut(schedule, length=size * updates)


def first_value(schedule: Schedule) -> float:
    """Return the value of update 0."""
    return float(schedule.evaluate(np.zeros(1), CLOCK)[0])


def held(value: Any, size: int | None = None) -> Schedule:
    """Return one value, which may be 0, for `size` updates or without end."""
    length = None if size is None else size * updates
    return constant(value, length=length) if value != 0 else power_curve(0, end=0, power=1, length=length)


def climb(start: float, end: float, size: float, shape: str = "linear") -> Schedule:
    """Return the way from `start` to `end` in `size` updates, after which `end` holds.

    >>> climb(0, 0.1, 5), climb(0.1, 0.01, 5)
    (warmup(5*updates) >> constant(0.1), linear(0.1, floor=0.01, length=5*updates))
    """
    if start == end or size == 0:
        return held(end)
    if start < end:
        return warmup(size * updates, start=start, shape=shape) >> constant(end)
    return (linear if shape == "linear" else cosine)(start, floor=end, length=size * updates)


def after_warmup(size: float, start: Any, follower: Schedule, shape: str = "linear") -> Schedule:
    """Return a schedule after a climb of `size` updates to its first value, if there are any."""
    return warmup(size * updates, start=start, shape=shape) >> follower if size > 0 else follower


def restarts(first: float, growth: float) -> Array:
    """Return when the cycles after the first one begin, within the longest plan, and at most 20 of them.

    >>> restarts(10, 2)[:3]
    array([10., 30., 70.])
    """
    with np.errstate(over="ignore"):
        done = (growth ** np.arange(1, 21.0) - 1) / (growth - 1)
    starts = np.round(first * done, 9)  # without the noise of the powers
    return starts[starts <= LONGEST]


def on_plateau(
    peak: float,
    mode: str = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: str = "rel",
    cooldown: int = 0,
    min_lr: float = 0.0,
    eps: float = 1e-8,
) -> Schedule:
    """Return a rate that PyTorch's ReduceLROnPlateau cuts, with its arguments and defaults.

    The floor is where a cut would be no larger than `eps` or go below `min_lr`.

    >>> on_plateau(0.1, factor=0.5, patience=2, min_lr=0.025)
    constant(0.1) * plateau(factor=0.5, patience=2, signed=True, floor=0.25)
    """
    if mode not in METRICS or threshold_mode not in ("rel", "abs"):
        raise ScheduleError(
            f'mode={mode!r}, threshold_mode={threshold_mode!r}: write "min" or "max", "rel" or "abs"'
        )
    least = peak
    while least - (lower := max(least * factor, min_lr)) > eps:
        least = lower
    if least == peak:
        return constant(peak)
    relative = threshold_mode == "rel"
    return constant(peak) * plateau(
        factor=factor,
        patience=patience,
        cooldown=cooldown,
        threshold=threshold,
        relative=relative,
        signed=relative,
        floor=least / peak,
        metric=METRICS[mode],
    )


METRICS = {"min": "val_loss", "max": "val_accuracy"}
"""The metric to follow where a library leaves it to the caller."""


def of_groups(read: Callable[[int], Schedule], count: int, group: int | None) -> Schedule:
    """Return the schedule of one parameter group, or of all of them if they agree."""
    if group is not None and group not in range(count):
        raise ScheduleError(f"group={group} is not one of the {count} groups; write group=0")
    chosen = read(group or 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first group has warned
        schedules = [chosen, *(read(other) for other in range(1, count))] if group is None else []
    if any(schedule != chosen for schedule in schedules):
        raise ScheduleError(f"the {count} parameter groups differ; {_how_to_follow(schedules)}")
    return chosen


def _how_to_follow(schedules: list[Schedule]) -> str:
    """Return what to write for groups that differ: multipliers if they are multiples of each other."""
    values = _values(schedules)
    top = 0 if values is None else int(np.argmax(values.max(axis=1)))
    factors = None if values is None else _factors(values, top)
    if factors is None:
        return (
            "write group=0 for the schedule of the first one, and so on; TorchScheduler takes a list with a "
            "plan for each group"
        )
    return (
        f"write group={top} for the schedule of the highest one, and "
        f"multipliers=[{', '.join(spell(float(f'{factor:.10g}')) for factor in factors)}] in TorchScheduler"
    )


def _values(schedules: list[Schedule]) -> Array | None:
    """Return the first values of schedules, or None if metrics multiply them in different ways."""
    if any(schedule.metric_factor != schedules[0].metric_factor for schedule in schedules):
        return None
    try:
        return np.stack([values_at(schedule, np.arange(PROBED, dtype=np.float64)) for schedule in schedules])
    except ScheduleError:
        return None


def values_at(schedule: Schedule, t: Array) -> Array:
    """Return the values at updates `t`, in a run that is long enough for every length."""
    run = int(t.max()) + CHAINED if isinstance(schedule, torch_chained) else LONGEST
    try:
        return schedule.evaluate(t, Clock(run, run, 1))
    except ScheduleError:  # a piece of the chain is longer
        return schedule.evaluate(t, Clock(100 * run, 100 * run, 1))


def _factors(values: Array, top: int) -> list[float] | None:
    """Return the number by which each row is a multiple of row `top`, if all are."""
    at = int(np.argmax(values[top]))
    factors = values[:, at] / values[top, at]
    close = np.allclose(values, factors[:, None] * values[top], rtol=1e-9, atol=1e-12 * values[top, at])
    return factors.tolist() if close else None


def warn(defect: str, instead: object) -> None:
    """Warn the caller of the dialects that the library's schedule has a known defect."""
    warn_caller(f"{defect}; to avoid that, use {instead}")


def warn_caller(text: str) -> None:
    """Warn the caller of the dialects."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("stepsize.dialects"):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=level)
