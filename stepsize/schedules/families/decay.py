"""Schedules that fall to their floor over their length."""

from __future__ import annotations

from dataclasses import KW_ONLY

import numpy as np

from stepsize.checks import spell
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, between, progress, shaped
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import Flag, Level, LevelOrZero, OptionalPeriod, Positive


@family
class constant(Family):
    """Keep one value: rate(t) = value.

    Source: optax' constant_schedule; elsewhere a plain number is enough.

    >>> constant(0.1).plan(updates=3).values
    array([0.1, 0.1, 0.1])
    """

    value: Level
    _: KW_ONLY
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        return np.full_like(t, self.value)

    def expression(self, t: str, clock: Clock, reach: float, out: Functions) -> str:
        return spell(self.value)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return [f"return {spell(self.value)}"]


@family
class linear(Family):
    """Fall in a straight line: peak + (floor - peak) * u, with u = t / length.

    `closed=True` reaches the floor on the last update instead of one update later.

    Source: transformers' get_linear_schedule_with_warmup after its warmup; Keras' PolynomialDecay at power 1.

    >>> linear(0.4).plan(updates=4).values, linear(0.4, closed=True).plan(updates=5).values
    (array([0.4, 0.3, 0.2, 0.1]), array([0.4, 0.3, 0.2, 0.1, 0. ]))
    """

    peak: Level
    _: KW_ONLY
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        return between(self.peak, self.floor, progress(t, clock.horizon, self.closed))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        value = code_text.shaped("linear", self.peak, self.floor)
        return code_text.phase(value, clock.horizon, self.closed, reach)


@family
class polynomial(Family):
    """Fall as a power of the time left: floor + (peak - floor) * (1 - u)^power, with u = t / length.

    Source: Keras' PolynomialDecay, which ends at 0.0001 by default.

    >>> polynomial(1, power=2).plan(updates=4).values
    array([1.    , 0.5625, 0.25  , 0.0625])
    """

    peak: Level
    _: KW_ONLY
    power: Positive
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        left = 1 - progress(t, clock.horizon, self.closed)
        return between(self.floor, self.peak, left**self.power)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        value = code_text.between(self.floor, self.peak, f"(1 - u) ** {spell(self.power)}")
        return code_text.phase(value, clock.horizon, self.closed, reach)


@family
class cosine(Family):
    """Fall along half a cosine: floor + (peak - floor) * (1 + cos(pi * u)) / 2, with u = t / length.

    Source: Loshchilov and Hutter 2017 (arXiv 1608.03983), without restarts.

    >>> cosine(1, floor=0.2).plan(updates=4).values.round(4)
    array([1.    , 0.8828, 0.6   , 0.3172])
    """

    peak: Level
    _: KW_ONLY
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        return shaped("cosine", self.peak, self.floor, progress(t, clock.horizon, self.closed))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        value = code_text.shaped("cosine", self.peak, self.floor)
        return code_text.phase(value, clock.horizon, self.closed, reach)
