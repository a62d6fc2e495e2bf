"""Where the phases of one schedule begin: what a family names, and the numbering that families share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from stepsize.schedules.clock import Clock
from stepsize.units import Length

PhaseStart = tuple[float, str]
"""When a phase begins, in updates since the schedule began, and its name, such as "decay"."""

MOST, LAST = 12, 3  # phases of one schedule that are listed, and how many of them are its last
HELD = "end value holds"


def numbered(noun: str, count: int, begin: Callable[[int], float]) -> Iterator[PhaseStart]:
    """Yield numbered phases, of which the first begins at `begin(0)`; the middle of a long list is one phase.

    >>> list(numbered("drop", 2, lambda index: 10.0 * index))
    [(0.0, 'drop 1'), (10.0, 'drop 2')]
    """
    head = count if count <= MOST else MOST - LAST - 1
    yield from ((begin(index), f"{noun} {index + 1}") for index in range(head))
    if head < count:
        yield begin(head), f"... {count - head - LAST:,} more"
        yield from ((begin(index), f"{noun} {index + 1}") for index in range(count - LAST, count))


def times_within(clock: Clock, at: Sequence[Length]) -> list[float]:
    """Return those of the times `at` that come before the end."""
    return [time for time in clock.times("at", at) if time < clock.horizon]


def drops(clock: Clock, every: Length, offset: Length | None = None) -> Iterator[PhaseStart]:
    """Yield the drops of a staircase; drops at every epoch are left out, for the rates by epoch show them."""
    each = clock.updates("every", every)
    if each <= (clock.updates_per_epoch or 1):
        return
    ahead = 0.0 if offset is None else clock.updates("offset", offset)
    before = math.floor(ahead / each)  # drops that have happened at the first update
    count = math.ceil((clock.horizon + ahead) / each) - 1 - before
    yield 0.0, ""
    yield from numbered("drop", count, lambda index: (before + 1 + index) * each - ahead)
