"""The formulas of the families that go one way, as lines of Python; `waves` has those that come back."""

from __future__ import annotations

import math
from typing import Any

from stepsize.checks import spell
from stepsize.export.code_text import along, floored, index, level, progress, since, through, way
from stepsize.export.functions import Functions, formula
from stepsize.schedules.clock import Clock


@formula
def linear(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return along(way("linear", s.peak, s.floor), progress(clock.horizon, s.closed, reach))


@formula
def polynomial(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    share = f"(1 - u) ** {spell(s.power)}"
    return along(level(s.floor, s.peak, share), progress(clock.horizon, s.closed, reach))


@formula
def cosine(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return along(way("cosine", s.peak, s.floor), progress(clock.horizon, s.closed, reach))


@formula
def exponential(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    if s.floor is not None:
        return along(way("exponential", s.peak, s.floor), progress(clock.horizon, s.closed, reach))
    return [f"return {spell(s.peak)} * {spell(s.factor)} ** {_steps(s, clock)}"]


@formula
def natural_exponential(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return [f"return {spell(s.peak)} * exp(-{spell(s.rate)} * {_steps(s, clock)})"]


@formula
def inverse_time(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    if not s.compounding:
        return [f"return {spell(s.peak)} / (1 + {spell(s.rate)} * {_steps(s, clock)})"]
    last = int(reach / clock.period("every", s.every))
    divided = f"lambda rate, n: rate / (1 + {spell(s.rate)} * n)"
    table = f"list(accumulate(range(1, {last + 1}), {divided}, initial={s.peak}))"
    return [f"return {out.constant('STAIRS', table)}[{index('t', clock.period('every', s.every))}]"]


@formula
def inverse_sqrt(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return [f"return {spell(s.peak)} / sqrt(1 + t / {spell(clock.period('timescale', s.timescale))})"]


@formula
def power_law(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    timescale = spell(clock.period("timescale", s.timescale))
    return [f"return {spell(s.peak)} * (1 + t / {timescale}) ** -{spell(s.power)}"]


def _steps(s: Any, clock: Clock) -> str:
    """Return the steps of `every` that are done at t."""
    every = clock.period("every", s.every)
    return floored("t", every) if s.staircase else f"(t / {spell(every)})"


@formula
def step_decay(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    offset = 0.0 if s.offset is None else clock.updates("offset", s.offset)
    time = f"(t + {spell(offset)})" if offset else "t"
    rate = f"{spell(s.peak)} * {spell(s.factor)} ** {floored(time, clock.period('every', s.every))}"
    return [f"return max({rate}, {spell(s.floor)})" if s.floor else f"return {rate}"]


@formula
def multistep(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    times = ", ".join(map(spell, clock.times("at", s.at)))
    return [f"drops = bisect([{times}], t)", f"return {spell(s.peak)} * {spell(s.factor)} ** drops"]


@formula
def piecewise_constant(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    times = ", ".join(map(spell, clock.times("at", s.at)))
    return [f"return [{', '.join(map(spell, s.values))}][bisect([{times}], t)]"]


@formula
def piecewise_interpolated(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    times = clock.times("at", s.at)
    stations = zip([0.0, *times, math.inf], [*s.values, s.values[-1]], strict=True)
    return through(list(stations), s.shape, False, reach)


@formula
def wsd(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    if s.ratio is None:
        return _at_the_end(s, clock, reach, way(s.shape, s.peak, s.floor))
    ratio = spell(s.ratio)
    share = f"({ratio}**u - {ratio}) / (1 - {ratio})"
    return _at_the_end(s, clock, reach, level(s.floor, s.peak, share))


@formula
def flat_cosine(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return _at_the_end(s, clock, reach, way("cosine", s.peak, s.floor))


def _at_the_end(s: Any, clock: Clock, reach: float, value: str) -> list[str]:
    """Return the peak, and `value` in the last `decay` updates."""
    lasts = clock.part("decay", s.decay)
    begin = clock.horizon - lasts
    if lasts == 0:
        return [f"return {spell(s.peak)}"]
    stays = [f"if t < {spell(begin)}:", f"    return {spell(s.peak)}"] if begin else []
    return stays + along(value, progress(lasts, s.closed, reach, begin))


@formula
def one_cycle(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    start = s.peak / 25 if s.start is None else s.start
    floor = start / 10_000 if s.floor is None else s.floor
    return _there_and_back(s, clock, reach, start, s.peak, floor)


@formula
def one_cycle_momentum(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return _there_and_back(s, clock, reach, s.high, s.low, s.high)


def _there_and_back(s: Any, clock: Clock, reach: float, first: float, turn: float, last: float) -> list[str]:
    there = clock.part("warmup", s.warmup)
    back = [] if s.down is None else [(there + clock.part("down", s.down), first)]
    return through([(0.0, first), (there, turn), *back, (clock.horizon, last)], s.shape, s.closed, reach)


@formula
def slanted_triangular(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    low, rise = s.peak / s.ratio, clock.part("warmup", s.warmup)
    return through([(0.0, low), (rise, s.peak), (clock.horizon, low)], "linear", s.closed, reach)


@formula
def noam(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    offset, rise = clock.updates("offset", s.offset), spell(clock.period("warmup", s.warmup))
    scale = f"{spell(s.scale)} / sqrt({s.d_model})"
    return [
        f"n = t + {spell(offset)}",
        f"if n < {rise}:",
        f"    return {scale} * n / {rise}**1.5",
        f"return {scale} / sqrt(n)",
    ]


@formula
def rex(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    value = level(s.floor, s.peak, "(1 - u) / (1 - u / 2)")
    return along(value, progress(clock.horizon, s.closed, reach))


@formula
def k_decay(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    v = f"u ** {spell(s.k)}"
    share = f"(1 - {v})" if s.shape == "linear" else f"(1 + cos(pi * {v})) / 2"
    if s.power != 1:
        share = f"({share}) ** {spell(s.power)}"
    return along(level(s.floor, s.peak, share), progress(clock.horizon, s.closed, reach))


@formula
def tanh(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    share = f"(1 - tanh({spell(s.lower)} * (1 - u) + {spell(s.upper)} * u)) / 2"
    return along(level(s.floor, s.peak, share), progress(clock.horizon, s.closed, reach))


@formula
def sigmoid(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    middle, timescale = clock.updates("middle", s.middle), clock.period("timescale", s.timescale)
    steps = f"{since(middle)} / {spell(timescale)}"
    share = f"(1 {'+' if s.rising else '-'} tanh({steps} / 2)) / 2"
    return [f"return {level(s.floor, s.peak, share)}"]


@formula
def hyperbolic(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    end, bound = spell(clock.horizon), spell(clock.period("bound", s.bound))
    return [
        f"height = sqrt(({end} - t) / {bound} * (2 - ({end} + t) / {bound}))",
        f"u = sqrt({end} / {bound} * (2 - {end} / {bound})) - height",
        f"return {way(s.shape, s.peak, s.floor)}",
    ]


@formula
def linear_cosine(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return [
        f"u = {progress(clock.horizon, s.closed, reach)}",
        f"wave = (1 + cos(2 * pi * {spell(s.periods)} * u)) / 2",
        f"return {spell(s.peak)} * (({spell(s.alpha + 1)} - u) * wave + {spell(s.beta)})",
    ]


@formula
def chebyshev(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    low, high, count = spell(1 / s.peak), spell(1 / s.floor), s.steps
    order = out.constant("ORDER", "[0]")
    out.blocks[-1] += (
        f"\nwhile len({order}) < {count}:  # large steps stand next to small ones\n"
        f"    {order} = [n for k in {order} for n in (k, 2 * len({order}) - 1 - k)]"
    )
    taken = f"{low} + ({high} - {low}) * (1 - cos((n + 0.5) * pi / {count})) / 2"
    steps = out.constant("STEPS", f"[1 / ({taken}) for n in {order}]")
    return [f"return {steps}[{index('t', clock.period('every', s.every))} % {count}]"]


@formula
def noise(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    every = clock.period("every", s.every)
    drawn = f"np.random.default_rng({s.seed}).uniform(-1, 1, {int(reach / every) + 1})"
    table = out.constant("NOISE", f"(1 + {spell(s.share)} * {drawn}).tolist()")
    return [f"return {table}[{index('t', every)}]"]
