"""Schedules that rise once and fall again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY
from itertools import pairwise
from typing import Annotated

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, progress, shaped
from stepsize.schedules.family import Family, family, require_not_above
from stepsize.schedules.fields import (
    CountAboveZero,
    Flag,
    Growth,
    Level,
    LevelOrZero,
    OptionalLevelOrZero,
    OptionalPeriod,
    OptionalSpan,
    Period,
    Span,
    one_of,
)
from stepsize.schedules.phase_starts import PhaseStart
from stepsize.units import run, updates

Ways = Annotated[str, one_of("linear", "cosine")]


@family
class one_cycle(Family):
    """Rise from `start` to the peak at t = warmup, then fall to the floor at t = length.

    By default `start` is peak / 25 and `floor` is start / 10,000. With `down=`, the fall has two phases: back
    to `start` in `down` updates, then to the floor in the rest. `closed=True` reaches the floor on the last
    update.

    With v the progress of a phase from a to b, the value is a + (b - a) * v for shape="linear", and
    a + (b - a) * (1 - cos(pi * v)) / 2 for "cosine".

    Source: Smith and Topin 2018 (arXiv 1708.07120), three phases; the two phases that fastai and PyTorch made
    usual are the default.

    >>> one_cycle(1, warmup=0.5 * run, floor=0, shape="linear").plan(updates=4).values
    array([0.04, 0.52, 1.  , 0.5 ])
    >>> three = one_cycle(1, warmup=2 * updates, down=2 * updates, start=0.2, floor=0, shape="linear")
    >>> three.plan(updates=6).values
    array([0.2, 0.6, 1. , 0.6, 0.2, 0.1])
    """

    peak: Level
    _: KW_ONLY
    warmup: Span = 0.3 * run
    down: OptionalSpan = None
    start: OptionalLevelOrZero = None
    floor: OptionalLevelOrZero = None
    shape: Ways = "cosine"
    length: OptionalPeriod = None
    closed: Flag = False

    def validate(self) -> None:
        require_not_above("start", self.start, "peak", self.peak)
        if self.down is not None:
            require_not_above("floor", self.floor, "start", self.start)

    def curve(self, t: Array, clock: Clock) -> Array:
        return _there_and_back(self, t, clock, *self._levels())

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return _there_and_back_code(self, clock, reach, *self._levels())

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return _there_and_back_phases(self, clock)

    def _levels(self) -> tuple[float, float, float]:
        """Return the first level, the turn and the last."""
        start = self.peak / 25 if self.start is None else self.start
        return start, self.peak, start / 10_000 if self.floor is None else self.floor

    def momentum(self, high: float = 0.95, low: float = 0.85) -> one_cycle_momentum:
        """Return the matching momentum: `high`, then `low` at t = warmup, then `high` again.

        >>> one_cycle(1, warmup=0.5 * run, shape="linear").momentum().plan(updates=4).values
        array([0.95, 0.9 , 0.85, 0.9 ])
        """
        return one_cycle_momentum(
            high,
            low=low,
            warmup=self.warmup,
            down=self.down,
            shape=self.shape,
            length=self.length,
            closed=self.closed,
        )


@family
class one_cycle_momentum(Family):
    """Fall from `high` to `low` at t = warmup, then rise to `high` again: a momentum beside `one_cycle`.

    With `down=`, it is back at `high` after `down` updates and stays there; else at t = length. The way
    from a to b is that of `one_cycle`: a + (b - a) * v for shape="linear".

    Source: Smith and Topin 2018 (arXiv 1708.07120), as PyTorch's OneCycleLR cycles momentum.

    >>> one_cycle_momentum(0.95, warmup=0.5 * run, shape="linear").plan(updates=4).values
    array([0.95, 0.9 , 0.85, 0.9 ])
    """

    high: Level
    _: KW_ONLY
    low: LevelOrZero = 0.85
    warmup: Span = 0.3 * run
    down: OptionalSpan = None
    shape: Ways = "cosine"
    length: OptionalPeriod = None
    closed: Flag = False

    def validate(self) -> None:
        require_not_above("low", self.low, "high", self.high)

    def curve(self, t: Array, clock: Clock) -> Array:
        return _there_and_back(self, t, clock, self.high, self.low, self.high)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return _there_and_back_code(self, clock, reach, self.high, self.low, self.high)

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return _there_and_back_phases(self, clock)


def _there_and_back(
    cycle: one_cycle | one_cycle_momentum, t: Array, clock: Clock, first: float, turn: float, last: float
) -> Array:
    """Return the way from `first` to `turn` to `last`, with `down` by way of `first`."""
    there = clock.part("warmup", cycle.warmup)
    stations = [(0.0, first), (there, turn), (clock.horizon, last)]
    if cycle.down is not None:
        back = clock.part("down", cycle.down)
        if there + back > clock.horizon:
            raise ScheduleError(
                f"warmup={cycle.warmup} and down={cycle.down} are {there + back:g} updates together, "
                f"more than the {clock.horizon:g} available; shorten one of them"
            )
        stations.insert(2, (there + back, first))
    return _interpolated(stations, cycle.shape, cycle.closed, t)


def _there_and_back_code(
    cycle: one_cycle | one_cycle_momentum, clock: Clock, reach: float, first: float, turn: float, last: float
) -> list[str]:
    there = clock.part("warmup", cycle.warmup)
    back = [] if cycle.down is None else [(there + clock.part("down", cycle.down), first)]
    stations = [(0.0, first), (there, turn), *back, (clock.horizon, last)]
    return code_text.interpolated(stations, cycle.shape, cycle.closed, reach)


def _there_and_back_phases(cycle: one_cycle | one_cycle_momentum, clock: Clock) -> Iterator[PhaseStart]:
    turn = clock.updates("warmup", cycle.warmup)
    yield 0.0, "warmup"
    yield turn, "decay" if cycle.down is None else "down"
    if cycle.down is not None:
        yield turn + clock.updates("down", cycle.down), "decay"


def _interpolated(stations: list[tuple[float, float]], shape: str, closed: bool, t: Array) -> Array:
    """Return the way through levels at their times; each phase is computed at its own times only."""
    values = np.empty_like(t)
    for number, ((begin, level), (end, goal)) in enumerate(pairwise(stations), start=2):
        final = number == len(stations)
        inside = (t >= begin) & (final | (t < end))
        u = progress(t[inside] - begin, end - begin, closed and final)
        values[inside] = shaped(shape, level, goal, u)
    return values


@family
class slanted_triangular(Family):
    """Rise in a straight line from peak / ratio to the peak at t = warmup, then fall back until t = length.

    The value is peak * (1 + v * (ratio - 1)) / ratio, with v the share of the rise that is done, then that of
    the fall that is left.

    Source: Howard and Ruder 2018 (arXiv 1801.06146).

    >>> slanted_triangular(1, warmup=0.2 * run, ratio=5).plan(updates=10).values.round(4)
    array([0.2, 0.6, 1. , 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    """

    peak: Level
    _: KW_ONLY
    warmup: Span = 0.1 * run
    ratio: Growth = 32.0
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        low = self.peak / self.ratio
        rise = clock.part("warmup", self.warmup)
        stations = [(0.0, low), (rise, self.peak), (clock.horizon, low)]
        return _interpolated(stations, "linear", self.closed, t)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        low, rise = self.peak / self.ratio, clock.part("warmup", self.warmup)
        stations = [(0.0, low), (rise, self.peak), (clock.horizon, low)]
        return code_text.interpolated(stations, "linear", self.closed, reach)

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        yield 0.0, "warmup"
        yield clock.updates("warmup", self.warmup), "decay"


@family
class noam(Family):
    """Rise for `warmup`, then fall as the inverse square root of the updates n.

    The value is scale * d_model^-0.5 * min(n^-0.5, n * W^-1.5), with n = t + offset and W the updates of the
    warmup; its peak is scale / sqrt(d_model * W), at n = W. The first update has n = 1; `offset=0*updates`
    gives it n = 0 and so the rate 0.

    Source: Vaswani et al. 2017 (arXiv 1706.03762).

    >>> noam(8, d_model=64, warmup=4 * updates).plan(updates=6).values.round(4)
    array([0.125 , 0.25  , 0.375 , 0.5   , 0.4472, 0.4082])
    """

    scale: Level
    _: KW_ONLY
    d_model: CountAboveZero
    warmup: Period
    offset: Span = 1 * updates
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        n = t + clock.updates("offset", self.offset)
        rising = n * clock.period("warmup", self.warmup) ** -1.5
        return self.scale / self.d_model**0.5 * np.minimum(1 / np.sqrt(n), rising)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        rise = spell(clock.period("warmup", self.warmup))
        scale = f"{spell(self.scale)} / sqrt({self.d_model})"
        return [
            f"n = t + {spell(clock.updates('offset', self.offset))}",
            f"if n < {rise}:",
            f"    return {scale} * n / {rise}**1.5",
            f"return {scale} / sqrt(n)",
        ]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        turn = clock.updates("warmup", self.warmup) - clock.updates("offset", self.offset)
        yield 0.0, "warmup"
        yield max(turn, 0.0), "decay"
