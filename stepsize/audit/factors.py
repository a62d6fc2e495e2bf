"""Causes in the size of the rate: another curve, or the plan's rate times a factor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stepsize.audit.evidence import Cause, Evidence
from stepsize.errors import ScheduleError
from stepsize.schedules.clock import Clock
from stepsize.schedules.curves import Array

SLACK = 10  # times the tolerance, for curves that are fitted to rounded rates
FACTORS = 20  # changes of a factor at most
LONGER = (2, 3, 4, 5, 6, 7, 8, 16, 32, 64)  # times the planned run
LONGEST = 10**7  # updates of a longer run; some schedules are evaluated at all of them
PROBES = 9  # rows that a longer run must explain before all are compared


def multiplier(seen: Evidence) -> Iterator[Cause]:
    """Every rate is the plan's times one number."""
    largest = int(np.argmax(seen.planned))
    if seen.planned[largest] <= 0:
        return
    factor = seen.applied[largest] / seen.planned[largest]
    if seen.is_explained_by(factor * seen.planned, fitted=1):
        yield Cause(
            "multiplier",
            f"every rate is {factor:.6g} times the planned one: it is scaled by the batch size or the "
            "devices, belongs to another parameter group, or is the plan's times the optimizer's own, as "
            "LambdaLR makes it unless lr=1",
            1,
        )


def longer(seen: Evidence) -> Iterator[Cause]:
    """The curve is that of a run several times as long."""
    plan, rows = seen.plan, np.unique(np.linspace(seen.first, len(seen.t) - 1, PROBES).astype(int))
    for k in (k for k in LONGER if plan.horizon * k <= LONGEST):
        for epochs in (1, k) if plan.updates_per_epoch else (1,):
            per_epoch = plan.updates_per_epoch and plan.updates_per_epoch * epochs
            clock = Clock(plan.horizon * k, plan.horizon * k, per_epoch)
            if seen.differ(_curve(seen, clock, rows), seen.applied[rows]).any():
                continue
            if seen.is_explained_by(_curve(seen, clock), fitted=1):
                yield Cause(
                    "longer",
                    f"the curve is that of a run of {plan.horizon * k} updates, {k} times as long as "
                    "planned: its length was not divided by the processes, or by the accumulated batches",
                    1,
                )
                return


def _curve(seen: Evidence, clock: Clock, rows: Any = slice(None)) -> Array:
    """Return the rates of `rows` under another clock, with the multipliers that they had."""
    try:
        values = seen.plan.schedule.evaluate(seen.t[rows].astype(float), clock)
    except ScheduleError:  # lengths that do not fit
        return np.full(len(seen.t[rows]), np.nan)
    return values * seen.scale[rows]


def stopped(seen: Evidence) -> Iterator[Cause]:
    """From one update on, the rate is one number."""
    first, rates = seen.first, seen.planned.copy()
    rates[first:] = seen.applied[first]
    if first == 0 and seen.is_explained_by(rates, fitted=1):
        yield Cause(
            "another rate",
            f"the rate stays {seen.applied[0]:.6g}, which is not the plan's: no schedule is attached to this "
            "optimizer",
            1,
        )
    elif first > 1:
        kept = not seen.differ(seen.applied[first], seen.applied[first - 1])
        moves = seen.differ(seen.planned[first:], seen.planned[first]).any()
        if (kept or moves) and seen.is_explained_by(rates, fitted=1 if kept else 2):
            why = "step() is no longer called" if kept else "something else set it, and the schedule stopped"
            yield Cause(
                "stopped",
                f"the rate stays {seen.applied[first]:.6g} from update {seen.t[first]} on: {why}",
                1 if kept else 2,
            )


