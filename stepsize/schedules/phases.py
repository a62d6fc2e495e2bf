"""The phases of a plan: which piece of its schedule rules which updates, and every length in updates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from stepsize.checks import spell
from stepsize.schedules.base import Schedule, parameters
from stepsize.schedules.clock import Clock
from stepsize.schedules.families.warmup_stable_decay import warmup
from stepsize.schedules.family import Family
from stepsize.schedules.operators import Join, Product, Sum
from stepsize.schedules.phase_starts import HELD
from stepsize.schedules.plan import Plan
from stepsize.schedules.wrappers import Wrapper, per_epoch, repeat
from stepsize.units import Length

Start = tuple[float, str, str]
"""When a phase begins, in updates, with its piece and its part."""


@dataclass(frozen=True)
class Phase:
    """The updates from `first` to `last`, both included, ruled by one piece of a schedule or a part of it."""

    piece: str
    part: str  # such as "decay" or "cycle 2"; empty for a piece of one part
    first: int
    last: int


def phases(plan: Plan) -> list[Phase]:
    """Return the phases of a plan in order; a schedule of one piece without parts has one.

    The parts are stages, drops and cycles; the middle of a long list of them is one phase, "... 12 more".

    >>> from stepsize.schedules import warmup, wsd
    >>> from stepsize.units import epochs, run
    >>> plan = (warmup(5 * epochs) >> wsd(0.1, decay=0.2 * run)).plan(epochs=50, updates_per_epoch=9)
    >>> [(phase.piece[:6], phase.part, phase.first, phase.last) for phase in phases(plan)]
    [('warmup', '', 0, 44), ('wsd(0.', 'stable', 45, 359), ('wsd(0.', 'decay', 360, 449)]
    """
    starts = _starts(plan.schedule, _clock(plan))
    result: list[Phase] = []
    for (start, piece, part), (end, *_) in pairwise([*starts, (float(plan.horizon), "", "")]):
        first, last = math.ceil(start), min(math.ceil(end), plan.horizon) - 1
        if first <= last:
            result.append(Phase(piece, part, first, last))
    return result


def resolved(plan: Plan) -> list[str]:
    """Return the length of the run, and every length of the schedule in updates, each once.

    >>> from stepsize.schedules import cosine, warmup
    >>> from stepsize.units import epochs
    >>> resolved((warmup(5 * epochs) >> cosine(0.1)).plan(epochs=50, updates_per_epoch=9))
    ['50 epochs = 450 updates', '1 epoch = 9 updates', 'warmup = 45 updates']
    """
    lines = [_run(plan)]
    if plan.updates_per_epoch:
        lines.append(f"1 epoch = {counted(plan.updates_per_epoch, 'update')}")
    clock = _clock(plan)
    for name, written in lengths(plan.schedule):
        if any(length.unit != "updates" for length in written):
            amounts = [spell(length.resolve(clock.run, clock.updates_per_epoch)) for length in written]
            lines.append(f"{name} = {', '.join(amounts)} {'update' if amounts == ['1'] else 'updates'}")
    return list(dict.fromkeys(lines))


def _run(plan: Plan) -> str:
    if not plan.updates_per_epoch:
        return counted(plan.horizon, "update")
    whole, rest = divmod(plan.horizon, plan.updates_per_epoch)
    run = f"{counted(whole, 'epoch')} = {counted(whole * plan.updates_per_epoch, 'update')}"
    return run if not rest else f"{run}, and {rest} more"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "update"), counted(1_000, "update")
    ('1 update', '1,000 updates')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _clock(plan: Plan) -> Clock:
    return Clock(plan.horizon, plan.horizon, plan.updates_per_epoch)


def _starts(schedule: Schedule, clock: Clock) -> list[Start]:
    """Return when each phase of a schedule begins, counted from its own beginning."""
    if isinstance(schedule, Join):
        return list(_joined(schedule, clock))
    duration = schedule.duration(clock)
    local = clock if duration is None else replace(clock, horizon=duration)
    starts = [start for start in _inside(schedule, local) if start[0] < local.horizon]
    if len(starts) < 2:
        starts = [(0.0, str(schedule), "")]
    return starts if duration is None else [*starts, (duration, str(schedule), HELD)]


def _joined(schedule: Join, clock: Clock) -> Iterator[Start]:
    begin = 0.0
    for piece in schedule.pieces:
        for at, name, part in _starts(piece, replace(clock, horizon=clock.horizon - begin)):
            yield begin + at, name, part
        begin += piece.duration(clock) or 0.0


def _inside(schedule: Schedule, clock: Clock) -> list[Start]:
    """Return the starts inside a schedule other than a join; none if it has a single phase."""
    inner: tuple[Schedule, ...] = ()
    if isinstance(schedule, Product):
        inner = schedule.factors
    elif isinstance(schedule, Sum):
        inner = schedule.terms
    elif isinstance(schedule, Wrapper) and not isinstance(schedule, repeat):
        inner = (schedule.schedule,)
    for each in inner:
        starts = [start for start in _starts(each, clock) if start[0] < clock.horizon]
        if len(starts) > 1:
            return _at_epochs(starts, clock) if isinstance(schedule, per_epoch) else starts
    if not isinstance(schedule, Family):
        return []
    return [(at, str(schedule), part) for at, part in schedule.phases(clock)]


def _at_epochs(starts: list[Start], clock: Clock) -> list[Start]:
    """Return the starts under `per_epoch`, where each phase waits for the next epoch."""
    each = clock.updates_per_epoch or 1
    return [(math.ceil(at / each) * each, piece, part) for at, piece, part in starts]


def counts_epochs(schedule: Schedule) -> bool:
    """Return whether a schedule needs to know the updates of an epoch.

    >>> from stepsize.units import epochs, updates
    >>> counts_epochs(warmup(5 * epochs)), counts_epochs(warmup(5 * updates))
    (True, False)
    """
    inside = [item for value in parameters(schedule).values() for item in _items(value)]
    return isinstance(schedule, per_epoch) or any(
        counts_epochs(item) if isinstance(item, Schedule) else getattr(item, "unit", None) == "epochs"
        for item in inside
    )


def lengths(schedule: Schedule) -> Iterator[tuple[str, tuple[Length, ...]]]:
    """Yield the lengths in a schedule and its parts, with the names that users write."""
    for name, value in parameters(schedule).items():
        items = _items(value)
        if items and all(isinstance(item, Length) for item in items):
            yield ("warmup" if isinstance(schedule, warmup) else name), items
        for item in items:
            if isinstance(item, Schedule):
                yield from lengths(item)


def _items(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
