"""A plan in your own training loop, and the clock that the other adapters share."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from stepsize.adapters.state import Place, differences, read_state, write_state
from stepsize.checks import python_number, shown
from stepsize.errors import ScheduleError, StateError
from stepsize.schedules import Plan
from stepsize.schedules.callers import past_end

FRAMEWORKS = ("stepsize", "torch", "keras", "jax", "tensorflow")  # whose lines a user did not write
NEVER = -1  # an update that does not come
EPOCHS_UNOBSERVED = 10  # after so many a metric should have been observed, or after half of the run


class PlainSchedule:
    """Follow a plan: `rate` is for the next update, `step()` counts a completed update.

    The clock counts completed optimizer updates, not batches: do not call `step()` for a skipped update, or
    for a batch whose gradients are only accumulated. A run whose state is lost begins at `update`.

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

    def __init__(self, plan: Plan, update: int = 0) -> None:
        check_plan(plan)
        update = python_number(update)
        if isinstance(update, bool) or not isinstance(update, int) or update < 0:
            raise ScheduleError(
                f"update={shown(update)} is not a number of completed updates; write an integer from 0"
            )
        factor = plan.metric_factor
        self._begin(Place(plan, update, None if factor is None else factor.init()))

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
        if self.count() and self.complaint:
            warn_caller(self.complaint[1])

    def count(self) -> bool:
        """Count one more completed update, and return whether there is a complaint, which is the caller's."""
        plan, update, metric = self._place
        if plan.after == "error" and update >= plan.horizon:
            plan(update)  # it raises, with what to write
        self._place = Place(plan, update + 1, metric)
        return update + 1 in self._due

    @property
    def complaint(self) -> tuple[str, str] | None:
        """What should be warned about at this update, by its kind and its sentence."""
        plan, update, _ = self._place
        if update == self._due[0]:
            return "metric not observed", (
                f"{plan.metric_factor} has had no effect: {update} of {plan.horizon} updates are complete, "
                "and no metric was observed; call observe(value) after each validation, or plan without it"
            )
        if update == self._due[1]:
            return "plan is over", past_end(plan, update - 1)
        return None

    def observe(self, metric: float) -> None:
        """Observe one more value of the metric that the plan's factor, such as `plateau`, follows."""
        plan, update, state = self._place
        if plan.metric_factor is None:
            text = str(plan.schedule)
            whole = f"({text})" if " >> " in text or " + " in text else text
            raise ScheduleError(
                f"{text} does not follow a metric; write for example {whole} * plateau(factor=0.5)"
            )
        self._place = Place(plan, update, plan.metric_factor.observe(state, _value(metric)))
        self._due = NEVER, self._due[1]

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
        self._begin(place)

    def _begin(self, place: Place) -> None:
        self._place = place
        self._due = _when_observed(place), _when_over(place)  # the updates with a complaint


def _when_over(place: Place) -> int:
    """Return the first update past a plan that fades, from here on."""
    plan = place.plan
    return max(plan.horizon, place.update) + 1 if plan.fades else NEVER


def _when_observed(place: Place) -> int:
    """Return at which update a metric should have been observed, if none was before."""
    plan, factor, epoch = place.plan, place.plan.metric_factor, place.plan.updates_per_epoch
    if factor is None or place.metric != factor.init():
        return NEVER
    half = plan.horizon // 2
    return place.update + (half if epoch is None else min(max(half, 2 * epoch), EPOCHS_UNOBSERVED * epoch))


def _value(metric: Any) -> float:
    """Return one value of a metric as a float; NaN is a value."""
    try:
        if isinstance(metric, str | bytes | bool):
            raise TypeError
        return float(metric)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor with several elements
        raise ScheduleError(
            f"metric={shown(metric)} is not a number; pass one, for example observe(0.35)"
        ) from None


def warn_caller(message: str) -> None:
    """Warn at the nearest line outside this package and the frameworks."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _part(frame) in FRAMEWORKS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _part(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def check_plan(plan: Any, name: str = "plan") -> None:
    """Raise ScheduleError unless `plan` is a plan; `name` is the parameter, for the message."""
    if not isinstance(plan, Plan):
        raise ScheduleError(
            f"{name}={shown(plan)} is not a plan; write for example cosine(0.1).plan(updates=450), or "
            "plan(epochs=50, updates_per_epoch=9)"
        )