def cut(seen: Evidence) -> Iterator[Cause]:
    """The plan is followed up to one update, and from there times a factor that rarely changes."""
    factors = _ratio(seen)
    starts = np.flatnonzero(seen.differ(factors[1:], factors[:-1], SLACK)) + 1
    if seen.first == 0 or not 1 <= len(starts) <= FACTORS:
        return
    levels = factors.copy()
    for start, end in zip(starts, [*starts[1:], len(levels)], strict=True):
        levels[start:end] = factors[start]
    fitted = 2 * len(starts)
    if not seen.is_explained_by(levels * seen.planned, fitted, SLACK):
        return
    updates, per_epoch = seen.t[starts], seen.plan.updates_per_epoch
    changes = ", ".join(
        f"{factor:.6g} from update {update} on"
        for update, factor in zip(updates.tolist(), factors[starts].tolist(), strict=True)
    )
    ends = per_epoch is not None and not (updates % per_epoch).any()
    falls = bool((np.diff(factors[[0, *starts]]) < 0).all())
    who = (
        "a callback at the end of an epoch, such as ReduceLROnPlateau, changes the rate beside the schedule"
        if ends
        else "something else, such as a callback, changes the rate beside the schedule"
    )
    name = "plateau callback" if ends and falls else "another factor"
    yield Cause(name, f"the planned rate is multiplied by {changes}: {who}", fitted)


def _ratio(seen: Evidence) -> Array:
    """Return applied / planned, the last known one where the plan is 0."""
    ratio = np.divide(seen.applied, seen.planned, out=np.full(len(seen.t), np.nan), where=seen.planned > 0)
    index = np.maximum.accumulate(np.where(np.isfinite(ratio), np.arange(len(ratio)), 0))
    return np.where(np.isfinite(ratio[index]), ratio[index], 1.0)


def second_schedule(seen: Evidence) -> Iterator[Cause]:
    """The rate is a simple curve of its own, or the plan's times one."""
    for rates, before, name, who in (
        (seen.applied, 1.0, "another schedule", "another scheduler sets the rate, and the plan's is lost"),
        (_ratio(seen), seen.planned, "second schedule", "a second scheduler changes the rate as well"),
    ):
        what = "the rate" if name == "another schedule" else "applied / planned"
        for words, fit, fitted in _curves(seen.t, rates):
            if seen.is_explained_by(fit * before, fitted, SLACK):
                yield Cause(name, f"{what} {words}: {who}", fitted)
                break


def _curves(t: NDArray[np.int64], rates: Array) -> Iterator[tuple[str, Array, int]]:
    """Yield simple curves through some of the points, in words, and the numbers they were fitted with."""
    if len(t) < 4 or not np.isfinite(rates).all() or rates.min() < 0:
        return
    top = int(np.argmax(rates))
    for knots in ([0, len(t) - 1], [0, top, len(t) - 1]):
        line = np.interp(t, t[knots], rates[knots])
        (t0, y0), (t1, y1) = zip(t[knots[-2:]], rates[knots[-2:]], strict=True)
        zero = f", to 0 at update {t0 + y0 * (t1 - t0) / (y0 - y1):.0f}" if y1 < y0 else ""
        climb = f"climbs to update {t[top]} and " if len(knots) == 3 else ""
        way = "falls" if y1 < y0 else "climbs"
        like = ", as under the usual scheduler of transformers' Trainer" if zero else ""
        yield f"{climb}{way} on a straight line{zero}{like}", line, 2 * len(knots) - 2
    if rates.min() > 0:
        factor = (rates[-1] / rates[0]) ** (1 / (t[-1] - t[0]))
        yield f"changes by {factor:.6g} at every update", rates[0] * factor ** (t - t[0]), 2
    if top == 0 and t[0] == 0:
        angle = np.arccos(np.clip(2 * rates / rates[0] - 1, -1, 1))
        row = int(np.argmin(np.abs(angle - np.pi / 2)))
        if angle[row] > 0 and row > 0:
            length = np.pi * t[row] / angle[row]
            fit = rates[0] * (1 + np.cos(np.pi * np.minimum(t / length, 1))) / 2
            yield f"falls as a cosine to 0 at update {length:.0f}", fit, 2


def written(seen: Evidence) -> Iterator[Cause]:
    """The rate leaves the plan and returns to it."""
    wrong = seen.differ(seen.planned, seen.applied)
    back = seen.first + int(np.argmin(wrong[seen.first :]))
    if not wrong[back] and wrong.mean() <= 0.5:
        yield Cause(
            "other writes",
            f"the rate leaves the plan at update {seen.t[seen.first]} and is back at update {seen.t[back]}: "
            "something else writes the rate between updates",
            int(wrong.sum()) + 1,
        )


FACTORS_AND_CURVES = (multiplier, longer, stopped, cut, second_schedule, written)
