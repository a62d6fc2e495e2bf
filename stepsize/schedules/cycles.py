"""Cycles of equal or growing length: their arithmetic, the same as text, and the phases they make."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array
from stepsize.schedules.phase_starts import HELD, PhaseStart, numbered


def cycles(
    t: Array, first: float, growth: float = 1.0, count: int | None = None
) -> tuple[Array, Array, Array]:
    """Return for each `t` the number of its cycle, the time since that began, and the length it has.

    The first cycle has `first` updates and each later one `growth` times those of the one before. A `t` after
    the last of `count` cycles stays at its end. Numbers and lengths that all `t` share come as arrays of one.

    >>> [part.tolist() for part in cycles(np.array([0.0, 9.0, 10.0, 35.0]), first=10, growth=2)]
    [[0.0, 0.0, 1.0, 2.0], [0.0, 9.0, 0.0, 5.0], [10.0, 10.0, 20.0, 40.0]]
    """
    if first < 1:
        raise ScheduleError(f"a cycle of {first:g} updates is too short; write at least 1*updates")
    if growth == 1:
        index = np.floor(t / first)
        index += first * (index + 1) <= t  # where rounding moved t / first across a whole number
        index -= first * index > t
        index = collapsed(index if count is None else np.minimum(index, count - 1))
        return index, np.minimum(t - first * index, first), np.array(first)
    needed = np.log1p(t.max(initial=0) / first * (growth - 1)) / np.log(growth)
    lengths = first * growth ** np.arange(int(needed) + 2, dtype=np.float64)
    # The binary noise of the sums is taken off, so that no restart is missed.
    starts = np.round(np.cumsum(lengths) - lengths, 9)
    # Few cycles are within reach of one pass of a long plan, often only one.
    low, high = np.searchsorted(starts, [t.min(initial=np.inf), t.max(initial=0)], side="right")
    index = low - 1 + np.searchsorted(starts[low:high], t if low < high else t[:1], side="right")
    if count is not None:
        index = np.minimum(index, count - 1)
    length = lengths[index]
    return index.astype(np.float64), np.minimum(t - starts[index], length), length


def collapsed(numbers: Array) -> Array:
    """Return an array of equal numbers as an array of one, which most passes of a long plan have.

    >>> collapsed(np.array([2.0, 2.0])), collapsed(np.array([2.0, 3.0]))
    (array([2.]), array([2., 3.]))
    """
    return numbers[:1] if (numbers == numbers[:1]).all() else numbers


def cycles_code(
    out: Functions, reach: float, first: float, growth: float = 1.0, count: int | None = None
) -> tuple[list[str], str]:
    """Return the lines that define `cycle` and `since` as `cycles` does, and the length of the cycle."""
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
        sums = f"accumulate({lengths}[:-1], initial=0)"
        starts = out.constant("STARTS", f"[round(start, 9) for start in {sums}]")
        length = f"{lengths}[cycle]"
    return [f"cycle = bisect({starts}, t) - 1", f"since = min(t - {starts}[cycle], {length})"], length


def cycle_phases(
    clock: Clock, first: float, growth: float = 1.0, most: int | None = None
) -> Iterator[PhaseStart]:
    """Yield the cycles up to the end, the first of which has `first` updates; at most `most` of them."""

    def begin(index: int) -> float:
        return round(first * float((growth ** np.arange(index)).sum()), 9)

    index, *_ = cycles(np.array([np.nextafter(clock.horizon, 0)]), first, growth, most)
    count = int(index.max()) + 1
    yield from numbered("cycle", count, begin)
    if count == most:
        yield begin(count), HELD
