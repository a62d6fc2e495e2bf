"""PyTorch's schedulers where no family of `families` computes the same, also after their end."""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Annotated, Any, get_args

import numpy as np

from stepsize.checks import shown, spell
from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions, refusal
from stepsize.schedules.curves import Array
from stepsize.schedules.families.cyclic import cosine_restarts
from stepsize.schedules.families.triangular import exp_range, triangular, triangular2
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import (
    Flag,
    Level,
    LevelOrZero,
    NonNegative,
    OptionalLevelOrZero,
    OptionalPeriod,
    OptionalSpan,
    Period,
    one_of,
)
from stepsize.schedules.plan import in_passes
from stepsize.schedules.wrappers import Inner, Wrapper


@family
class torch_cosine(Family):
    """Follow a cosine without end: eta_min + (peak - eta_min) * (1 + cos(pi * (t + offset) / t_max)) / 2.

    Unlike `cosine` it rises again after t_max and is back at the peak at 2 * t_max.

    Source: CosineAnnealingLR of PyTorch, and the cosine schedules of transformers.

    >>> from stepsize.units import updates
    >>> torch_cosine(1, t_max=2 * updates).plan(updates=5).values.round(4)
    array([1. , 0.5, 0. , 0.5, 1. ])
    """

    peak: Level
    _: KW_ONLY
    t_max: Period
    eta_min: LevelOrZero = 0.0
    offset: OptionalSpan = None

    def curve(self, t: Array, clock: Clock) -> Array:
        offset = 0.0 if self.offset is None else clock.updates("offset", self.offset)
        wave = (1 + np.cos(np.pi * (t + offset) / clock.period("t_max", self.t_max))) / 2
        return self.eta_min + (self.peak - self.eta_min) * wave

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        time, t_max = code_text.time_with(clock, self.offset), clock.period("t_max", self.t_max)
        wave = f"(1 + cos(pi * {time} / {spell(t_max)})) / 2"
        if self.eta_min == 0:
            return [f"return {spell(self.peak)} * {wave}"]
        return [f"return {spell(self.eta_min)} + ({spell(self.peak)} - {spell(self.eta_min)}) * {wave}"]


@family
class torch_one_cycle(Family):
    """Rise to the peak at t = pct_start * T - 1 and fall to `end` at t = T - 1, with T = length.

    The phases end between updates where pct_start * T is not a whole number. `three_phase=True` falls for as
    long as it rose, to the start, and then to `end`. By default `start` is peak / 25 and `end` is start /
    10,000. At t = T the curve continues: a cosine rises again, a line keeps falling, here not below 0.

    Source: OneCycleLR of PyTorch; `one_cycle` has its peak and its end where they are asked for.

    >>> from stepsize.units import updates
    >>> torch_one_cycle(1, pct_start=0.5, end=0, shape="linear", length=4 * updates).plan(updates=4).values
    array([0.04, 1.  , 0.5 , 0.  ])
    """

    peak: Level
    _: KW_ONLY
    pct_start: NonNegative = 0.3
    start: OptionalLevelOrZero = None
    end: OptionalLevelOrZero = None
    shape: Annotated[str, one_of("cosine", "linear")] = "cosine"
    three_phase: Flag = False
    length: OptionalPeriod = None

    def validate(self) -> None:
        if self.pct_start > 1:
            raise ScheduleError(
                f"pct_start={self.pct_start} is above 1; write a share of the run such as 0.3"
            )

    def curve(self, t: Array, clock: Clock) -> Array:
        start = self.peak / 25 if self.start is None else self.start
        end = start / 10_000 if self.end is None else self.end
        total = clock.horizon
        rise, back = self.pct_start * total - 1, 2 * self.pct_start * total - 2
        if self.three_phase:
            phases = [(rise, start, self.peak), (back, self.peak, start), (total - 1, start, end)]
        else:
            phases = [(rise, start, self.peak), (total - 1, self.peak, end)]
        values = np.full_like(t, np.nan)
        before = 0.0
        for until, low, high in phases:
            last = until == phases[-1][0]
            here = np.isnan(values) & ((t <= until) | last)
            if here.any() and until == before:
                raise ScheduleError(
                    f"{self} has an empty phase, which PyTorch refuses too; write another pct_start="
                )
            u = (t[here] - before) / (until - before)
            weight = u if self.shape == "linear" else (1 - np.cos(np.pi * u)) / 2
            values[here] = np.maximum(low + (high - low) * weight, 0)
            before = until
        return values

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        start = self.peak / 25 if self.start is None else self.start
        end = start / 10_000 if self.end is None else self.end
        rise, last = self.pct_start * clock.horizon - 1, clock.horizon - 1
        stations = [(0.0, start), (rise, self.peak), (last, end)]
        if self.three_phase:
            stations.insert(2, (2 * rise, start))
        lines: list[str] = []
        for (begin, low), (until, high) in pairwise(stations):
            weight = "u" if self.shape == "linear" else "(1 - cos(pi * u)) / 2"
            phase = [
                f"u = {code_text.time_since(begin)} / {spell(until - begin)}",
                f"return max({spell(low)} + ({spell(high)} - {spell(low)}) * {weight}, 0)",
            ]
            final = until == last
            lines += phase if final else [f"if t <= {spell(until)}:", *code_text.indented(phase)]
        return lines


