"""Schedules around a schedule: repeated, clipped, held within an epoch, rescaled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np

from stepsize.checks import shown, spell
from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, powers
from stepsize.schedules.cycles import cycle_phases, cycles, cycles_code
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import Factor, Growth, Level, OptionalCount, OptionalLevelOrZero, optional
from stepsize.schedules.phase_starts import PhaseStart
from stepsize.schedules.plan import in_passes


def _inner(name: str, value: Any) -> Schedule:
    if not isinstance(value, Schedule):
        raise ScheduleError(f"{shown(value)} is not a schedule; write for example cosine(0.1)")
    if value.incomplete:
        raise ScheduleError(f"{value} ends in a warmup; write {value} >> constant(0.1)")
    if value.metric_factor is not None:
        raise ScheduleError(
            f"{value} has a factor that a metric drives, and that stays outside; "
            f"write it last, as in clip(cosine(0.1), floor=0.01) * {value.metric_factor}"
        )
    return value


Inner = Annotated[Schedule, _inner]
OptionalInner = Annotated[Schedule | None, optional(_inner)]


class Wrapper(Family):
    """A family around one schedule, which lasts as long as that one."""

    schedule: Any

    def evaluate(self, t: Array, clock: Clock) -> Array:
        return self.curve(t, clock)  # the schedule inside knows where it ends

    def body(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return self.code(clock, reach, out)

    def duration(self, clock: Clock) -> float | None:
        return self.schedule.duration(clock)

    @property
    def sized(self) -> bool:
        return self.schedule.sized


@family
class repeat(Wrapper):
    """Run a schedule again and again: `times` times and then hold its end value, or to the end of the run.

    Each cycle lasts `growth` times as long as the one before, and is `factor` times as high:
    factor^i * schedule(s / growth^i), with s the time since cycle i began, from 0.

    Source: the cycle_mul and cycle_decay of timm's schedulers, for any schedule.

    Raises: ScheduleError if the schedule has no length of its own.

    >>> from stepsize.schedules import linear
    >>> from stepsize.units import updates
    >>> repeat(linear(1, length=2 * updates), growth=2, factor=0.5).plan(updates=6).values
    array([1.   , 0.5  , 0.5  , 0.375, 0.25 , 0.125])
    """

    schedule: Inner
    _: KW_ONLY
    times: OptionalCount = None
    growth: Growth = 1.0
    factor: Factor = 1.0

    def validate(self) -> None:
        if not self.schedule.sized:
            raise ScheduleError(
                f"{self.schedule} has no end to repeat from; write its length=, such as length=5*epochs"
            )

    @property
    def sized(self) -> bool:
        return self.times is not None

    def duration(self, clock: Clock) -> float | None:
        if self.times is None:
            return None
        return float(self._first(clock) * (self.growth ** np.arange(self.times)).sum())

    def _first(self, clock: Clock) -> float:
        lasts = self.schedule.duration(clock)
        assert lasts is not None  # validate
        return lasts

    def curve(self, t: Array, clock: Clock) -> Array:
        first = self._first(clock)
        index, since, length = cycles(t, first, self.growth, self.times)
        values = self.schedule.evaluate(since / (length / first), replace(clock, horizon=first))
        return values * powers(self.factor, index)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        first = self._first(clock)
        lines, length = cycles_code(out, reach, first, self.growth, self.times)
        time = "since" if self.growth == 1 else f"since / ({length} / {spell(first)})"
        value = self.schedule.expression(time, replace(clock, horizon=first), first, out)
        return [*lines, f"return {value}{code_text.factors((self.factor, 'cycle'))}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return cycle_phases(clock, self._first(clock), self.growth, self.times)


@family
class clip(Wrapper):
    """Keep a schedule between `floor` and `peak`: rate(t) = min(max(schedule(t), floor), peak).

    Source: the end_value of optax' exponential_decay, for any schedule.

    >>> from stepsize.schedules import linear
    >>> clip(linear(0.4), floor=0.15, peak=0.35).plan(updates=4).values
    array([0.35, 0.3 , 0.2 , 0.15])
    """

    schedule: Inner
    _: KW_ONLY
    floor: OptionalLevelOrZero = None
    peak: OptionalLevelOrZero = None

    def validate(self) -> None:
        if self.floor is None and self.peak is None:
            raise ScheduleError(
                "clip needs floor= or peak=; write for example clip(cosine(0.1), floor=0.001)"
            )

    def curve(self, t: Array, clock: Clock) -> Array:
        return np.clip(self.schedule.evaluate(t, clock), self.floor, self.peak)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        value = self.schedule.expression("t", clock, reach, out)
        value = value if self.floor is None else f"max({value}, {spell(self.floor)})"
        return [f"return {value if self.peak is None else f'min({value}, {spell(self.peak)})'}"]


@family
class per_epoch(Wrapper):
    """Hold within each epoch the value of its first update; epochs count from the beginning of the schedule.

    The value is schedule(n * floor(t / n)), with n the updates of an epoch.

    Source: Keras' LearningRateScheduler, which sets the rate when an epoch begins.

    >>> from stepsize.schedules import linear
    >>> per_epoch(linear(0.4)).plan(epochs=2, updates_per_epoch=2).values
    array([0.4, 0.4, 0.2, 0.2])
    """

    schedule: Inner

    def curve(self, t: Array, clock: Clock) -> Array:
        if clock.updates_per_epoch is None:
            raise ScheduleError(
                f"{self} needs the updates of one epoch; write plan(..., updates_per_epoch=...)"
            )
        first = np.floor(t / clock.updates_per_epoch) * clock.updates_per_epoch
        return self.schedule.evaluate(first, clock)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        each = clock.updates_per_epoch
        return [f"return {self.schedule.expression(f't // {each} * {each}', clock, reach, out)}"]


@family
class rescale(Wrapper):
    """Scale a schedule so that the greatest of its values, from t = 0 to its end, is `peak`.

    The value is schedule(t) * peak / greatest.

    Source: our own; PyTorch's LambdaLR scales a function by the rate of its optimizer instead.

    >>> from stepsize.schedules import linear, warmup
    >>> from stepsize.units import updates
    >>> rescale(warmup(2 * updates) >> linear(0.1), peak=0.4).plan(updates=4).values
    array([0. , 0.2, 0.4, 0.2])
    """

    schedule: Inner
    _: KW_ONLY
    peak: Level

    def curve(self, t: Array, clock: Clock) -> Array:
        values, greatest = _values_and_peak(self.schedule, clock)
        if not greatest > 0:
            raise ScheduleError(f"{self.schedule} is 0 throughout and has no peak; write another schedule")
        index = t.astype(np.int64)
        known = np.array_equal(index, t)  # a repeat around it also asks for times between updates
        return (values[index] if known else self.schedule.evaluate(t, clock)) * (self.peak / greatest)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        times = np.arange(int(clock.horizon) + 1, dtype=np.float64)
        greatest = float(self.schedule.evaluate(times, clock).max())
        value = self.schedule.expression("t", clock, reach, out)
        return [f"return {value} * ({spell(self.peak)} / {spell(greatest)})"]


@lru_cache(maxsize=1)
def _values_and_peak(schedule: Schedule, clock: Clock) -> tuple[Array, float]:
    """Return the values of a run and the greatest; cached, because long plans are evaluated in passes."""
    values = in_passes(schedule, clock, int(clock.horizon) + 1)
    return values, float(values.max())
