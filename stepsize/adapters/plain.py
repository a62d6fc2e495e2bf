"""A plan in your own training loop, and the clock that the other adapters share."""

from __future__ import annotations

from typing import Any

from stepsize.adapters.state import Place, differences, read_state, write_state
from stepsize.checks import shown
from stepsize.errors import ScheduleError, StateError
from stepsize.schedules import Plan


class PlainSchedule:
    """Follow a plan: `rate` is for the next update, `step()` counts a completed update.

    The clock counts completed optimizer updates, not batches: do not call `step()` for a skipped update, or
    for a batch whose gradients are only accumulated.

    Raises: ScheduleError if `plan` is not a plan, or an update is past a plan with after="error".

    >>> from stepsize.schedules import linear
    >>> schedule = PlainSchedule(linear(1).plan(updates=4))
    >>> for batch in range(3):
    ...     print(schedule.rate)
    ...     schedule.step()
    1.0
    0.75
    0.5
    >>> again = PlainSchedule(schedule.plan)
    >>> again.load_state_dict(schedule.state_dict())
    >>> again.update, again.rate
    (3, 0.25)
    """

    def __init__(self, plan: Plan) -> None:
        check_plan(plan)
        factor = plan.metric_factor
        self._place = Place(plan, 0, None if factor is None else factor.init())

    @property
    def plan(self) -> Plan:
        """The plan it follows."""
        return self._place.plan

    @property
    def update(self) -> int:
        """The updates completed so far."""
        return self._place.update

    @property
    def rate(self) -> float:
        """The rate of the next update."""
        return self._place.rate

    @property
    def multiplier(self) -> float:
        """The multiplier that the metric has reached; 1 without a metric factor."""
        return self._place.multiplier

    def step(self) -> None:
        """Count one more completed update."""
        plan, update, metric = self._place
        if plan.after == "error" and update >= plan.horizon:
            plan(update)  # it raises, with what to write
        self._place = Place(plan, update + 1, metric)

    def observe(self, metric: float) -> None:
        """Observe one more value of the metric that the plan's factor, such as `plateau`, follows."""
        plan, update, state = self._place
        if plan.metric_factor is None:
            raise ScheduleError(
                f"{plan.schedule} does not follow a metric; "
                f"write for example {plan.schedule} * plateau(factor=0.5)"
            )
        self._place = Place(plan, update, plan.metric_factor.observe(state, float(metric)))

    def state_dict(self) -> dict[str, Any]:
        """Return where the run is, as plain JSON data."""
        return write_state(self._place)

    def load_state_dict(self, state: Any) -> None:
        """Continue where a run of the same plan was.

        Raises: StateError if `state` is not a state, is damaged, or belongs to another plan.
        """
        place = read_state(state)
        if place.plan != self.plan:
            raise StateError(
                f"the state belongs to another plan: {'; '.join(differences(place.plan, self.plan))}. "
                "Use the same plan, or choose how to continue: "
                'stepsize.adapters.resume(state, plan, policy="stretch")'
            )
        self._place = place


def check_plan(plan: Any, name: str = "plan") -> None:
    """Raise ScheduleError unless `plan` is a plan; `name` is the parameter, for the message."""
    if not isinstance(plan, Plan):
        raise ScheduleError(
            f"{name}={shown(plan)} is not a plan; write for example cosine(0.1).plan(updates=450), or "
            "plan(epochs=50, updates_per_epoch=9)"
        )
