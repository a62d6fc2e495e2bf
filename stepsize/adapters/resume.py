"""Resume a run by the plan it had, or by another one and a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from stepsize.adapters.plain import PlainSchedule, check_plan
from stepsize.adapters.state import Place, read_state, write_state
from stepsize.errors import StateError, unknown
from stepsize.schedules import Plan, Schedule, resumed
from stepsize.schedules.operators import planned_part
from stepsize.schedules.picture import svg
from stepsize.units import updates

Policy = Literal["exact", "stretch", "rebase", "branch"]


@dataclass(frozen=True)
class Continuation:
    """A resumed run: the plan from here, its state to load, and the plan it had before."""

    plan: Plan
    state: dict[str, Any]
    before: Plan

    def _repr_svg_(self) -> str:
        return svg([self.before, self.plan], "learning rate, before and from here")


def resume(state: Any, plan: Plan, policy: Policy = "exact") -> Continuation:
    """Return how the run that `state` was saved from continues by `plan`.

    - "exact": the same plan; anything else is refused, with what differs.
    - "stretch": the same schedule, a new horizon; what is left of the curve fills what is left of the run.
    - "rebase": another schedule, where it stands at this update, scaled to continue from the present rate.
    - "branch": another schedule, such as a cooldown, begins here, scaled to begin at the present rate.

    The horizon of `plan` counts from the first update of the run. The plan that is returned includes the
    past, so its updates keep their numbers. Load `.state` into an adapter of `.plan`.

    Raises: StateError if the state cannot be read, or the policy does not fit the plan.

    >>> from stepsize.schedules import cosine, linear
    >>> run = PlainSchedule(cosine(0.1).plan(updates=100))
    >>> for _ in range(50):
    ...     run.step()
    >>> cooldown = resume(run.state_dict(), linear(1).plan(updates=60), policy="branch")
    >>> cooldown.plan([49, 50, 55, 60]).round(4)
    array([0.0516, 0.05  , 0.025 , 0.    ])
    """
    check_plan(plan)
    if policy not in get_args(Policy):
        raise StateError(unknown("policy", str(policy), get_args(Policy)))
    place = read_state(state)
    if policy == "exact":
        same = PlainSchedule(plan)
        same.load_state_dict(state)
        return Continuation(plan, same.state_dict(), plan)
    if plan.horizon <= place.update:
        raise StateError(
            f"the run has completed {place.update} updates and the plan ends at {plan.horizon}; "
            f"plan more than {place.update} updates in all"
        )
    if policy == "stretch" and place.plan.schedule != plan.schedule:
        raise StateError(
            f'policy="stretch" keeps the schedule: {place.plan.schedule} ran, {plan.schedule} is planned; '
            'write policy="rebase" to change it'
        )
    if place.update == 0:  # nothing has run yet
        return Continuation(plan, PlainSchedule(plan).state_dict(), place.plan)
    return _changed(place, plan, policy)


def _changed(place: Place, plan: Plan, policy: Policy) -> Continuation:
    before, factor = place.plan, plan.metric_factor
    kept = factor is not None and factor == before.metric_factor  # then its multiplier continues as well
    schedule: Schedule = resumed(
        planned_part(before.schedule),
        then=None if policy == "stretch" else planned_part(plan.schedule),
        at=place.update * updates,
        planned=before.horizon * updates,
        policy=policy,
        scale=1.0 if kept else place.multiplier,
        updates_per_epoch=before.updates_per_epoch,
    )
    if factor is not None:
        schedule = schedule * factor
    new = Plan(schedule, plan.horizon, plan.updates_per_epoch, plan.after)
    metric = place.metric if kept else None if factor is None else factor.init()
    return Continuation(new, write_state(Place(new, place.update, metric)), before)
