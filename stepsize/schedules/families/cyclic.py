"""Schedules that come back again and again: triangles, waves, teeth and restarts."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Annotated

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules.base import Family, family
from stepsize.schedules.clock import Clock
from stepsize.schedules.curves import WEIGHTS, Array, between, decaying, powers
from stepsize.schedules.fields import (
    Factor,
    Growth,
    Level,
    LevelOrZero,
    OptionalCount,
    OptionalPeriod,
    Period,
    one_of,
)
from stepsize.units import Length


def cycles(
    t: Array, first: float, growth: float = 1.0, count: int | None = None
) -> tuple[Array, Array, Array]:
    """Return for each `t` the number of its cycle, the time since that began, and the length it has.

    The first cycle has `first` updates and each later one `growth` times those of the one before. A `t` after
    the last of `count` cycles stays at the end of it. Numbers and lengths are single if all `t` share them.

    >>> [part.tolist() for part in cycles(np.array([0.0, 9.0, 10.0, 35.0]), first=10, growth=2)]
    [[0.0, 0.0, 1.0, 2.0], [0.0, 9.0, 0.0, 5.0], [10.0, 10.0, 20.0, 40.0]]
    """
    if first < 1:
        raise ScheduleError(f"a cycle of {first:g} updates is too short; write at least 1*updates")
    if growth == 1:
        index = np.floor(t / first)
        index += first * (index + 1) <= t  # where rounding moved t / first across a whole number
        index -= first * index > t
        index = shared(index if count is None else np.minimum(index, count - 1))
        return index, np.minimum(t - first * index, first), np.array(first)
    needed = np.log1p(t.max(initial=0) / first * (growth - 1)) / np.log(growth)
    lengths = first * growth ** np.arange(int(needed) + 2, dtype=np.float64)
    # The binary noise of the sums is taken off, so that no restart is missed.
    starts = np.round(np.cumsum(lengths) - lengths, 9)
    # Few cycles are within reach of one pass of a long plan, and often it is a single one.
    low, high = np.searchsorted(starts, [t.min(initial=np.inf), t.max(initial=0)], side="right")
    index = low - 1 + np.searchsorted(starts[low:high], t if low < high else t[:1], side="right")
    if count is not None:
        index = np.minimum(index, count - 1)
    length = lengths[index]
    return index.astype(np.float64), np.minimum(t - starts[index], length), length


def shared(numbers: Array) -> Array:
    """Return the one number that all of them are, or the array; in most passes of a long plan it is one.

    >>> shared(np.array([2.0, 2.0])), shared(np.array([2.0, 3.0]))
    (array([2.]), array([2., 3.]))
    """
    return numbers[:1] if (numbers == numbers[:1]).all() else numbers


def _triangle(t: Array, clock: Clock, up: Length, down: Length | None) -> tuple[Array, Array]:
    """Return the number of the cycle and the height, from 0 to 1 in `up` and back in `down` updates."""
    rise = clock.period("up", up)
    fall = rise if down is None else clock.period("down", down)
    index, since, _ = cycles(t, rise + fall)
    return index, np.where(since < rise, since / rise, 1 - (since - rise) / fall)


@family
class triangular(Family):
    """Climb from the floor to the peak in `up` updates, fall back in `down` (default: as many), and repeat.

    The value is floor + (peak - floor) * v, with s the time since the cycle began and v = s / up while it
    climbs, 1 - (s - up) / down while it falls.

    Source: Smith 2017 (arXiv 1506.01186), as in PyTorch's CyclicLR.

    >>> from stepsize.units import updates
    >>> triangular(1, floor=0.2, up=2 * updates).plan(updates=6).values
    array([0.2, 0.6, 1. , 0.6, 0.2, 0.6])
    """

    peak: Level
    _: KW_ONLY
    floor: LevelOrZero = 0.0
    up: Period
    down: OptionalPeriod = None
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        _, height = _triangle(t, clock, self.up, self.down)
        return between(self.floor, self.peak, height)


@family
class triangular2(Family):
    """Repeat `triangular`, each cycle half as high above the floor as the one before.

    The value is floor + (peak - floor) * v * 0.5^i in cycle i, from 0, with the v of `triangular`.

    Source: Smith 2017 (arXiv 1506.01186).

    >>> from stepsize.units import updates
    >>> triangular2(1, up=2 * updates).plan(updates=8).values
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25])
    """

    peak: Level
    _: KW_ONLY
    floor: LevelOrZero = 0.0
    up: Period
    down: OptionalPeriod = None
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        index, height = _triangle(t, clock, self.up, self.down)
        return between(self.floor, self.peak, height * powers(0.5, index))


@family
class exp_range(Family):
    """Repeat `triangular`, its height above the floor times factor^t.

    The value is floor + (peak - floor) * v * factor^t, with the v of `triangular`.

    Source: Smith 2017 (arXiv 1506.01186); the factor counts updates, not cycles.

    >>> from stepsize.units import updates
    >>> exp_range(1, factor=0.5, up=1 * updates).plan(updates=4).values
    array([0.   , 0.5  , 0.   , 0.125])
    """

    peak: Level
    _: KW_ONLY
    factor: Factor
    floor: LevelOrZero = 0.0
    up: Period
    down: OptionalPeriod = None
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        _, height = _triangle(t, clock, self.up, self.down)
        return between(self.floor, self.peak, height * decaying(self.factor, t))


@family
class sine(Family):
    """Follow |sin(pi * t / (2 * up))| from the floor to the peak in `up` updates, back again, and repeat.

    The height above the floor is multiplied by `cycle_factor` after each cycle and by `update_factor` after
    each update.

    Source: the SIN policies of LRBench (Wu et al. 2019, arXiv 1908.06477).

    >>> from stepsize.units import updates
    >>> sine(1, up=2 * updates, cycle_factor=0.5).plan(updates=7).values.round(4)
    array([0.    , 0.7071, 1.    , 0.7071, 0.    , 0.3536, 0.5   ])
    """

    peak: Level
    _: KW_ONLY
    floor: LevelOrZero = 0.0
    up: Period
    cycle_factor: Factor = 1.0
    update_factor: Factor = 1.0
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        index, since, length = cycles(t, 2 * clock.period("up", self.up))
        height = np.sin(np.pi * since / length)
        return between(self.floor, self.peak, height * _shrinking(self, index, t))


@family
class sawtooth(Family):
    """Fall from the peak to the floor in `every` updates, start again at the peak, and repeat.

    With v the share of the cycle that is left, the height above the floor is v, sin(pi * v / 2) for
    shape="sine", or (1 - cos(pi * v)) / 2 for "cosine". It is multiplied by `cycle_factor` after each cycle
    and by `update_factor` after each update.

    Source: the RSW policies of LRBench (Wu et al. 2019, arXiv 1908.06477).

    >>> from stepsize.units import updates
    >>> sawtooth(1, every=4 * updates, cycle_factor=0.5).plan(updates=6).values
    array([1.   , 0.75 , 0.5  , 0.25 , 0.5  , 0.375])
    """

    peak: Level
    _: KW_ONLY
    floor: LevelOrZero = 0.0
    every: Period
    shape: Annotated[str, one_of("linear", "sine", "cosine")] = "linear"
    cycle_factor: Factor = 1.0
    update_factor: Factor = 1.0
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        index, since, length = cycles(t, clock.period("every", self.every))
        left = 1 - since / length
        height = np.sin(np.pi * left / 2) if self.shape == "sine" else WEIGHTS[self.shape](left)
        return between(self.floor, self.peak, height * _shrinking(self, index, t))


def _shrinking(wave: sine | sawtooth, index: Array, t: Array) -> Array:
    """Return how high a wave is in cycle `index` at update `t`, as a share of its first height."""
    share = powers(wave.cycle_factor, index)
    return share if wave.update_factor == 1 else share * decaying(wave.update_factor, t)


@family
class cosine_restarts(Family):
    """Fall along half a cosine in `first` updates, start again at the peak, and repeat.

    Each cycle lasts `growth` times as long as the one before, and its height above the floor is `factor`
    times as large. Without `cycles` it goes on to the end of the run; after the last one, the floor holds.
    In cycle i, from 0, the value is floor + (peak - floor) * factor^i * (1 + cos(pi * v)) / 2, with v the
    share that is done of its first * growth^i updates.

    Source: Loshchilov and Hutter 2017 (arXiv 1608.03983).

    >>> from stepsize.units import updates
    >>> cosine_restarts(1, first=2 * updates, growth=2, factor=0.5).plan(updates=7).values.round(4)
    array([1.    , 0.5   , 0.5   , 0.4268, 0.25  , 0.0732, 0.25  ])
    """

    peak: Level
    _: KW_ONLY
    first: Period
    growth: Growth = 1.0
    factor: Factor = 1.0
    floor: LevelOrZero = 0.0
    cycles: OptionalCount = None
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        first = clock.period("first", self.first)
        index, since, length = cycles(t, first, self.growth, self.cycles)
        left = 1 - WEIGHTS["cosine"](since / length)
        return between(self.floor, self.peak, left * powers(self.factor, index))
