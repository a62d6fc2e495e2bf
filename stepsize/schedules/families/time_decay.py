"""Schedules that fall at a pace of their own, however long the run is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY
from functools import lru_cache

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, decaying, progress, shaped
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import (
    Flag,
    Level,
    NonNegative,
    OptionalFactor,
    OptionalLevel,
    OptionalPeriod,
    Period,
    Positive,
)
from stepsize.schedules.phase_starts import PhaseStart, drops
from stepsize.units import updates


@family
class exponential(Family):
    """Fall by the same factor at each step, to a `floor` or by `factor` per `every`.

    With a floor: peak * (floor / peak)^(t / length). With a factor: peak * factor^(t / every), where
    `staircase=True` rounds t / every down.

    Source: Keras' ExponentialDecay by `factor` and `every`; fastai's SchedExp by `floor`.

    >>> exponential(1, floor=0.01).plan(updates=4).values.round(4)
    array([1.    , 0.3162, 0.1   , 0.0316])
    >>> exponential(1, factor=0.5, every=2 * updates, staircase=True).plan(updates=4).values
    array([1. , 1. , 0.5, 0.5])
    """

    peak: Level
    _: KW_ONLY
    floor: OptionalLevel = None
    factor: OptionalFactor = None
    every: OptionalPeriod = None
    staircase: Flag = False
    length: OptionalPeriod = None
    closed: Flag = False

    def validate(self) -> None:
        by_factor = self.factor is not None and self.every is not None
        if (self.factor is None) != (self.every is None) or by_factor == (self.floor is not None):
            raise ScheduleError(
                "exponential takes either floor=, or factor= with every=; write one of the two"
            )
        if by_factor and self.closed:
            raise ScheduleError("closed=True needs the floor= that the last update reaches; write floor=")
        if not by_factor and self.staircase:
            raise ScheduleError("staircase=True needs factor= and every=; write them instead of floor=")

    def curve(self, t: Array, clock: Clock) -> Array:
        if self.floor is not None:
            return shaped("exponential", self.peak, self.floor, progress(t, clock.horizon, self.closed))
        assert self.factor is not None  # validate
        assert self.every is not None
        steps = t / clock.period("every", self.every)
        return self.peak * decaying(self.factor, np.floor(steps) if self.staircase else steps)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        if self.floor is not None:
            value = code_text.shaped("exponential", self.peak, self.floor)
            return code_text.phase(value, clock.horizon, self.closed, reach)
        assert self.factor is not None  # validate
        assert self.every is not None
        steps = code_text.steps(clock, self.every, self.staircase)
        return [f"return {spell(self.peak)} * {spell(self.factor)} ** {steps}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        if self.every is not None and self.staircase:
            yield from drops(clock, self.every)


@family
class natural_exponential(Family):
    """Fall as a power of e: peak * exp(-rate * p), with p = t / every, rounded down by `staircase=True`.

    Source: TensorFlow 1's natural_exp_decay.

    >>> natural_exponential(1, rate=0.5).plan(updates=3).values.round(4)
    array([1.    , 0.6065, 0.3679])
    """

    peak: Level
    _: KW_ONLY
    rate: NonNegative
    every: Period = 1 * updates
    staircase: Flag = False
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        steps = t / clock.period("every", self.every)
        return self.peak * np.exp(-self.rate * (np.floor(steps) if self.staircase else steps))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        steps = code_text.steps(clock, self.every, self.staircase)
        return [f"return {spell(self.peak)} * exp(-{spell(self.rate)} * {steps})"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        if self.staircase:
            yield from drops(clock, self.every)


@family
class inverse_time(Family):
    """Fall as the inverse of time: peak / (1 + rate * p), with p = floor(t / every).

    `every=1*updates` is the `decay=` of early Keras. `compounding=True` divides again at each step, as
    tables computed by hand often do: value_p = value_(p-1) / (1 + rate * p). `staircase=False` keeps p =
    t / every.

    Source: Keras' InverseTimeDecay, and the `decay=` of Keras optimizers before it.

    >>> inverse_time(0.1, rate=0.5).plan(updates=3).values.round(4)
    array([0.1   , 0.0667, 0.05  ])
    >>> inverse_time(0.1, rate=0.5, compounding=True).plan(updates=3).values.round(4)
    array([0.1   , 0.0667, 0.0333])
    """

    peak: Level
    _: KW_ONLY
    rate: NonNegative
    every: Period = 1 * updates
    compounding: Flag = False
    staircase: Flag = True
    length: OptionalPeriod = None

    def validate(self) -> None:
        if self.compounding and not self.staircase:
            raise ScheduleError("compounding=True takes whole steps; leave staircase=False out")

    def curve(self, t: Array, clock: Clock) -> Array:
        every = clock.period("every", self.every)
        steps = np.floor(t / every) if self.staircase else t / every
        if not self.compounding:
            return self.peak / (1 + self.rate * steps)
        return self.peak / _divisors(self.rate, int(clock.horizon / every) + 1)[steps.astype(np.int64)]

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        if not self.compounding:
            steps = code_text.steps(clock, self.every, self.staircase)
            return [f"return {spell(self.peak)} / (1 + {spell(self.rate)} * {steps})"]
        every = clock.period("every", self.every)
        divided = f"lambda rate, n: rate / (1 + {spell(self.rate)} * n)"
        table = f"list(accumulate(range(1, {int(reach / every) + 1}), {divided}, initial={self.peak}))"
        return [f"return {out.constant('STAIRS', table)}[{code_text.index('t', every)}]"]


@lru_cache(maxsize=2)
def _divisors(rate: float, count: int) -> Array:
    """Return the products of 1 + rate * p; cached, because long plans are evaluated in passes."""
    return np.cumprod(1 + rate * np.arange(count), dtype=np.float64)


@family
class inverse_sqrt(Family):
    """Fall as the inverse square root of time: peak / sqrt(1 + t / timescale).

    Source: the decay of Vaswani et al. 2017 (arXiv 1706.03762); after a warmup of W updates,
    `timescale=W*updates` is their rule.

    >>> inverse_sqrt(1, timescale=1 * updates).plan(updates=4).values.round(4)
    array([1.    , 0.7071, 0.5774, 0.5   ])
    """

    peak: Level
    _: KW_ONLY
    timescale: Period
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        return self.peak / np.sqrt(1 + t / clock.period("timescale", self.timescale))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        timescale = spell(clock.period("timescale", self.timescale))
        return [f"return {spell(self.peak)} / sqrt(1 + t / {timescale})"]


@family
class power_law(Family):
    """Fall as a power of time: peak * (1 + t / timescale)^-power.

    Source: the policy "inv" of Caffe, with gamma = 1 / timescale; the stable phase of Shen et al. 2024 (arXiv
    2408.13359).

    >>> power_law(1, power=2, timescale=1 * updates).plan(updates=3).values.round(4)
    array([1.    , 0.25  , 0.1111])
    """

    peak: Level
    _: KW_ONLY
    power: Positive
    timescale: Period
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        return self.peak * (1 + t / clock.period("timescale", self.timescale)) ** -self.power

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        timescale = spell(clock.period("timescale", self.timescale))
        return [f"return {spell(self.peak)} * (1 + t / {timescale}) ** -{spell(self.power)}"]
