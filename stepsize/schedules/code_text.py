"""Formulas as lines of Python: the twins in text of `curves`, and the functions of an exported file.

The lines are the body of a function of the time `t`; `reach` is the latest `t` that it will see.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.units import Length

if TYPE_CHECKING:
    from stepsize.schedules.base import Schedule
    from stepsize.schedules.clock import Clock

# The share of the way that is done at progress u, and the share that is left.
DONE = {
    "linear": "{u}",
    "cosine": "(1 - cos(pi * {u})) / 2",
    "1-sqrt": "sqrt({u})",
    "late": "(1 - sqrt(1 - {u}))",
    "square": "{u}**2",
    "mirror-cosine": "(2 * {u} - (1 - cos(pi * {u})) / 2)",
}
LEFT = {
    "linear": "(1 - {u})",
    "cosine": "(1 + cos(pi * {u})) / 2",
    "1-sqrt": "(1 - sqrt({u}))",
    "late": "sqrt(1 - {u})",
    "square": "(1 - {u}**2)",
    "mirror-cosine": "(2 - 2 * {u} - (1 + cos(pi * {u})) / 2)",
}


@dataclass
class Functions:
    """Collect the functions and constants of an exported file, each under a name of its own."""

    blocks: list[str] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)

    def define(self, schedule: Schedule, body: Sequence[str], t: str) -> str:
        """Define the function of a schedule and return its call at the time `t`."""
        name = self._name(f"{type(schedule).__name__.lower()}_rate")
        self.blocks.append("\n".join([comment(schedule), f"def {name}(t):", *indented(body)]))
        return f"{name}({t})"

    def constant(self, name: str, value: str) -> str:
        """Define a constant and return its name."""
        name = self._name(name)
        self.blocks.append(f"{name} = {value}")
        return name

    def text(self) -> str:
        """Return all of them, constants in a row without blank lines between."""
        both = [(block, "\n" if block[0].isupper() else "\n\n\n") for block in self.blocks]
        gaps = [min(here, next_) for (_, here), (_, next_) in pairwise([*both, ("", "\n\n\n")])]
        return "".join(block + gap for block, gap in zip(self.blocks, gaps, strict=True))

    def _name(self, name: str) -> str:
        self.taken[name] = count = self.taken.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"


def refusal(schedule: Schedule, reason: str) -> ScheduleError:
    """Return the error of a schedule that has no formula in plain Python."""
    return ScheduleError(f"{schedule} cannot be exported: {reason}")


def between(low: float, high: float, share: str) -> str:
    """Return the value that is `share`, a product or a bracket, of the way up from `low` to `high`.

    >>> between(0, 0.1, "(1 - u)"), between(0.01, 0.1, "(1 - u)")
    ('0.1 * (1 - u)', '0.01 + (0.1 - 0.01) * (1 - u)')
    """
    if low == high:
        return spell(low)
    if low == 0:
        return f"{spell(high)} * {share}"
    return f"{spell(low)} + ({spell(high)} - {spell(low)}) * {share}"


def shaped(shape: str, start: float, end: float) -> str:
    """Return the way from `start` to `end` at progress u, in one of the shapes or geometrically.

    >>> shaped("linear", 0, 0.1), shaped("cosine", 0.1, 0), shaped("exponential", 0.1, 0.001)
    ('0.1 * u', '0.1 * (1 + cos(pi * u)) / 2', '0.1 * (0.001 / 0.1) ** u')
    """
    if start == end:
        return spell(start)
    if shape == "exponential":
        return f"{spell(start)} * ({spell(end)} / {spell(start)}) ** u"
    if end < start:
        return between(end, start, LEFT[shape].format(u="u"))
    return between(start, end, DONE[shape].format(u="u"))


def progress(length: float, closed: bool, reach: float, begin: float = 0.0) -> str:
    """Return the progress of a phase of `length` updates that began at `begin`, at times t up to `reach`.

    >>> progress(45, False, 45), progress(45, True, 450, begin=9)
    ('t / 45', 'min((t - 9) / 44, 1)')
    """
    if length == 0:
        return "0"
    last = length - closed
    share = f"{time_since(begin)} / {spell(last)}"
    return f"min({share}, 1)" if reach - begin > last else share


def phase(value: str, length: float, closed: bool, reach: float, begin: float = 0.0) -> list[str]:
    """Return the lines of a phase: its progress u, if `value` has that in it, and the value.

    >>> phase("0.1 * u", 45, False, 45), phase("0.1", 45, False, 45)
    (['u = t / 45', 'return 0.1 * u'], ['return 0.1'])
    """
    return with_progress(value, progress(length, closed, reach, begin))


def with_progress(value: str, u: str) -> list[str]:
    """Return the lines of a value, and before it the progress `u` if that is in it."""
    return [f"u = {u}", f"return {value}"] if re.search(r"\bu\b", value) else [f"return {value}"]


def interpolated(
    stations: Sequence[tuple[float, float]], shape: str, closed: bool, reach: float
) -> list[str]:
    """Return the lines that lead through levels at their times; the last phase may be `closed`.

    >>> print(*interpolated([(0, 0), (5, 0.1), (9, 0)], "linear", False, 9), sep="\\n")
    if t < 5:
        u = t / 5
        return 0.1 * u
    u = (t - 5) / 4
    return 0.1 * (1 - u)
    """
    lines: list[str] = []
    for number, ((begin, start), (end, goal)) in enumerate(pairwise(stations), start=2):
        final = number == len(stations)
        if begin >= end and not final:
            continue
        value = shaped(shape, start, goal) if end > begin else spell(start)
        part = phase(value, end - begin, closed and final, reach if final else end, begin)
        lines += part if final else [f"if t < {spell(end)}:", *indented(part)]
    return lines


def indented(lines: Sequence[str]) -> list[str]:
    """Return lines one level deeper."""
    return [f"    {line}" for line in lines]


def time_since(begin: float) -> str:
    """Return the time since `begin`.

    >>> time_since(0), time_since(9)
    ('t', '(t - 9)')
    """
    return f"(t - {spell(begin)})" if begin else "t"


def time_with(clock: Clock, offset: Length | None) -> str:
    """Return the time with an offset, of whatever length."""
    return "t" if offset is None else f"(t + {spell(clock.updates('offset', offset))})"


def steps(clock: Clock, every: Length, staircase: bool) -> str:
    """Return the steps of `every` that are done at t, rounded down in a staircase."""
    updates = clock.period("every", every)
    return floored("t", updates) if staircase else f"(t / {spell(updates)})"


def factors(*powers: tuple[float, str]) -> str:
    """Return what a value is multiplied by: each factor to the power of its count.

    >>> factors((0.5, "cycle"), (1, "t"))
    ' * 0.5 ** cycle'
    """
    return "".join(f" * {spell(factor)} ** {count}" for factor, count in powers if factor != 1)


def numbers(values: Sequence[float]) -> str:
    """Return a list of numbers.

    >>> numbers([1, 0.5])
    '[1, 0.5]'
    """
    return f"[{', '.join(map(spell, values))}]"


def floored(t: str, every: float) -> str:
    """Return t / every rounded down; only whole numbers divide without rounding errors.

    >>> floored("t", 9.0), floored("t", 2.5), floored("t", 1.0)
    ('(t // 9)', 'floor(t / 2.5)', 'floor(t)')
    """
    if every == 1:
        return f"floor({t})"
    return f"({t} // {spell(every)})" if every.is_integer() else f"floor({t} / {spell(every)})"


def index(t: str, every: float) -> str:
    """Return t / every rounded down, as an integer."""
    text = floored(t, every)
    return text if text.startswith("floor") else f"int{text}"


def comment(schedule: Schedule) -> str:
    """Return the spec of a schedule as comment lines; it has no line breaks of its own."""
    return textwrap.fill(str(schedule), 100, initial_indent="# ", subsequent_indent="#     ")
