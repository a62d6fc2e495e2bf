"""Keras' schedules where no family of `families` computes the same."""

from __future__ import annotations

from dataclasses import KW_ONLY

import numpy as np

from stepsize.checks import spell
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions, refusal
from stepsize.schedules.curves import Array
from stepsize.schedules.cycles import collapsed
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import Level, LevelOrZero, NonNegative, Period, Positive


@family
class keras_polynomial(Family):
    """Fall as `polynomial` does, again and again, each time over a longer stretch.

    The value is end + (start - end) * (1 - t / D)^power, with D the first multiple of decay_steps that is not
    below t. As t is not counted anew, a later fall does not begin at the start.

    Source: PolynomialDecay of Keras with cycle=True.

    >>> from stepsize.units import updates
    >>> keras_polynomial(1, end=0, power=1, decay_steps=2 * updates).plan(updates=6).values
    array([1.        , 0.5       , 0.        , 0.25      , 0.        ,
           0.16666667])
    """

    start: LevelOrZero
    _: KW_ONLY
    end: LevelOrZero
    power: Positive
    decay_steps: Period

    def curve(self, t: Array, clock: Clock) -> Array:
        steps = clock.period("decay_steps", self.decay_steps)
        whole = steps * np.maximum(1, np.ceil(t / steps))
        return self.end + (self.start - self.end) * (1 - t / whole) ** self.power

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        steps = spell(clock.period("decay_steps", self.decay_steps))
        way = f"({spell(self.start)} - {spell(self.end)}) * (1 - t / whole) ** {spell(self.power)}"
        return [f"whole = {steps} * max(1, ceil(t / {steps}))", f"return {spell(self.end)} + {way}"]


@family
class keras_restarts(Family):
    """Fall along half a cosine and start again, each cycle `t_mul` times as long and `m_mul` times as high.

    The number of the cycle is the floor of a logarithm in float32. Where that comes out too low, the first
    update of a cycle belongs to the cycle before and has the floor, peak * alpha, instead of the peak.

    Source: CosineDecayRestarts of Keras; `cosine_restarts` misses none.

    >>> from stepsize.units import updates
    >>> restarts = keras_restarts(1, first_decay_steps=10 * updates, t_mul=1.2)
    >>> restarts.plan(updates=23)([9, 10, 21, 22]).round(4)
    array([0.0245, 1.    , 0.017 , 0.    ])
    """

    peak: Level
    _: KW_ONLY
    first_decay_steps: Period
    t_mul: Positive = 2.0
    m_mul: NonNegative = 1.0
    alpha: NonNegative = 0.0

    def curve(self, t: Array, clock: Clock) -> Array:
        done = t / clock.period("first_decay_steps", self.first_decay_steps)
        if self.t_mul == 1:
            cycle = collapsed(np.floor(done))
            u = done - cycle
        else:
            cycle = collapsed(cycle_in_float32(done, self.t_mul))
            length = self.t_mul**cycle
            u = (done - (1 - length) / (1 - self.t_mul)) / length
        fall = self.m_mul**cycle * (1 + np.cos(np.pi * u)) / 2
        return np.maximum(self.peak * ((1 - self.alpha) * fall + self.alpha), 0)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        reason = 'it restarts by a logarithm in float32; export it with to="keras", or write cosine_restarts'
        raise refusal(self, reason)


def cycle_in_float32(done: Array, t_mul: float) -> Array:
    """Return the number of the cycle as Keras finds it, `done` first cycles after the beginning."""
    one, growth = np.float32(1), np.float32(t_mul)
    number = np.log(one - done.astype(np.float32) * (one - growth)) / np.log(growth)
    return np.floor(number).astype(np.float64)
