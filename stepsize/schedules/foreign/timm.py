"""timm's schedulers: they tick in epochs or updates, and may run underneath their warmup.

Every length of one schedule has the same unit, `epochs` or `updates`, and that is its tick: the rate changes
at ticks only. The first tick has the rate that the constructor leaves, the warmup's start or the peak.
"""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions, refusal
from stepsize.schedules.curves import Array, decaying, powers
from stepsize.schedules.cycles import collapsed
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import (
    Count,
    Flag,
    Growth,
    Level,
    LevelOrZero,
    Milestones,
    NonNegative,
    OptionalPeriod,
    OptionalSpan,
    Period,
    Positive,
    Signed,
    one_of,
)
from stepsize.units import Length, epochs


@dataclass(frozen=True, repr=False)
class Ticking(Family):
    """The common part of timm's schedulers: ticks, and a warmup of `warmup_t` from `warmup_lr_init`.

    Unless `warmup_prefix` is set the schedule runs underneath its warmup, and the rate then jumps to it.
    """

    peak: Level
    _: KW_ONLY
    warmup_t: OptionalSpan = None
    warmup_lr_init: LevelOrZero = 0.0
    warmup_prefix: Flag = False

    @abstractmethod
    def after_warmup(self, t: Array) -> Array:
        """Return the values at ticks of the schedule's own time."""

    def validate(self) -> None:
        units = {item.unit for item in _lengths(self)}
        if len(units) != 1 or "run" in units:
            raise ScheduleError(f"{self}: write all its lengths in epochs, or all in updates")

    def summit(self) -> float:
        """Return where the warmup leads."""
        return self.peak

    def curve(self, t: Array, clock: Clock) -> Array:
        per_tick = clock.updates("epochs", 1 * epochs) if _lengths(self)[0].unit == "epochs" else 1.0
        ticks = np.floor(t / per_tick)
        if per_tick == 1 or not t.size:
            return self._at(ticks)
        first = ticks.min()  # each tick is computed once
        return self._at(np.arange(first, ticks.max() + 1))[(ticks - first).astype(np.int64)]

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        raise refusal(self, "it is the rule of a scheduler of timm; construct that one")

    def _at(self, ticks: Array) -> Array:
        """Return the values at ticks, the warmup included."""
        warm = 0.0 if self.warmup_t is None else self.warmup_t.value
        values = self.after_warmup(np.maximum(ticks - warm, 0) if self.warmup_prefix else ticks)
        if warm == 0:
            return np.where(ticks == 0, self.peak, values)
        climb = self.warmup_lr_init + ticks * (self.summit() - self.warmup_lr_init) / warm
        return np.where(ticks < warm, climb, values)


def _lengths(schedule: Ticking) -> list[Length]:
    """Return the lengths of a schedule."""
    values = [getattr(schedule, field.name) for field in dataclasses.fields(schedule)]
    flat = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [item for item in flat if isinstance(item, Length)]


@dataclass(frozen=True, repr=False)
class Cycling(Ticking):
    """A fall in `t_initial` ticks, and `cycle_limit` of them, longer by `cycle_mul`, lower by `cycle_decay`.

    After the last cycle `lr_min` holds. With growing cycles the number of the cycle is the floor of a
    logarithm: where that comes out too low, the first tick of a cycle has lr_min instead of its peak.
    """

    _: KW_ONLY
    t_initial: Period
    lr_min: LevelOrZero = 0.0
    cycle_mul: Growth = 1.0
    cycle_decay: NonNegative = 1.0
    cycle_limit: Count = 1

    @abstractmethod
    def fall(self, since: Array, length: Array) -> Array:
        """Return the share of the height that is left `since` ticks after a cycle of `length` began."""

    def after_warmup(self, t: Array) -> Array:
        first, growth = self.t_initial.value, self.cycle_mul
        if growth == 1:
            cycle, length = collapsed(np.floor(t / first)), np.array(first)
            since = t - first * cycle
        else:
            cycle = collapsed(_floor_of_log(1 - t / first * (1 - growth), growth))
            longer = powers(growth, cycle)
            length = longer * first
            since = t - (1 - longer) / (1 - growth) * first
        height = self.peak * powers(self.cycle_decay, cycle) - self.lr_min
        with np.errstate(invalid="ignore"):  # in cycles past the limit
            values = self.lr_min + height * self.fall(since, length)
        return np.where(cycle < self.cycle_limit, values, self.lr_min)


def _floor_of_log(values: Array, base: float) -> Array:
    """Return floor(math.log(value, base)) of each, by NumPy where the last digit of its log does not matter.

    >>> _floor_of_log(np.array([7.0, 1000.0]), 10.0)
    array([0., 2.])
    """
    logs = np.log(values) / math.log(base)
    for index in np.flatnonzero(abs(logs - np.rint(logs)) < 1e-12 * (1 + logs)):
        logs[index] = math.log(values[index], base)
    return np.floor(logs)


@family
class timm_cosine(Cycling):
    """Fall along half a cosine of (s / T)^k_decay, with s the ticks since the cycle of T ticks began.

    Without `warmup_prefix` the cosine runs underneath the warmup, which climbs to the peak and then jumps
    down to it. After `cycle_limit` cycles lr_min holds.

    Source: CosineLRScheduler of timm.

    >>> schedule = timm_cosine(1, t_initial=4 * epochs, warmup_t=1 * epochs)
    >>> schedule.plan(epochs=5, updates_per_epoch=1).values.round(4)
    array([0.    , 0.8536, 0.5   , 0.1464, 0.    ])
    """

    _: KW_ONLY
    k_decay: Positive = 1.0

    def fall(self, since: Array, length: Array) -> Array:
        return (1 + np.cos(np.pi * since**self.k_decay / length**self.k_decay)) / 2


