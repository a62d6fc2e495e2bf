"""The schedule of transformers that no family of `families` computes."""

from __future__ import annotations

from dataclasses import KW_ONLY

import numpy as np

from stepsize.checks import spell
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import Level, OptionalPeriod, Positive


@family
class transformers_restarts(Family):
    """Fall along half a cosine to 0, `cycles` times within its length, and stay at 0 from there on.

    The value is peak * (1 + cos(pi * s)) / 2, with s the fractional part of cycles * t / length, in just
    these operations: where they come out below a whole number, that restart is an update late.

    Source: "cosine_with_restarts" of transformers.

    >>> from stepsize.units import updates
    >>> transformers_restarts(1, cycles=2, length=4 * updates).plan(updates=6).values.round(4)
    array([1. , 0.5, 1. , 0.5, 0. , 0. ])
    """

    peak: Level
    _: KW_ONLY
    cycles: Positive = 1.0
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        done = self.cycles * (t / max(clock.horizon, 1))
        fall = (1 + np.cos(np.pi * (done - np.floor(done)))) / 2
        return np.where((t < clock.horizon) | (t == 0), self.peak * fall, 0.0)  # a warmup climbs to the peak

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        length = spell(max(clock.horizon, 1))
        return [
            f"if t >= {length}:",
            "    return 0.0",
            f"u = {spell(self.cycles)} * (t / {length}) % 1",
            f"return {spell(self.peak)} * (1 + cos(pi * u)) / 2",
        ]
