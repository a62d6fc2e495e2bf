"""A schedule that takes one of its steps at the end of each epoch, where lengths in epochs are not exact."""

from __future__ import annotations

from math import ceil

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array
from stepsize.schedules.family import family
from stepsize.schedules.wrappers import Inner, Wrapper


@family
class torch_epochs(Wrapper):
    """Count epochs in place of updates: the value is schedule(floor(t / n)), with n the updates of an epoch.

    Lengths inside are in `updates`, which here are epochs, and may be fractions, which `per_epoch` rounds to
    whole updates.

    Source: a scheduler of PyTorch that is stepped once an epoch.

    >>> from stepsize.schedules import linear
    >>> from stepsize.units import updates
    >>> torch_epochs(linear(1, length=2.5 * updates)).plan(epochs=3, updates_per_epoch=2).values.round(4)
    array([1. , 1. , 0.6, 0.6, 0.2, 0.2])
    """

    schedule: Inner

    def curve(self, t: Array, clock: Clock) -> Array:
        return self.schedule.evaluate(np.floor(t / self._each(clock)), self._inside(clock))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        each = self._each(clock)
        value = self.schedule.expression(f"t // {each}", self._inside(clock), reach // each, out)
        return [f"return {value}"]

    def duration(self, clock: Clock) -> float | None:
        lasts = self.schedule.duration(self._inside(clock))
        return None if lasts is None else lasts * self._each(clock)

    def _each(self, clock: Clock) -> int:
        if clock.updates_per_epoch is None:
            raise ScheduleError(
                f"{self} needs the updates of one epoch; write plan(..., updates_per_epoch=...)"
            )
        return clock.updates_per_epoch

    def _inside(self, clock: Clock) -> Clock:
        """Return the clock of the schedule, which ticks once an epoch."""
        each = self._each(clock)
        return Clock(float(ceil(clock.horizon / each)), ceil(clock.run / each), None)
