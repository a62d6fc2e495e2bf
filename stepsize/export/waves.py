"""The formulas of the families that come back, and of schedules around a schedule, as lines of Python."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from stepsize.checks import spell
from stepsize.export.code_text import floored, level
from stepsize.export.functions import Functions, formula
from stepsize.schedules.clock import Clock
from stepsize.units import Length


def _cycles(
    out: Functions, reach: float, first: float, growth: float = 1.0, count: int | None = None
) -> tuple[list[str], str]:
    """Return the lines that give `cycle` and `since`, and the length of the cycle."""
    if growth == 1 and first.is_integer():
        if count is None:
            return [f"cycle, since = divmod(t, {spell(first)})"], spell(first)
        cycle = f"cycle = min(t // {spell(first)}, {count - 1})"
        return [cycle, f"since = min(t - {spell(first)} * cycle, {spell(first)})"], spell(first)
    longest = reach / first
    needed = longest if growth == 1 else math.log1p(longest * (growth - 1)) / math.log(growth)
    known = min(int(needed) + 2, count or math.inf)
    if growth == 1:
        starts = out.constant("STARTS", f"[{spell(first)} * n for n in range({known})]")
        length = spell(first)
    else:
        lengths = out.constant("LENGTHS", f"[{spell(first)} * {spell(growth)} ** n for n in range({known})]")
        added = f"accumulate({lengths}[:-1], initial=0)"
        starts, length = (
            out.constant("STARTS", f"[round(start, 9) for start in {added}]"),
            f"{lengths}[cycle]",
        )
    return [f"cycle = bisect({starts}, t) - 1", f"since = min(t - {starts}[cycle], {length})"], length


def _triangle(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    """Return the lines that give the height of a triangle, and the number of its cycle."""
    rise = clock.period("up", s.up)
    fall = rise if s.down is None else clock.period("down", s.down)
    lines, _ = _cycles(out, reach, rise + fall)
    up, down = f"since / {spell(rise)}", f"1 - (since - {spell(rise)}) / {spell(fall)}"
    return [*lines, f"height = {up} if since < {spell(rise)} else {down}"]


def _factors(*factors: tuple[float, str]) -> str:
    """Return what a height is multiplied by: each factor to the power of its count."""
    return "".join(f" * {spell(factor)} ** {count}" for factor, count in factors if factor != 1)


@formula
def triangular(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return [*_triangle(s, clock, reach, out), f"return {level(s.floor, s.peak, 'height')}"]


@formula
def triangular2(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    return [*_triangle(s, clock, reach, out), f"return {level(s.floor, s.peak, 'height * 0.5 ** cycle')}"]


@formula
def exp_range(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    share = "height" + _factors((s.factor, "t"))
    return [*_triangle(s, clock, reach, out), f"return {level(s.floor, s.peak, share)}"]


@formula
def sine(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    lines, length = _cycles(out, reach, 2 * clock.period("up", s.up))
    share = f"sin(pi * since / {length})" + _factors((s.cycle_factor, "cycle"), (s.update_factor, "t"))
    return [*lines, f"return {level(s.floor, s.peak, share)}"]


@formula
def sawtooth(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    lines, length = _cycles(out, reach, clock.period("every", s.every))
    height = {"linear": "left", "sine": "sin(pi * left / 2)", "cosine": "(1 - cos(pi * left)) / 2"}[s.shape]
    share = height + _factors((s.cycle_factor, "cycle"), (s.update_factor, "t"))
    return [*lines, f"left = 1 - since / {length}", f"return {level(s.floor, s.peak, share)}"]


@formula
def cosine_restarts(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    lines, length = _cycles(out, reach, clock.period("first", s.first), s.growth, s.cycles)
    share = f"(1 + cos(pi * since / {length})) / 2" + _factors((s.factor, "cycle"))
    return [*lines, f"return {level(s.floor, s.peak, share)}"]


@formula
def repeat(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    first = s.schedule.duration(clock)
    lines, length = _cycles(out, reach, first, s.growth, s.times)
    time = "since" if s.growth == 1 else f"since / ({length} / {spell(first)})"
    inner = out.at(s.schedule, replace(clock, horizon=first), first, time)
    return [*lines, f"return {inner}{_factors((s.factor, 'cycle'))}"]


@formula
def clip(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    value = out.at(s.schedule, clock, reach, "t")
    value = value if s.floor is None else f"max({value}, {spell(s.floor)})"
    return [f"return {value if s.peak is None else f'min({value}, {spell(s.peak)})'}"]


@formula
def per_epoch(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    each = clock.updates_per_epoch
    return [f"return {out.at(s.schedule, clock, reach, f't // {each} * {each}')}"]


@formula
def rescale(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    times = np.arange(int(clock.horizon) + 1, dtype=np.float64)
    greatest = float(s.schedule.evaluate(times, clock).max())
    return [f"return {out.at(s.schedule, clock, reach, 't')} * ({spell(s.peak)} / {spell(greatest)})"]


@formula
def resumed(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    at, planned = clock.part("at", s.at), round(clock.period("planned", s.planned))
    before = Clock(planned, planned, s.updates_per_epoch or clock.updates_per_epoch)
    past = [f"if t < {spell(at)}:", f"    return {out.at(s.schedule, before, at, 't')}"]
    left = clock.horizon - at
    if s.policy == "stretch":
        pace = (before.horizon - at) / left if left else 0.0
        time = f"{spell(at)} + (t - {spell(at)}) * {spell(pace)}"
        return [*past, f"return {out.at(s.schedule, before, before.horizon, time)} * {spell(s.scale)}"]
    branch = s.policy == "branch"
    local = replace(clock, horizon=left) if branch else clock
    level = float(s.schedule.evaluate(np.array([at]), before)[0]) * s.scale
    start = float(s.then.evaluate(np.array([0.0 if branch else at]), local)[0])
    value = out.at(s.then, local, reach - at if branch else reach, f"t - {spell(at)}" if branch else "t")
    return [*past, f"return {value} * ({spell(level)} / {spell(start)})" if start else f"return {value}"]


@formula
def cut(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    value = out.at(s.schedule, replace(clock, horizon=float(clock.run)), reach, "t")
    if s.end is None:
        return [f"return {value}"]
    return [f"if t < {spell(clock.horizon)}:", f"    return {value}", f"return {spell(s.end)}"]


def _offset(clock: Clock, offset: Length | None) -> str:
    return "t" if offset is None else f"(t + {spell(clock.updates('offset', offset))})"


@formula
def geometric(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    every = clock.period("every", s.every)
    steps = floored("t", every) if s.staircase else f"(t / {spell(every)})"
    return [f"return {spell(s.start)} * {spell(s.factor)} ** {steps}"]


@formula
def power_curve(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    left = "(1 - u)" if s.shape == "linear" else "((1 + cos(pi * u)) / 2)"
    way = f"({spell(s.start)} - {spell(s.end)}) * {left} ** {spell(s.power)}"
    return [f"u = t / {spell(clock.horizon)}", f"return {spell(s.end)} + {way}"]


@formula
def keras_polynomial(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    steps = spell(clock.period("decay_steps", s.decay_steps))
    way = f"({spell(s.start)} - {spell(s.end)}) * (1 - t / whole) ** {spell(s.power)}"
    return [f"whole = {steps} * max(1, ceil(t / {steps}))", f"return {spell(s.end)} + {way}"]


@formula
def torch_cosine(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    wave = f"(1 + cos(pi * {_offset(clock, s.offset)} / {spell(clock.period('t_max', s.t_max))})) / 2"
    if s.eta_min == 0:
        return [f"return {spell(s.peak)} * {wave}"]
    return [f"return {spell(s.eta_min)} + ({spell(s.peak)} - {spell(s.eta_min)}) * {wave}"]


@formula
def torch_one_cycle(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    start = s.peak / 25 if s.start is None else s.start
    end = start / 10_000 if s.end is None else s.end
    rise, last = s.pct_start * clock.horizon - 1, clock.horizon - 1
    stations = [(0.0, start), (rise, s.peak), (last, end)]
    if s.three_phase:
        stations.insert(2, (2 * rise, start))
    lines: list[str] = []
    for (begin, low), (until, high) in pairwise(stations):
        weight = "u" if s.shape == "linear" else "(1 - cos(pi * u)) / 2"
        time = f"(t - {spell(begin)})" if begin else "t"
        phase = [
            f"u = {time} / {spell(until - begin)}",
            f"return max({spell(low)} + ({spell(high)} - {spell(low)}) * {weight}, 0)",
        ]
        lines += phase if until == last else [f"if t <= {spell(until)}:", *(f"    {each}" for each in phase)]
    return lines


@formula
def transformers_restarts(s: Any, clock: Clock, reach: float, out: Functions) -> list[str]:
    length = spell(clock.horizon)
    u = f"{spell(s.cycles)} * (t / {length}) % 1"
    fall = [f"u = {u}", f"return {spell(s.peak)} * (1 + cos(pi * u)) / 2"]
    return [f"if t >= {length}:", "    return 0.0", *fall]
