"""Schedules that fall along one formula."""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import lru_cache

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules.base import Family, family
from stepsize.schedules.clock import Clock
from stepsize.schedules.curves import Array, between, decaying, progress, shaped
from stepsize.schedules.fields import (
    Flag,
    Level,
    LevelOrZero,
    NonNegative,
    OptionalFactor,
    OptionalLevel,
    OptionalPeriod,
    Period,
    Positive,
)
from stepsize.units import updates


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


@family
class polynomial(Family):
    """Fall as a power of the time left: floor + (peak - floor) * (1 - u)^power, with u = t / length.

    Source: Keras' PolynomialDecay, which ends at 0.0001 unless told otherwise.

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


@family
class inverse_time(Family):
    """Fall as the inverse of time: peak / (1 + rate * p), with p = floor(t / every).

    `every=1*updates` is the `decay=` of early Keras. `compounding=True` divides again at each step, as
    tables worked out by hand often do: value_p = value_(p-1) / (1 + rate * p). `staircase=False` keeps p =
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
            raise ScheduleError("compounding=True goes in whole steps; leave staircase=False out")

    def curve(self, t: Array, clock: Clock) -> Array:
        every = clock.period("every", self.every)
        steps = np.floor(t / every) if self.staircase else t / every
        if not self.compounding:
            return self.peak / (1 + self.rate * steps)
        return self.peak / _divisors(self.rate, int(clock.horizon / every) + 1)[steps.astype(np.int64)]


@lru_cache(maxsize=2)
def _divisors(rate: float, count: int) -> Array:
    """Return the products of 1 + rate * p; remembered, for a long plan is evaluated in passes."""
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
