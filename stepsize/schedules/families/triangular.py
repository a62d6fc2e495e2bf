"""Triangles: schedules that climb and fall in straight lines, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY

import numpy as np

from stepsize.checks import spell
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, between, decaying, powers
from stepsize.schedules.cycles import cycle_phases, cycles, cycles_code
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import Factor, Level, LevelOrZero, OptionalPeriod, Period
from stepsize.schedules.phase_starts import PhaseStart
from stepsize.units import Length


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

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        height = code_text.between(self.floor, self.peak, "height")
        return [*_triangle_code(self, clock, reach, out), f"return {height}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return _triangle_phases(self, clock)


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

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        lines = _triangle_code(self, clock, reach, out)
        share = "height * 0.5 ** cycle"
        return [*lines, f"return {code_text.between(self.floor, self.peak, share)}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return _triangle_phases(self, clock)


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

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        lines = _triangle_code(self, clock, reach, out)
        share = "height" + code_text.factors((self.factor, "t"))
        return [*lines, f"return {code_text.between(self.floor, self.peak, share)}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return _triangle_phases(self, clock)


Triangle = triangular | triangular2 | exp_range


def _triangle_code(wave: Triangle, clock: Clock, reach: float, out: Functions) -> list[str]:
    """Return the lines that define the height of a triangle, and the number of its cycle."""
    rise = clock.period("up", wave.up)
    fall = rise if wave.down is None else clock.period("down", wave.down)
    lines, _ = cycles_code(out, reach, rise + fall)
    up, down = f"since / {spell(rise)}", f"1 - (since - {spell(rise)}) / {spell(fall)}"
    return [*lines, f"height = {up} if since < {spell(rise)} else {down}"]


def _triangle_phases(wave: Triangle, clock: Clock) -> Iterator[PhaseStart]:
    down = wave.up if wave.down is None else wave.down
    return cycle_phases(clock, clock.updates("up", wave.up) + clock.updates("down", down))
