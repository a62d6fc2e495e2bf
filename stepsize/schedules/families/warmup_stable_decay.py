"""Schedules in stages: warmup, drops, and a stable phase before the decay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY
from typing import Annotated, Any

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import WEIGHTS, Array, between, powers, progress, shaped
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import (
    Factor,
    Flag,
    Level,
    LevelOrZero,
    Milestones,
    OptionalFraction,
    OptionalPeriod,
    OptionalSpan,
    Period,
    Span,
    one_of,
)
from stepsize.schedules.phase_starts import PhaseStart, drops, numbered, times_within
from stepsize.units import Length, epochs, require_length, run


def _warmup_length(name: str, value: Any) -> Length:
    return require_length("warmup", value)


@family
class warmup(Family):
    """Climb from `start` to the first value of the schedule that follows, reached at t = length.

    The value is start + (B - start) * w(t / length), with B the first value of the follower, and w(u) = u for
    "linear", (1 - cos(pi * u)) / 2 for "cosine", 1 - sqrt(1 - u) for "1-sqrt", log(1 + t) / log(1 + length)
    for "log"; "exponential" climbs by a constant factor. `closed=True` reaches B on the last update of the
    warmup, at t = length - 1.

    Source: optax' warmup_constant_schedule for "linear", transformers' get_wsd_schedule for "cosine" and
    "1-sqrt", DeepSpeed's WarmupLR for "log".

    >>> from stepsize.schedules import constant
    >>> from stepsize.units import updates
    >>> (warmup(4 * updates) >> constant(0.4)).plan(updates=6).values
    array([0. , 0.1, 0.2, 0.3, 0.4, 0.4])
    """

    length: Annotated[Length, _warmup_length]
    _: KW_ONLY
    start: LevelOrZero = 0.0
    shape: Annotated[str, one_of("linear", "cosine", "exponential", "log", "1-sqrt")] = "linear"
    closed: Flag = False

    def validate(self) -> None:
        if self.shape == "exponential" and self.start == 0:
            raise ScheduleError('shape="exponential" cannot climb from 0; write start= above 0')

    @property
    def incomplete(self) -> bool:
        return True

    def duration(self, clock: Clock) -> float:
        return clock.updates("warmup", self.length)

    def curve(self, t: Array, clock: Clock) -> Array:
        raise ScheduleError(f"{self} has no value of its own; write {self} >> constant(0.1)")

    def towards(self, target: float, t: Array, clock: Clock) -> Array:
        """Return the values of a climb to `target`."""
        if self.shape == "exponential" and target == 0:
            raise ScheduleError(
                f"{self} cannot lead to 0, the first value that follows; write another shape="
            )
        u = progress(t, clock.horizon, self.closed)
        if self.shape == "1-sqrt":
            return between(self.start, target, 1 - np.sqrt(1 - u))
        if self.shape == "log":
            last = clock.horizon - self.closed
            return between(self.start, target, np.log1p(u * last) / np.log1p(last))
        return shaped(self.shape, self.start, target, u)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        raise ScheduleError(f"{self} has no value of its own; write {self} >> constant(0.1)")

    def code_towards(self, target: float, clock: Clock) -> list[str]:
        """Return the lines of a climb to `target`."""
        length = clock.horizon
        u = code_text.progress(length, self.closed, length)
        if self.shape == "log":
            last = spell(length - self.closed)
            time = f"min(t, {last})" if self.closed else "t"
            u = f"log1p({time}) / log1p({last})"
        shape = {"log": "linear", "1-sqrt": "late"}.get(self.shape, self.shape)
        return code_text.with_progress(code_text.shaped(shape, self.start, target), u)


@family
class step_decay(Family):
    """Drop by `factor` at regular times: peak * factor^floor((t + offset) / every), never below the floor.

    Source: PyTorch's StepLR, whose step_size is `every`.

    >>> from stepsize.units import epochs
    >>> step_decay(0.4, every=2 * epochs).plan(epochs=5, updates_per_epoch=1).values
    array([0.4, 0.4, 0.2, 0.2, 0.1])
    >>> step_decay(0.4, every=2 * epochs, offset=1 * epochs).plan(epochs=5, updates_per_epoch=1).values
    array([0.4, 0.2, 0.2, 0.1, 0.1])
    """

    peak: Level
    _: KW_ONLY
    factor: Factor = 0.5
    every: Period = 10 * epochs
    offset: OptionalSpan = None
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        offset = 0.0 if self.offset is None else clock.updates("offset", self.offset)
        drops = np.floor((t + offset) / clock.period("every", self.every))
        return np.maximum(self.peak * powers(self.factor, drops), self.floor)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        offset = 0.0 if self.offset is None else clock.updates("offset", self.offset)
        time = f"(t + {spell(offset)})" if offset else "t"
        drops = code_text.floored(time, clock.period("every", self.every))
        rate = f"{spell(self.peak)} * {spell(self.factor)} ** {drops}"
        return [f"return max({rate}, {spell(self.floor)})" if self.floor else f"return {rate}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return drops(clock, self.every, self.offset)


@family
class multistep(Family):
    """Drop by `factor` at each of the times `at`: peak * factor^(number of times <= t).

    A time that is given twice drops twice.

    Source: PyTorch's MultiStepLR, whose milestones are `at`.

    >>> from stepsize.units import updates
    >>> multistep(1, factor=0.5, at=[2 * updates, 0.75 * run]).plan(updates=4).values
    array([1.  , 1.  , 0.5 , 0.25])
    """

    peak: Level
    _: KW_ONLY
    factor: Factor = 0.1
    at: Milestones
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        drops = np.searchsorted(clock.times("at", self.at), t, side="right").astype(np.float64)
        return self.peak * powers(self.factor, drops)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        times = code_text.numbers(clock.times("at", self.at))
        return [f"drops = bisect({times}, t)", f"return {spell(self.peak)} * {spell(self.factor)} ** drops"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        times = times_within(clock, self.at)
        yield 0.0, ""
        yield from numbered("drop", len(times), times.__getitem__)


@family
class wsd(Family):
    """Stay at the peak, then decay to the floor in the last `decay` updates (warmup-stable-decay).

    With u the progress of the decay, the value is floor + (peak - floor) * w(u): 1 - u for "linear", (1 +
    cos(pi * u)) / 2 for "cosine", 1 - sqrt(u) for "1-sqrt", 1 - u^2 for "square", 2 * (1 - u) less the w of
    "cosine" for "mirror-cosine". "exponential" falls by a constant factor and needs a floor above 0, or a
    `ratio` r: then w(u) = (r^u - r) / (1 - r). `closed=True` reaches the floor on the last update.

    Source: Hägele et al. 2024 (arXiv 2405.18392).

    >>> wsd(0.4, decay=0.5 * run).plan(updates=8).values
    array([0.4, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1])
    """

    peak: Level
    _: KW_ONLY
    decay: Span = 0.2 * run
    floor: LevelOrZero = 0.0
    shape: Annotated[str, one_of(*WEIGHTS, "exponential")] = "linear"
    ratio: OptionalFraction = None
    length: OptionalPeriod = None
    closed: Flag = False

    def validate(self) -> None:
        if self.ratio is not None and self.shape != "exponential":
            raise ScheduleError(
                f'ratio= belongs to shape="exponential", not to shape="{self.shape}"; leave it out'
            )
        if self.shape == "exponential" and self.floor == 0 and self.ratio is None:
            raise ScheduleError('shape="exponential" never reaches 0; write floor= above 0, or ratio=')

    def curve(self, t: Array, clock: Clock) -> Array:
        u = _tail(t, clock, self.decay, self.closed)
        if self.ratio is not None:
            return between(self.floor, self.peak, (self.ratio**u - self.ratio) / (1 - self.ratio))
        return shaped(self.shape, self.peak, self.floor, u)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        if self.ratio is None:
            return _tail_code(self, clock, reach, code_text.shaped(self.shape, self.peak, self.floor))
        ratio = spell(self.ratio)
        share = f"({ratio}**u - {ratio}) / (1 - {ratio})"
        return _tail_code(self, clock, reach, code_text.between(self.floor, self.peak, share))

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return _tail_phases(self, clock)


@family
class flat_cosine(Family):
    """Stay at the peak, then fall along half a cosine to the floor in the last `decay` updates.

    With u the progress of the decay, the value is floor + (peak - floor) * (1 + cos(pi * u)) / 2.

    Source: fastai's fit_flat_cos, whose pct_start is the share before the decay.

    >>> flat_cosine(1, decay=0.5 * run).plan(updates=8).values.round(4)
    array([1.    , 1.    , 1.    , 1.    , 1.    , 0.8536, 0.5   , 0.1464])
    """

    peak: Level
    _: KW_ONLY
    decay: Span = 0.25 * run
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        return shaped("cosine", self.peak, self.floor, _tail(t, clock, self.decay, self.closed))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return _tail_code(self, clock, reach, code_text.shaped("cosine", self.peak, self.floor))

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return _tail_phases(self, clock)


def _tail(t: Array, clock: Clock, decay: Length, closed: bool) -> Array:
    """Return the progress of a decay that takes the last updates of the horizon."""
    lasts = clock.part("decay", decay)
    return progress(np.maximum(t - (clock.horizon - lasts), 0), lasts, closed)


def _tail_code(schedule: wsd | flat_cosine, clock: Clock, reach: float, value: str) -> list[str]:
    """Return the lines of the peak, and of `value` in the last `decay` updates."""
    lasts = clock.part("decay", schedule.decay)
    begin = clock.horizon - lasts
    peak = f"return {spell(schedule.peak)}"
    if lasts == 0:
        return [peak]
    stable = [f"if t < {spell(begin)}:", f"    {peak}"] if begin else []
    return stable + code_text.phase(value, lasts, schedule.closed, reach, begin)


def _tail_phases(schedule: wsd | flat_cosine, clock: Clock) -> Iterator[PhaseStart]:
    yield 0.0, "stable"
    yield clock.horizon - clock.updates("decay", schedule.decay), "decay"
