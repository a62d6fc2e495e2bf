"""A schedule that was changed in the middle of a run: its past, and what follows."""

from __future__ import annotations

from dataclasses import KW_ONLY, replace
from typing import Annotated

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.schedules.base import Family, family
from stepsize.schedules.clock import Clock
from stepsize.schedules.curves import Array
from stepsize.schedules.fields import OptionalCount, Period, Positive, one_of
from stepsize.schedules.wrappers import Inner, OptionalInner


@family
class resumed(Family):
    """Follow `schedule`, planned for `planned`, up to `at`, and from there go on by another rule.

    With s the schedule, a = at, P = planned and T the updates of the run, "stretch" goes on with what was
    left of it, s(a + (t - a) * (P - a) / (T - a)). "rebase" takes another schedule where it stands at `at`,
    then(t) * s(a) / then(a), and "branch" takes one from its beginning, then(t - a) * s(a) / then(0). All
    three go on from s(a) * `scale`, where `scale` is what a metric had made of the rate.

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
    policy: Annotated[str, one_of("stretch", "rebase", "branch")]
    scale: Positive = 1.0
    updates_per_epoch: OptionalCount = None

    def validate(self) -> None:
        if (self.then is None) != (self.policy == "stretch"):
            wanted = "leave then= out" if self.policy == "stretch" else "write then=linear(0.1)"
            raise ScheduleError(f'then={self.then} does not go with policy="{self.policy}"; {wanted}')

    def curve(self, t: Array, clock: Clock) -> Array:
        at = clock.part("at", self.at)
        planned = round(clock.period("planned", self.planned))
        before = Clock(planned, planned, self.updates_per_epoch or clock.updates_per_epoch)
        level = float(self.schedule.evaluate(np.array([at]), before)[0]) * self.scale
        ran = t < at
        values = np.empty_like(t)
        values[ran] = self.schedule.evaluate(t[ran], before)
        values[~ran] = self._after(t[~ran], at, level, before, clock)
        return values

    def _after(self, t: Array, at: float, level: float, before: Clock, clock: Clock) -> Array:
        left = clock.horizon - at
        if self.policy == "stretch":
            if at >= before.horizon:
                raise ScheduleError(
                    f'at={self.at} leaves nothing of {self.planned} to stretch; write policy="branch"'
                )
            pace = (before.horizon - at) / left if left else 0.0
            return self.schedule.evaluate(at + (t - at) * pace, before) * self.scale
        then = self.then
        assert then is not None  # validate
        own = self.policy == "rebase"  # then it stands where the run is, and does not begin there
        since, local = (t, clock) if own else (t - at, replace(clock, horizon=left))
        start = float(then.evaluate(np.array([at if own else 0.0]), local)[0])
        if start == 0 and level > 0:
            raise ScheduleError(f"{then} is 0 where it would go on from {level:g}; write another")
        return then.evaluate(since, local) * (level / start if start else 1.0)
