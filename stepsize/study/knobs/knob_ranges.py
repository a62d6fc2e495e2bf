"""The ranges of knobs: where a study may look for the best value of each free name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, NamedTuple

from stepsize.checks import is_number, python_number, shown
from stepsize.errors import StudyError
from stepsize.units import is_knob_name

LOG = "log"
EXAMPLE = 'knobs={"w": [0, 0.3], "f": [0.001, 1, "log"]}'


@dataclass(frozen=True)
class KnobRange:
    """The values that a knob may have: from `low` to `high`, even on a log scale if `log` is true."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def of(cls, name: str, value: Any) -> KnobRange:
        """Return the range of `[low, high]` or `[low, high, "log"]`.

        Raises: StudyError for anything else.

        >>> KnobRange.of("f", [0.001, 1, "log"])
        KnobRange(low=0.001, high=1.0, log=True)
        """
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        ends = [python_number(end) for end in value[:2]] if is_list else []
        log = is_list and list(value[2:]) == [LOG]
        if len(ends) < 2 or (len(value) > 2 and not log) or not all(map(is_number, ends)):
            raise StudyError(
                f'knobs: {name}={shown(value)} is not a range; write {name}=[low, high] or [low, high, "log"]'
            )
        low, high = map(float, ends)
        if not 0 <= low < high < float("inf") or (log and low == 0):
            rule = "above 0" if log else "of at least 0"
            raise StudyError(
                f"knobs: {name}={shown(value)} must go from a lower to a higher finite number {rule}"
            )
        return cls(low, high, log)

    def plain(self) -> list[Any]:
        """Return the range as a study file writes it."""
        return [self.low, self.high, *([LOG] if self.log else [])]

    def nearest_end(self, value: float) -> float | None:
        """Return the end that a value lies at, within a twentieth of the range; None inside.

        >>> KnobRange(0, 0.3).nearest_end(0.29), KnobRange(0.001, 1, log=True).nearest_end(0.03)
        (0.3, None)
        """
        share = self.share(value)
        return self.low if share < 0.05 else self.high if share > 0.95 else None

    def at(self, share: float) -> float:
        """Return the value that lies so far from `low` to `high`, to three digits.

        >>> KnobRange(0, 0.3).at(0.5), KnobRange(0.01, 1, log=True).at(0.5)
        (0.15, 0.1)
        """
        value = (
            self.low * (self.high / self.low) ** share
            if self.log
            else self.low + share * (self.high - self.low)
        )
        return float(f"{value:.3g}")

    def share(self, value: float) -> float:
        """Return how far from `low` to `high` a value lies, from 0 to 1."""
        if self.log:
            return log(value / self.low) / log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


Ranges = Mapping[str, KnobRange]


def read_ranges(knobs: Any) -> dict[str, KnobRange]:
    """Return the ranges of a `knobs` table.

    Raises: StudyError for what is not a table of ranges.
    """
    if not isinstance(knobs, Mapping):
        raise StudyError(f"knobs={shown(knobs)} is not a table; write for example {EXAMPLE}")
    for name in knobs:
        if not isinstance(name, str) or not is_knob_name(name):
            raise StudyError(f"knobs: {shown(name)} cannot name a knob; write for example {EXAMPLE}")
    return {name: KnobRange.of(name, value) for name, value in knobs.items()}


def plain_ranges(ranges: Ranges) -> dict[str, list[Any]]:
    """Return ranges as a `knobs` table."""
    return {name: each.plain() for name, each in ranges.items()}


class Axis(NamedTuple):
    """A knob in a search: its name, its range, and its only values if it has no others."""

    name: str
    range: KnobRange
    only: tuple[int, ...] = ()

    @property
    def ends(self) -> tuple[float, ...]:
        """The ends of the range, or the only values."""
        return self.only or (self.range.low, self.range.high)


def batch_sizes(name: str, allowed: KnobRange) -> tuple[int, ...]:
    """Return the batch sizes of a range: its powers of two, because each size is a program of its own.

    Raises: StudyError if there are fewer than two.

    >>> batch_sizes("b", KnobRange(10, 70))
    (16, 32, 64)
    """
    sizes = tuple(2**power for power in range(31) if allowed.low <= 2**power <= allowed.high)
    if len(sizes) < 2:
        raise StudyError(
            f"knobs: {name}={allowed.plain()} has fewer than two powers of 2, which batch sizes are; write "
            f"for example {name}=[8, 64]"
        )
    return sizes
