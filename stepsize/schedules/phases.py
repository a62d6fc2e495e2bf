"""What a plan made of its schedule: which piece rules which updates, and how long every length came out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from stepsize.schedules.base import Schedule, parameters
from stepsize.schedules.compose import Join
from stepsize.schedules.plan import Clock, Plan
from stepsize.schedules.staged import warmup
from stepsize.units import Length, spell


@dataclass(frozen=True)
class Phase:
    """The updates from `first` to `last`, both included, ruled by one piece of a schedule."""

    name: str
    first: int
    last: int


def phases(plan: Plan) -> list[Phase]:
    """Return the phases of a plan in order; a schedule of one piece has one.

    >>> from stepsize.schedules import cosine
    >>> from stepsize.units import epochs
    >>> plan = (warmup(5 * epochs) >> cosine(0.1)).plan(epochs=50, updates_per_epoch=9)
    >>> [(phase.name, phase.first, phase.last) for phase in phases(plan)]
    [('warmup(5*epochs)', 0, 44), ('cosine(0.1)', 45, 449)]
    """
    begun = list(_begun(plan.schedule, 0.0, _clock(plan)))
    found: list[Phase] = []
    for (start, name), (end, _) in pairwise([*begun, (float(plan.horizon), "")]):
        first, last = math.ceil(start), min(math.ceil(end), plan.horizon) - 1
        if first <= last:
            found.append(Phase(name, first, last))
    return found


def resolved(plan: Plan) -> list[str]:
    """Return what every length of the schedule comes to in updates, each said once.

    >>> from stepsize.schedules import cosine
    >>> from stepsize.units import epochs
    >>> resolved((warmup(5 * epochs) >> cosine(0.1)).plan(epochs=50, updates_per_epoch=9))
    ['1 epoch = 9 updates', 'warmup = 45 updates']
    """
    said = [f"1 epoch = {counted(plan.updates_per_epoch, 'update')}"] if plan.updates_per_epoch else []
    clock = _clock(plan)
    for name, written in lengths(plan.schedule):
        if any(length.unit != "updates" for length in written):
            amounts = [spell(length.resolve(clock.run, clock.updates_per_epoch)) for length in written]
            said.append(f"{name} = {', '.join(amounts)} {'update' if amounts == ['1'] else 'updates'}")
    return list(dict.fromkeys(said))


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "update"), counted(1_000, "update")
    ('1 update', '1,000 updates')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _clock(plan: Plan) -> Clock:
    return Clock(plan.horizon, plan.horizon, plan.updates_per_epoch)


def _begun(schedule: Schedule, start: float, clock: Clock) -> Iterator[tuple[float, str]]:
    """Yield when each phase of a schedule that begins at `start` begins, in updates, with its name."""
    own = schedule.duration(clock)
    end = clock.run if own is None else start + own
    staged = [each for each in getattr(schedule, "factors", ()) if isinstance(each, Join)]
    if isinstance(schedule, Join):
        for piece in schedule.pieces:
            yield from _begun(piece, start, clock)
            start += piece.duration(clock) or 0.0
    elif staged:
        yield from _begun(staged[0], start, clock)
    else:
        yield from _inside(schedule, start, end, clock)


def _inside(schedule: Schedule, start: float, end: float, clock: Clock) -> Iterator[tuple[float, str]]:
    """Yield the phases of one family: its warmup, itself, and its decay."""
    rise, fall = getattr(schedule, "warmup", None), getattr(schedule, "decay", None)
    if isinstance(rise, Length):
        yield start, f"{schedule}, warmup"
        start += clock.updates("warmup", rise)
    yield start, str(schedule)
    if isinstance(fall, Length):
        yield end - clock.updates("decay", fall), f"{schedule}, decay"


def lengths(schedule: Schedule) -> Iterator[tuple[str, tuple[Length, ...]]]:
    """Yield the lengths that the parts of a schedule have, by the names users know them by."""
    for name, value in parameters(schedule).items():
        items: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
        if items and all(isinstance(item, Length) for item in items):
            yield ("warmup" if isinstance(schedule, warmup) else name), items
        for item in items:
            if isinstance(item, Schedule):
                yield from lengths(item)
