"""The parts of a single schedule: its stages, drops, values and cycles, and when each begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Clock
from stepsize.schedules.families.cyclic import (
    cosine_restarts,
    cycles,
    exp_range,
    sawtooth,
    sine,
    triangular,
    triangular2,
)
from stepsize.schedules.families.decay import exponential, natural_exponential
from stepsize.schedules.families.one_cycle import noam, one_cycle, one_cycle_momentum, slanted_triangular
from stepsize.schedules.families.papers import chebyshev
from stepsize.schedules.families.piecewise import piecewise_constant, piecewise_interpolated
from stepsize.schedules.families.warmup_stable_decay import flat_cosine, multistep, step_decay, wsd
from stepsize.schedules.resumed import resumed
from stepsize.schedules.wrappers import repeat
from stepsize.units import Length

MOST, LAST = 12, 3  # parts of one piece that are listed, and how many of them are its last
HELD = "end value holds"


def parts_of(schedule: Schedule, clock: Clock) -> Iterator[tuple[float, str]]:
    """Yield when each part of a single schedule begins, with its name."""
    match schedule:
        case one_cycle() | one_cycle_momentum():
            turn = clock.updates("warmup", schedule.warmup)
            yield from [(0.0, "warmup"), (turn, "decay" if schedule.down is None else "down")]
            if schedule.down is not None:
                yield turn + clock.updates("down", schedule.down), "decay"
        case slanted_triangular():
            yield from [(0.0, "warmup"), (clock.updates("warmup", schedule.warmup), "decay")]
        case noam():
            turn = clock.updates("warmup", schedule.warmup) - clock.updates("offset", schedule.offset)
            yield from [(0.0, "warmup"), (max(turn, 0.0), "decay")]
        case wsd() | flat_cosine():
            decay = clock.horizon - clock.updates("decay", schedule.decay)
            yield from [(0.0, "stable"), (decay, "decay")]
        case multistep():
            times = _within(clock, schedule.at)
            yield 0.0, ""
            yield from _listed("drop", len(times), times.__getitem__)
        case piecewise_constant():
            times = [0.0, *_within(clock, schedule.at)]
            yield from _listed("value", len(times), times.__getitem__)
        case piecewise_interpolated():
            times = [0.0, *clock.times("at", schedule.at)]
            yield from _listed("way", len(times) - 1, times.__getitem__)
            yield times[-1], HELD
        case step_decay():
            yield from _drops(schedule.every, clock, schedule.offset)
        case exponential(staircase=True, every=Length() as every):
            yield from _drops(every, clock)
        case natural_exponential(staircase=True):
            yield from _drops(schedule.every, clock)
        case triangular() | triangular2() | exp_range():
            down = schedule.up if schedule.down is None else schedule.down
            yield from _cycles(clock.updates("up", schedule.up) + clock.updates("down", down), clock)
        case sine():
            yield from _cycles(2 * clock.updates("up", schedule.up), clock)
        case sawtooth():
            yield from _cycles(clock.updates("every", schedule.every), clock)
        case chebyshev():
            yield from _cycles(schedule.steps * clock.updates("every", schedule.every), clock)
        case cosine_restarts():
            first = clock.updates("first", schedule.first)
            yield from _cycles(first, clock, schedule.growth, schedule.cycles)
        case resumed():
            yield from [(0.0, "as it was"), (clock.updates("at", schedule.at), schedule.policy)]
        case repeat():
            first = schedule.schedule.duration(clock)
            assert first is not None  # a schedule without an end cannot be repeated
            yield from _cycles(first, clock, schedule.growth, schedule.times)


def _within(clock: Clock, at: Sequence[Length]) -> list[float]:
    return [time for time in clock.times("at", at) if time < clock.horizon]


def _drops(every: Length, clock: Clock, offset: Length | None = None) -> Iterator[tuple[float, str]]:
    """Yield the drops of a staircase; those of every epoch are left to the rates by epoch."""
    each = clock.updates("every", every)
    if each <= (clock.updates_per_epoch or 1):
        return
    ahead = 0.0 if offset is None else clock.updates("offset", offset)
    before = math.floor(ahead / each)  # drops that have happened at the first update
    count = math.ceil((clock.horizon + ahead) / each) - 1 - before
    yield 0.0, ""
    yield from _listed("drop", count, lambda index: (before + 1 + index) * each - ahead)


def _cycles(
    first: float, clock: Clock, growth: float = 1.0, most: int | None = None
) -> Iterator[tuple[float, str]]:
    """Yield the cycles of which the first has `first` updates and each later one `growth` times as many."""

    def begin(index: int) -> float:
        return round(first * float((growth ** np.arange(index)).sum()), 9)

    index, *_ = cycles(np.array([np.nextafter(clock.horizon, 0)]), first, growth, most)
    count = int(index.max()) + 1
    yield from _listed("cycle", count, begin)
    if count == most:
        yield begin(count), HELD


def _listed(noun: str, count: int, begin: Callable[[int], float]) -> Iterator[tuple[float, str]]:
    """Yield numbered parts; the middle of a long list is one part."""
    head = count if count <= MOST else MOST - LAST - 1
    yield from ((begin(index), f"{noun} {index + 1}") for index in range(head))
    if head < count:
        yield begin(head), f"... {count - head - LAST:,} more"
        yield from ((begin(index), f"{noun} {index + 1}") for index in range(count - LAST, count))
