"""The functions of an exported file: one for each part of a schedule, in plain Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.export.code_text import along, comment, indented, progress, way
from stepsize.schedules import Join, Product, Schedule, Sum, constant, warmup
from stepsize.schedules.clock import Clock
from stepsize.schedules.wrappers import Wrapper

Formula = Callable[[Any, Clock, float, "Functions"], list[str]]
FORMULAS: dict[str, Formula] = {}
"""The body of each family's function of the time t: its schedule, its clock, and the latest t it will see."""

REFUSED: dict[str, str] = {
    "custom": "its function is code of your own; use that function itself",
    "keras_restarts": "it restarts by a logarithm in float32; export it --to keras, or write cosine_restarts",
    "torch_chained": "each of its schedulers changes the rate that the others left; write a product",
    **dict.fromkeys(
        ("timm_cosine", "timm_multistep", "timm_poly", "timm_step", "timm_tanh", "timm_wsd"),
        "it is the rule of a scheduler of timm; construct that one",
    ),
}
"""Families that have no formula to write down, and why."""


def formula(function: Formula) -> Formula:
    """Make a function the formula of the family it is named after."""
    FORMULAS[function.__name__] = function
    return function


@dataclass
class Functions:
    """Collects functions and constants, each under a name of its own."""

    blocks: list[str] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)

    def constant(self, name: str, value: str) -> str:
        """Define a constant; give its name."""
        name = self._name(name)
        self.blocks.append(f"{name} = {value}")
        return name

    def text(self) -> str:
        """Return all of them, constants in a row without blank lines between."""
        both = [(block, "\n" if block[0].isupper() else "\n\n\n") for block in self.blocks]
        gaps = [min(here, next_) for (_, here), (_, next_) in pairwise([*both, ("", "\n\n\n")])]
        return "".join(block + gap for block, gap in zip(self.blocks, gaps, strict=True))

    def at(self, schedule: Schedule, clock: Clock, reach: float, t: str) -> str:
        """Return the value of a schedule at the time `t`; unless that is one number, define a function."""
        if isinstance(schedule, constant):
            return spell(schedule.value)
        return self._define(schedule, self.body(schedule, clock, reach), t)

    def body(self, schedule: Schedule, clock: Clock, reach: float) -> list[str]:
        """Return the body of the function of a schedule that is asked for times t up to `reach`."""
        if isinstance(schedule, Join):
            return self._join(schedule, clock, reach)
        if isinstance(schedule, Product):
            assert isinstance(schedule.scale, float)  # a plan has no knobs
            factors = [self.at(factor, clock, reach, "t") for factor in schedule.factors]
            return [
                "return " + " * ".join(factors if schedule.scale == 1 else [spell(schedule.scale), *factors])
            ]
        if isinstance(schedule, Sum):
            return ["return " + " + ".join(self.at(term, clock, reach, "t") for term in schedule.terms)]
        name = type(schedule).__name__
        if name not in FORMULAS:
            reason = REFUSED.get(name, "its formula has not been written down for that")
            raise ScheduleError(f"{schedule} cannot be exported: {reason}")
        if isinstance(schedule, Wrapper):
            return FORMULAS[name](schedule, clock, reach, self)
        own = schedule.duration(clock)
        horizon = clock.horizon if own is None else own
        lines = FORMULAS[name](schedule, replace(clock, horizon=horizon), min(reach, horizon), self)
        stays = reach > horizon and any(re.search(r"\bt\b", line) for line in lines)
        return [f"t = min(t, {spell(horizon)})", *lines] if stays else lines

    def _join(self, schedule: Join, clock: Clock, reach: float) -> list[str]:
        """Return one branch for each piece that has updates."""
        starts = [0.0]
        for piece in schedule.pieces[:-1]:
            starts.append(starts[-1] + (piece.duration(clock) or 0.0))
        lines: list[str] = []
        for index, (start, end) in enumerate(pairwise([*starts, clock.horizon])):
            final = index + 1 == len(schedule.pieces)
            if start >= end and not final:
                continue
            piece, local = schedule.pieces[index], replace(clock, horizon=end - start)
            time = f"t - {spell(start)}" if start else "t"
            lasts = reach - start if final else end - start
            if isinstance(piece, warmup):
                goal = float(schedule.evaluate(np.array([end]), clock)[0])
                value = self._define(piece, climb(piece, goal, local), time)
            else:
                value = self.at(piece, local, lasts, time)
            lines += [f"return {value}"] if final else [f"if t < {spell(end)}:", f"    return {value}"]
        return lines

    def _define(self, schedule: Schedule, body: list[str], t: str) -> str:
        name = self._name(f"{type(schedule).__name__.lower()}_rate")
        self.blocks.append("\n".join([comment(schedule), f"def {name}(t):", *indented(body)]))
        return f"{name}({t})"

    def _name(self, name: str) -> str:
        self.taken[name] = count = self.taken.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"


def climb(piece: warmup, goal: float, clock: Clock) -> list[str]:
    """Return the body of the function of a warmup that leads to `goal`."""
    length = clock.horizon
    u = progress(length, piece.closed, length)
    if piece.shape == "log":
        last = spell(length - piece.closed)
        u = f"log1p({f'min(t, {last})' if piece.closed else 't'}) / log1p({last})"
    shape = {"log": "linear", "1-sqrt": "late"}.get(piece.shape, piece.shape)
    return along(way(shape, piece.start, goal), u)
