"""Schedules that rise and fall."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Annotated

import numpy as np

from stepsize.schedules.base import Family, family, not_above
from stepsize.schedules.fields import Flag, Level, OptionalLevelOrZero, OptionalPeriod, Span, one_of
from stepsize.schedules.plan import Clock
from stepsize.schedules.shapes import Array, progress, shaped
from stepsize.units import run


@family
class one_cycle(Family):
    """Rise from `start` to the peak at t = warmup, then fall to the floor at t = length.

    By default `start` is peak / 25 and `floor` is start / 10,000. `closed=True` reaches the floor on the last
    update.

    Source: Smith and Topin 2018 (arXiv 1708.07120), in the two phases that fastai and PyTorch made usual.

    >>> one_cycle(1, warmup=0.5 * run, floor=0, shape="linear").plan(updates=4).values
    array([0.04, 0.52, 1.  , 0.5 ])
    """

    peak: Level
    _: KW_ONLY
    warmup: Span = 0.3 * run
    start: OptionalLevelOrZero = None
    floor: OptionalLevelOrZero = None
    shape: Annotated[str, one_of("linear", "cosine")] = "cosine"
    length: OptionalPeriod = None
    closed: Flag = False

    def validate(self) -> None:
        not_above("start", self.start, "peak", self.peak)

    def curve(self, t: Array, clock: Clock) -> Array:
        start = self.peak / 25 if self.start is None else self.start
        floor = start / 10_000 if self.floor is None else self.floor
        rise = clock.part("warmup", self.warmup)
        up = shaped(self.shape, start, self.peak, progress(t, rise))
        u = progress(np.maximum(t - rise, 0), clock.horizon - rise, self.closed)
        return np.where(t < rise, up, shaped(self.shape, self.peak, floor, u))
