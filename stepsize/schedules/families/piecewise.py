"""Schedules given by values at times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Annotated

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, shaped
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import Levels, Milestones, OptionalPeriod, one_of
from stepsize.schedules.phase_starts import HELD, PhaseStart, numbered, times_within
from stepsize.schedules.text_form import value_text


@family
class piecewise_constant(Family):
    """Take the values one after another: the first until the first of the times `at`, which has the second.

    The value is values[k], with k = the number of times <= t.

    Source: Keras' PiecewiseConstantDecay, whose boundaries belong to the value before them: its boundary b is
    `(b + 1)*updates` here.

    >>> from stepsize.units import updates
    >>> piecewise_constant([0.4, 0.2, 0.1], at=[1 * updates, 3 * updates]).plan(updates=4).values
    array([0.4, 0.2, 0.2, 0.1])
    """

    values: Levels
    _: KW_ONLY
    at: Milestones
    length: OptionalPeriod = None

    def validate(self) -> None:
        _check_count(self)

    def curve(self, t: Array, clock: Clock) -> Array:
        times = clock.times("at", self.at)
        return np.array(self.values, dtype=np.float64)[np.searchsorted(times, t, side="right")]

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        times = code_text.numbers(clock.times("at", self.at))
        return [f"return {code_text.numbers(self.values)}[bisect({times}, t)]"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        times = [0.0, *times_within(clock, self.at)]
        return numbered("value", len(times), times.__getitem__)


@family
class piecewise_interpolated(Family):
    """Go from the first value, at t = 0, to each of the others at its time in `at`; the last one holds.

    With v the progress of the way from a to b, the value is a + (b - a) * v for shape="linear",
    a + (b - a) * (1 - cos(pi * v)) / 2 for "cosine", and a * (b / a)^v for "exponential".

    Source: optax' piecewise_interpolate_schedule, which has the first two shapes.

    >>> from stepsize.units import updates
    >>> ways = piecewise_interpolated([0, 0.4, 0.2], at=[2 * updates, 4 * updates])
    >>> ways.plan(updates=6).values
    array([0. , 0.2, 0.4, 0.3, 0.2, 0.2])
    """

    values: Levels
    _: KW_ONLY
    at: Milestones
    shape: Annotated[str, one_of("linear", "cosine", "exponential")] = "linear"
    length: OptionalPeriod = None

    def validate(self) -> None:
        _check_count(self)
        if self.shape == "exponential" and 0 in self.values:
            raise ScheduleError('shape="exponential" never reaches 0; write values above 0')

    def curve(self, t: Array, clock: Clock) -> Array:
        times = np.array([0.0, *clock.times("at", self.at)])
        values = np.full_like(t, self.values[-1])
        for index in range(len(self.at)):
            inside = (t >= times[index]) & (t < times[index + 1])
            u = (t[inside] - times[index]) / (times[index + 1] - times[index])
            values[inside] = shaped(self.shape, self.values[index], self.values[index + 1], u)
        return values

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        times = [0.0, *clock.times("at", self.at), math.inf]
        stations = list(zip(times, [*self.values, self.values[-1]], strict=True))
        return code_text.interpolated(stations, self.shape, False, reach)

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        times = [0.0, *clock.times("at", self.at)]
        yield from numbered("way", len(times) - 1, times.__getitem__)
        yield times[-1], HELD


def _check_count(schedule: piecewise_constant | piecewise_interpolated) -> None:
    if len(schedule.values) != len(schedule.at) + 1:
        raise ScheduleError(
            f"values={value_text(schedule.values)} has {len(schedule.values)} for {len(schedule.at)} times; "
            "write one more value than there are times in at="
        )
