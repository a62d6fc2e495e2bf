"""How formulas are written as Python: numbers, and the way between two levels."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import pairwise

from stepsize.checks import spell
from stepsize.schedules import Schedule

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


def level(low: float, high: float, share: str) -> str:
    """Return the level that is `share`, a product or a bracket, of the way up from `low` to `high`.

    >>> level(0, 0.1, "(1 - u)"), level(0.01, 0.1, "(1 - u)")
    ('0.1 * (1 - u)', '0.01 + (0.1 - 0.01) * (1 - u)')
    """
    if low == high:
        return spell(low)
    return f"{spell(high)} * {share}" if low == 0 else f"{spell(low)} + {difference(high, low)} * {share}"


def difference(high: float, low: float) -> str:
    """Return high - low in a bracket, or `high` alone above 0."""
    return spell(high) if low == 0 else f"({spell(high)} - {spell(low)})"


def way(shape: str, start: float, end: float) -> str:
    """Return the way from `start` to `end` at progress u.

    >>> way("linear", 0, 0.1), way("cosine", 0.1, 0), way("exponential", 0.1, 0.001)
    ('0.1 * u', '0.1 * (1 + cos(pi * u)) / 2', '0.1 * (0.001 / 0.1) ** u')
    """
    if start == end:
        return spell(start)
    if shape == "exponential":
        return f"{spell(start)} * ({spell(end)} / {spell(start)}) ** u"
    if end < start:
        return level(end, start, LEFT[shape].format(u="u"))
    return level(start, end, DONE[shape].format(u="u"))


def progress(length: float, closed: bool, reach: float, begin: float = 0.0) -> str:
    """Return how far a phase of `length` updates is that began at `begin`, at times t up to `reach`.

    >>> progress(45, False, 45), progress(45, True, 450, begin=9)
    ('t / 45', 'min((t - 9) / 44, 1)')
    """
    if length == 0:
        return "0"
    last = length - closed
    share = f"{since(begin)} / {spell(last)}"
    return f"min({share}, 1)" if reach - begin > last else share


def since(begin: float) -> str:
    """Return the time since `begin`."""
    return f"(t - {spell(begin)})" if begin else "t"


def along(value: str, u: str) -> list[str]:
    """Return the lines that give `value`, and before that the progress if it is in there."""
    return [f"u = {u}", f"return {value}"] if re.search(r"\bu\b", value) else [f"return {value}"]


def indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def through(stations: Sequence[tuple[float, float]], shape: str, closed: bool, reach: float) -> list[str]:
    """Return the way through levels at their times, the last of which may be `closed`.

    >>> print("\\n".join(through([(0, 0), (5, 0.1), (9, 0)], "linear", False, 9)))
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
        value = way(shape, start, goal) if end > begin else spell(start)
        phase = along(value, progress(end - begin, closed and final, reach if final else end, begin))
        lines += phase if final else [f"if t < {spell(end)}:", *indented(phase)]
    return lines


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
    """Return what a schedule is as comment lines; specs have no line breaks of their own."""
    return textwrap.fill(str(schedule), 100, initial_indent="# ", subsequent_indent="#     ")
