"""Waves, teeth and restarts: schedules that come back again and again along a curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Annotated

import numpy as np

from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import WEIGHTS, Array, between, decaying, powers
from stepsize.schedules.cycles import cycle_phases, cycles, cycles_code
from stepsize.schedules.family import Family, family
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
from stepsize.schedules.phase_starts import PhaseStart


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

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        lines, length = cycles_code(out, reach, 2 * clock.period("up", self.up))
        share = f"sin(pi * since / {length})" + _shrinking_code(self)
        return [*lines, f"return {code_text.between(self.floor, self.peak, share)}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return cycle_phases(clock, 2 * clock.updates("up", self.up))


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

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        lines, length = cycles_code(out, reach, clock.period("every", self.every))
        heights = {"linear": "left", "sine": "sin(pi * left / 2)", "cosine": "(1 - cos(pi * left)) / 2"}
        value = code_text.between(self.floor, self.peak, heights[self.shape] + _shrinking_code(self))
        return [*lines, f"left = 1 - since / {length}", f"return {value}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return cycle_phases(clock, clock.updates("every", self.every))


def _shrinking(wave: sine | sawtooth, index: Array, t: Array) -> Array:
    """Return how high a wave is in cycle `index` at update `t`, as a share of its first height."""
    share = powers(wave.cycle_factor, index)
    return share if wave.update_factor == 1 else share * decaying(wave.update_factor, t)


def _shrinking_code(wave: sine | sawtooth) -> str:
    return code_text.factors((wave.cycle_factor, "cycle"), (wave.update_factor, "t"))


@family
class cosine_restarts(Family):
    """Fall along half a cosine in `first` updates, start again at the peak, and repeat.

    Each cycle lasts `growth` times as long as the one before, and its height above the floor is `factor`
    times as large. Without `cycles` it repeats to the end of the run; after the last one, the floor holds.
    In cycle i, from 0, the value is floor + (peak - floor) * factor^i * (1 + cos(pi * v)) / 2, with v the
    share of its first * growth^i updates that is done.

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

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        first = clock.period("first", self.first)
        lines, length = cycles_code(out, reach, first, self.growth, self.cycles)
        share = f"(1 + cos(pi * since / {length})) / 2" + code_text.factors((self.factor, "cycle"))
        return [*lines, f"return {code_text.between(self.floor, self.peak, share)}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        first = clock.updates("first", self.first)
        return cycle_phases(clock, first, self.growth, self.cycles)
