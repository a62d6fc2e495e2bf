"""The clock of a run: its length in updates, and how a length resolves in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.units import Length


@dataclass(frozen=True)
class Clock:
    """What a formula knows about time: the updates of its piece, and the run that lengths refer to."""

    horizon: float
    run: int
    updates_per_epoch: int | None

    def updates(self, name: str, length: Length) -> float:
        """Return `length` in updates; `name` is the parameter, for the message."""
        try:
            return length.resolve(self.run, self.updates_per_epoch)
        except ScheduleError as error:
            raise ScheduleError(f"{name}={error}") from None

    def period(self, name: str, length: Length) -> float:
        """Return `length` in updates, which must not resolve to 0."""
        result = self.updates(name, length)
        if result == 0:
            raise ScheduleError(
                f"{name}={length} is 0 updates in a run of {self.run}; write at least 1*updates"
            )
        return result

    def times(self, name: str, lengths: Sequence[Length]) -> list[float]:
        """Return times in updates, which must be above 0 and in rising order."""
        times = [self.period(name, item) for item in lengths]
        if times != sorted(times):
            resolved = ", ".join(map(spell, times))
            raise ScheduleError(
                f"{name}={list(lengths)} resolves to updates {resolved}; write them in rising order"
            )
        return times

    def part(self, name: str, length: Length) -> float:
        """Return `length` in updates, which must fit into the horizon."""
        result = self.updates(name, length)
        if result > self.horizon:
            written = f"{name}={length}" + ("" if length.unit == "updates" else f" ({result:g} updates)")
            what = "run" if self.horizon == self.run else "piece"
            raise ScheduleError(
                f"{written} is longer than the {what} of {self.horizon:g} updates; "
                "shorten it or plan more updates"
            )
        return result
