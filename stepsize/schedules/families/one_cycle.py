"""Schedules that rise once and fall again."""

from __future__ import annotations

from dataclasses import KW_ONLY
from itertools import pairwise
from typing import Annotated

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules.base import Family, family, not_above
from stepsize.schedules.clock import Clock
from stepsize.schedules.curves import Array, progress, shaped
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
        not_above("start", self.start, "peak", self.peak)
        if self.down is not None:
            not_above("floor", self.floor, "start", self.start)

    def curve(self, t: Array, clock: Clock) -> Array:
        start = self.peak / 25 if self.start is None else self.start
        floor = start / 10_000 if self.floor is None else self.floor
        return _there_and_back(self, t, clock, start, self.peak, floor)

    def momentum(self, high: float = 0.95, low: float = 0.85) -> one_cycle_momentum:
        """Return the momentum that goes with it: `high`, at t = warmup `low`, and `high` again.

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
        not_above("low", self.low, "high", self.high)

    def curve(self, t: Array, clock: Clock) -> Array:
        return _there_and_back(self, t, clock, self.high, self.low, self.high)


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
                f"more than the {clock.horizon:g} there are; shorten one of them"
            )
        stations.insert(2, (there + back, first))
    return _through(stations, cycle.shape, cycle.closed, t)


def _through(stations: list[tuple[float, float]], shape: str, closed: bool, t: Array) -> Array:
    """Return the way through levels at their times; each phase is worked out at its own times only."""
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
        return _through(stations, "linear", self.closed, t)


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
