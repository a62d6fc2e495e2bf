"""Schedules that several libraries have and no family of `families` covers."""

from __future__ import annotations

from dataclasses import KW_ONLY, replace
from typing import Annotated

import numpy as np

from stepsize.checks import spell
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, decaying, progress
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import (
    Flag,
    Level,
    LevelOrZero,
    NonNegative,
    OptionalLevelOrZero,
    OptionalPeriod,
    Period,
    Positive,
    one_of,
)
from stepsize.schedules.wrappers import Inner


@family
class cut(Family):
    """Follow another schedule for `length` and drop the rest of it; jump to `end` there if that is set.

    The other schedule runs as if it had the whole run.

    >>> from stepsize.schedules import linear
    >>> from stepsize.units import updates
    >>> cut(linear(0.4, length=8 * updates), length=2 * updates, end=0).plan(updates=4).values
    array([0.4 , 0.35, 0.  , 0.  ])
    """

    schedule: Inner
    _: KW_ONLY
    length: Period
    end: OptionalLevelOrZero = None

    def curve(self, t: Array, clock: Clock) -> Array:
        values = self.schedule.evaluate(t, replace(clock, horizon=float(clock.run)))
        return values if self.end is None else np.where(t < clock.horizon, values, self.end)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        value = self.schedule.expression("t", replace(clock, horizon=float(clock.run)), reach, out)
        if self.end is None:
            return [f"return {value}"]
        return [f"if t < {spell(clock.horizon)}:", f"    return {value}", f"return {spell(self.end)}"]


@family
class geometric(Family):
    """Multiply by any `factor` per `every`, above 1 too: start * factor^(t / every).

    `staircase=True` rounds t / every down. `exponential` is the same for factors up to 1.

    >>> from stepsize.units import updates
    >>> geometric(0.1, factor=2, every=1 * updates).plan(updates=4).values
    array([0.1, 0.2, 0.4, 0.8])
    """

    start: Level
    _: KW_ONLY
    factor: NonNegative
    every: Period
    staircase: Flag = False
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        steps = t / clock.period("every", self.every)
        return self.start * decaying(self.factor, np.floor(steps) if self.staircase else steps)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        steps = code_text.steps(clock, self.every, self.staircase)
        return [f"return {spell(self.start)} * {spell(self.factor)} ** {steps}"]


@family
class power_curve(Family):
    """Go from `start` to `end`, up or down: end + (start - end) * (1 - u)^power, with u = t / length.

    `exponent` is applied to a half cosine instead of `1 - u` where `shape="cosine"`.

    Source: polynomial and cosine schedules of Keras and optax, which also rise; `polynomial` only falls.

    >>> power_curve(0.1, end=0.5, power=1).plan(updates=4).values
    array([0.1, 0.2, 0.3, 0.4])
    """

    start: LevelOrZero
    _: KW_ONLY
    end: LevelOrZero
    power: Positive
    shape: Annotated[str, one_of("linear", "cosine")] = "linear"
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        u = progress(t, clock.horizon)
        left = 1 - u if self.shape == "linear" else (1 + np.cos(np.pi * u)) / 2
        return self.end + (self.start - self.end) * left**self.power

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        left = "(1 - u)" if self.shape == "linear" else "((1 + cos(pi * u)) / 2)"
        way = f"({spell(self.start)} - {spell(self.end)}) * {left} ** {spell(self.power)}"
        return [f"u = t / {spell(clock.horizon)}", f"return {spell(self.end)} + {way}"]