@family
class timm_poly(Cycling):
    """Fall as (1 - (s / T)^k_decay)^power, with s the ticks since the cycle of T ticks began.

    Source: PolyLRScheduler of timm, with its warmup and cycles as in `timm_cosine`.

    >>> timm_poly(1, t_initial=4 * epochs, power=2).plan(epochs=4, updates_per_epoch=1).values
    array([1.    , 0.5625, 0.25  , 0.0625])
    """

    _: KW_ONLY
    power: Positive = 0.5
    k_decay: Positive = 1.0

    def fall(self, since: Array, length: Array) -> Array:
        return (1 - since**self.k_decay / length**self.k_decay) ** self.power


@family
class timm_tanh(Cycling):
    """Fall as (1 - tanh(lb * (1 - u) + ub * u)) / 2, with u = s / T; the warmup climbs to where that begins.

    At the end of a cycle it jumps from (1 - tanh(ub)) / 2 to lr_min.

    Source: TanhLRScheduler of timm, with its warmup and cycles as in `timm_cosine`.

    >>> timm_tanh(1, t_initial=4 * epochs).plan(epochs=5, updates_per_epoch=1).values.round(4)
    array([1.    , 0.9999, 0.982 , 0.2689, 0.    ])
    """

    _: KW_ONLY
    lb: Signed = -7.0
    ub: Signed = 3.0

    def fall(self, since: Array, length: Array) -> Array:
        u = since / length
        return (1 - np.tanh(self.lb * (1 - u) + self.ub * u)) / 2

    def summit(self) -> float:
        if self.warmup_prefix or self.warmup_t is None:
            return self.peak
        return float(self.after_warmup(np.array([self.warmup_t.value]))[0])


@family
class timm_step(Ticking):
    """Drop by `decay_rate` every `decay_t` ticks.

    Source: StepLRScheduler of timm, with its warmup as in `timm_cosine`.

    >>> timm_step(1, decay_t=2 * epochs, decay_rate=0.5).plan(epochs=4, updates_per_epoch=1).values
    array([1. , 1. , 0.5, 0.5])
    """

    _: KW_ONLY
    decay_t: Period
    decay_rate: NonNegative = 1.0

    def after_warmup(self, t: Array) -> Array:
        every = self.decay_t.value
        drops = np.floor(t / every) if every.is_integer() else t // every  # exact, as Python's // is
        return self.peak * decaying(self.decay_rate, drops)


@family
class timm_multistep(Ticking):
    """Drop by `decay_rate` one tick before each of `decay_t`, except at the first tick of all.

    Source: MultiStepLRScheduler of timm, with its warmup as in `timm_cosine`.

    >>> timm_multistep(1, decay_t=[2 * epochs], decay_rate=0.5).plan(epochs=3, updates_per_epoch=1).values
    array([1. , 0.5, 0.5])
    """

    _: KW_ONLY
    decay_t: Milestones
    decay_rate: NonNegative = 1.0

    def after_warmup(self, t: Array) -> Array:
        times = [item.value for item in self.decay_t]
        return self.peak * self.decay_rate ** np.searchsorted(times, t + 1, side="right").astype(np.float64)


@family
class timm_wsd(Ticking):
    """Stay at the peak or fall slowly, then decay to lr_min in the last `decay_t` of `t_initial` ticks.

    The stable phase is "constant", or falls as (1 + t / stable_timescale)^-p with p = 1/2 for "rsqrt" and
    stable_power for "power". The decay is "linear", "1-sqrt", "cosine", "power" (1 - u^decay_power)
    or "exp" ((r^u - r) / (1 - r), with r = decay_ratio).

    Source: WSDLRScheduler of timm.

    >>> schedule = timm_wsd(1, t_initial=4 * epochs, decay_t=2 * epochs)
    >>> schedule.plan(epochs=4, updates_per_epoch=1).values.round(4)
    array([1.    , 1.    , 1.    , 0.2929])
    """

    _: KW_ONLY
    t_initial: Period
    decay_t: Period
    lr_min: LevelOrZero = 0.0
    stable_fn: Annotated[str, one_of("constant", "rsqrt", "power")] = "constant"
    stable_timescale: OptionalPeriod = None
    stable_power: Positive = 0.5
    decay_fn: Annotated[str, one_of("linear", "1-sqrt", "cosine", "power", "exp")] = "1-sqrt"
    decay_power: Positive = 0.5
    decay_ratio: Positive = 0.1

    def after_warmup(self, t: Array) -> Array:
        stable = np.full_like(t, self.peak)
        if self.stable_timescale is not None and self.stable_fn != "constant":
            power = 0.5 if self.stable_fn == "rsqrt" else self.stable_power
            stable *= (1 + t / self.stable_timescale.value) ** -power
        stable = np.maximum(stable, self.lr_min)
        u = np.clip((t - (self.t_initial.value - self.decay_t.value)) / self.decay_t.value, 0, 1)
        return self.lr_min + (stable - self.lr_min) * self._decay(u)

    def _decay(self, u: Array) -> Array:
        if self.decay_fn == "cosine":
            return (1 + np.cos(np.pi * u)) / 2
        if self.decay_fn == "exp":
            return (self.decay_ratio**u - self.decay_ratio) / (1 - self.decay_ratio)
        return 1 - u ** {"linear": 1.0, "1-sqrt": 0.5, "power": self.decay_power}[self.decay_fn]
