"""A schedule that was changed in the middle of a run: its past, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, replace
from typing import Annotated

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import OptionalCount, Period, Positive, one_of
from stepsize.schedules.phase_starts import PhaseStart
from stepsize.schedules.wrappers import Inner, OptionalInner

RESTART = 'write policy="restart" and a schedule that begins here at its own rates'


@family
class resumed(Family):
    """Follow `schedule`, planned for `planned`, up to `at`, and continue from there by another rule.

    With s the schedule, a = at, P = planned and T the updates of the run, "stretch" continues with the
    rest of it, s(a + (t - a) * (P - a) / (T - a)). "rebase" takes another schedule where it stands at `at`,
    then(t) * s(a) / then(a), and "branch" takes one from its beginning, then(t - a) * s(a) / then(0). All
    three continue from s(a) * `scale`, where `scale` is the multiplier that a metric had reached. "restart"
    takes another schedule from its beginning and at its own rates, then(t - a).

    Source: our own; `stepsize.adapters.resume` writes it from the state of a run.

    >>> from stepsize.schedules import linear
    >>> from stepsize.units import updates
    >>> cut = resumed(linear(0.4), at=2 * updates, planned=4 * updates, policy="stretch")
    >>> cut.plan(updates=6).values
    array([0.4 , 0.3 , 0.2 , 0.15, 0.1 , 0.05])
    """

    schedule: Inner
    _: KW_ONLY
    then: OptionalInner = None
    at: Period
    planned: Period
    policy: Annotated[str, one_of("stretch", "rebase", "branch", "restart")]
    scale: Positive = 1.0
    updates_per_epoch: OptionalCount = None

    def validate(self) -> None:
        if (self.then is None) != (self.policy == "stretch"):
            wanted = "leave then= out" if self.policy == "stretch" else "write then=linear(0.1)"
            raise ScheduleError(f'then={self.then} cannot be used with policy="{self.policy}"; {wanted}')

    def curve(self, t: Array, clock: Clock) -> Array:
        at, before = clock.part("at", self.at), self._before(clock)
        late = t >= at
        if self.policy == "stretch":
            if at >= before.horizon:
                raise ScheduleError(f"at={self.at} leaves nothing of {self.planned} to stretch; {RESTART}")
            stretched = np.where(late, at + (t - at) * _pace(at, before, clock), t)
            return self.schedule.evaluate(stretched, before) * np.where(late, self.scale, 1.0)
        # Each schedule is evaluated once, at the change too: a run may have been resumed many times.
        past = self.schedule.evaluate(np.append(t[~late], at), before)
        then, origin, local = self._follower(at, clock)
        rest = then.evaluate(np.append(t[late], at) - origin, local)
        values = np.empty_like(t)
        values[~late] = past[:-1]
        values[late] = rest[:-1] * self._factor(float(past[-1]) * self.scale, float(rest[-1]), at)
        return values

    def _before(self, clock: Clock) -> Clock:
        """Return the clock of the run as it was planned at first."""
        planned = round(clock.period("planned", self.planned))
        return Clock(planned, planned, self.updates_per_epoch or clock.updates_per_epoch)

    def _follower(self, at: float, clock: Clock) -> tuple[Schedule, float, Clock]:
        """Return the schedule that follows, the update at which its time is 0, and its clock."""
        assert self.then is not None  # validate
        if self.policy == "rebase":  # it is taken where the run is, not from its beginning
            return self.then, 0.0, clock
        return self.then, at, replace(clock, horizon=clock.horizon - at)

    def _factor(self, level: float, start: float, at: float) -> float:
        """Return what the schedule that follows is multiplied by, from the rates of both at the change."""
        if self.policy == "restart" or level == start == 0:
            return 1.0
        if start == 0:
            raise ScheduleError(
                f"{self.then} is 0 where it would continue from {level:g}; write another schedule"
            )
        if level == 0:
            raise ScheduleError(
                f"{self.schedule} is 0 at {spell(at)}*updates, and {self.then} times 0 would train at "
                f"rate 0; {RESTART}"
            )
        return level / start

    def _levels(self, at: float, before: Clock, clock: Clock) -> tuple[float, float]:
        """Return the rate at which the run was changed, and the value there of the schedule that follows."""
        then, origin, local = self._follower(at, clock)
        level = float(self.schedule.evaluate(np.array([at]), before)[0]) * self.scale
        return level, float(then.evaluate(np.array([at - origin]), local)[0])

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        at, before = clock.part("at", self.at), self._before(clock)
        past = [f"if t < {spell(at)}:", f"    return {self.schedule.expression('t', before, at, out)}"]
        if self.policy == "stretch":
            time = f"{spell(at)} + (t - {spell(at)}) * {spell(_pace(at, before, clock))}"
            value = self.schedule.expression(time, before, before.horizon, out)
            return [*past, f"return {value} * {spell(self.scale)}"]
        then, origin, local = self._follower(at, clock)
        level, start = self._levels(at, before, clock)
        value = then.expression(f"t - {spell(at)}" if origin else "t", local, reach - origin, out)
        scaled = self._factor(level, start, at) != 1
        return [*past, f"return {value} * ({spell(level)} / {spell(start)})" if scaled else f"return {value}"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        yield 0.0, "as it was"
        yield clock.updates("at", self.at), self.policy


def _pace(at: float, before: Clock, clock: Clock) -> float:
    """Return the updates of the planned run that one update of the rest of this run takes."""
    left = clock.horizon - at
    return (before.horizon - at) / left if left else 0.0