def _stages(name: str, value: Any) -> tuple[Schedule, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ScheduleError(f"{name}={shown(value)} is not a list of schedules; write {name}=[linear(0.1)]")
    return tuple(get_args(Inner)[1](name, item) for item in value)


OVERWRITING = (torch_one_cycle, cosine_restarts, triangular, triangular2, exp_range)
"""Families of schedulers that compute the rate at each step without reading the previous one."""


@family
class torch_chained(Family):
    """Let several schedulers change one rate in turn, each by its own step, from `base`.

    A stage is the schedule that its scheduler would make alone from `base`. Most multiply the rate by the
    ratio of their last two values; a `torch_cosine` scales the part above eta_min; restarts, triangles and
    `torch_one_cycle` overwrite the stages before them.

    Source: ChainedScheduler of PyTorch; a product such as `linear(1) * cosine(0.1)` multiplies the curves.

    >>> from stepsize.schedules import exponential
    >>> from stepsize.units import updates
    >>> halves = exponential(1, factor=0.5, every=1 * updates)
    >>> swing = triangular(1, up=2 * updates)
    >>> torch_chained([swing, halves], base=1).plan(updates=4).values
    array([0.  , 0.25, 0.5 , 0.25])
    """

    stages: Annotated[list[Schedule] | tuple[Schedule, ...], _stages]
    _: KW_ONLY
    base: Level

    def validate(self) -> None:
        for stage in self.stages:
            if isinstance(stage, torch_cosine) and stage.offset is not None:
                raise ScheduleError(f"{stage} in a torch_chained begins at its peak; leave its offset out")

    def curve(self, t: Array, clock: Clock) -> Array:
        return _rates(self, clock)[t.astype(np.int64)]

    def moves(self, clock: Clock) -> tuple[Array, Array]:
        """Return what each step of all stages multiplies the rate by, and what it then adds."""
        factor, addend = self._moves_of(self.stages[0], clock)
        for stage in self.stages[1:]:
            scale, shift = self._moves_of(stage, clock)
            factor, addend = scale * factor, scale * addend + shift
        return factor, addend

    def _moves_of(self, stage: Schedule, clock: Clock) -> tuple[Array, Array]:
        """Return the same for one stage; zeros come as an array of one."""
        count = int(clock.horizon) + 1
        if isinstance(stage, torch_cosine):
            t_max = clock.period("t_max", stage.t_max)
            wave = in_passes(torch_cosine(2, t_max=stage.t_max), clock, count)
            scale = np.append(1.0, wave[1:] / wave[:-1])
            since = np.arange(count - 1) - t_max  # of the steps after the first, the last update before
            bottom = 1 + np.flatnonzero(since % (2 * t_max) == 0)  # where the ratio would be x / 0
            scale[bottom] = 1.0
            shift = stage.eta_min * (1 - scale)
            shift[bottom] = (stage.peak - stage.eta_min) * (1 - np.cos(np.pi / t_max)) / 2
            return scale, shift
        alone = in_passes(stage, clock, count)
        if isinstance(stage, OVERWRITING):
            return np.zeros(1), alone
        scale = np.ones_like(alone)
        scale[0] = alone[0] / self.base
        np.divide(alone[1:], alone[:-1], out=scale[1:], where=alone[:-1] > 0)
        return scale, np.zeros(1)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        raise refusal(self, "each of its schedulers changes the rate that the others left; write a product")


@family
class torch_momentum(Wrapper):
    """Fall below `high` by as much as a cycle rises: high - schedule(t).

    Source: CyclicLR of PyTorch with cycle_momentum=True, whose momentum mirrors the rate.

    >>> from stepsize.units import updates
    >>> torch_momentum(triangular2(0.5, up=1 * updates), high=0.9).plan(updates=5).values
    array([0.9 , 0.4 , 0.9 , 0.65, 0.9 ])
    """

    schedule: Inner
    _: KW_ONLY
    high: Level

    def curve(self, t: Array, clock: Clock) -> Array:
        return self.high - self.schedule.evaluate(t, clock)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return [f"return {spell(self.high)} - {self.schedule.expression('t', clock, reach, out)}"]


@lru_cache(maxsize=2)
def _rates(chain: torch_chained, clock: Clock) -> Array:
    """Return the rates of a whole run; cached, because long plans are evaluated in passes."""
    return _recursion(*chain.moves(clock), chain.base)


CHUNK = 128  # steps that are taken one by one, at once in all chunks of a run


def _recursion(factor: Array, addend: Array, first: float) -> Array:
    """Return r_t = factor_t * r_(t-1) + addend_t for all t, with r_(-1) = first.

    >>> _recursion(np.array([1.0, 0.5, 2.0]), np.array([0.0, 1.0, 0.0]), 4.0)
    array([4., 3., 6.])
    """
    count = max(factor.size, addend.size)
    chunks = -(-count // CHUNK)
    scale, shift = np.ones(chunks * CHUNK), np.zeros(chunks * CHUNK)
    scale[:count], shift[:count] = factor, addend
    scale, shift = (np.ascontiguousarray(part.reshape(chunks, CHUNK).T) for part in (scale, shift))
    for step in range(1, CHUNK):  # what the steps of a chunk up to this one do to the rate before it
        shift[step] += scale[step] * shift[step - 1]
        scale[step] *= scale[step - 1]
    ends = zip(scale[-1].tolist(), shift[-1].tolist(), strict=True)
    begins = [*accumulate(ends, lambda rate, move: move[0] * rate + move[1], initial=first)]
    return (scale * begins[:-1] + shift).T.ravel()[:count]
