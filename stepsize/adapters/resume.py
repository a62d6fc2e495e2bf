"""Resume a run by the plan it had, or by another one and a policy."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, get_args

from stepsize.adapters.plain import PlainSchedule, check_plan
from stepsize.adapters.state import Place, read_state, write_state
from stepsize.errors import StateError, unknown
from stepsize.schedules import Plan, Schedule, resumed
from stepsize.schedules.operators import planned_part
from stepsize.schedules.picture import svg
from stepsize.schedules.plan import FADED
from stepsize.schedules.resumed import RESTART
from stepsize.units import updates

Policy = Literal["exact", "stretch", "rebase", "branch", "restart"]


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
    - "restart": a schedule begins here at its own rates, such as in a run that is over and gets more updates.

    The horizon of `plan`, and lengths in `run`, count from the first update of the run. The plan that is
    returned includes the past, so its updates keep their numbers. Load `.state` into an adapter of `.plan`.

    Warns if a run gets more updates and continues at less than a hundredth of the rates it had: few updates
    before the end of a schedule, what is left of it, or another one scaled to it, hardly trains.

    Raises: StateError if the state cannot be read, or the policy does not fit the plan; ScheduleError if the
        present rate is 0 and another schedule should be scaled to it.

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
    if place.plan.after == "repeat" and place.update >= place.plan.horizon:
        raise StateError(
            f"the run repeats {place.plan.schedule} every {place.plan.horizon} updates and has completed "
            f'{place.update}; a run that has begun to repeat resumes by policy="exact" only; for another '
            "schedule, begin a new run with a plan of what is left"
        )
    if place.update == 0:  # nothing has run yet
        return Continuation(plan, PlainSchedule(plan).state_dict(), place.plan)
    changed = _changed(place, plan, policy)
    _check_rates(place, changed.plan, policy)
    return changed


def _check_rates(place: Place, plan: Plan, policy: Policy) -> None:
    """Warn if a run gets more updates, and hardly trains in them."""
    if policy == "restart" or plan.horizon <= place.plan.horizon:
        return
    before, after = float(place.plan.values.max()), float(plan.values[place.update :].max())
    if after < FADED * before:
        warnings.warn(
            f'policy="{policy}" continues from the present rate, and {place.plan.schedule}, which reached '
            f"{before:g}, would stay at or below {after:g} from update {place.update} on; {RESTART}",
            UserWarning,
            stacklevel=3,
        )


def _changed(place: Place, plan: Plan, policy: Policy) -> Continuation:
    before, factor = place.plan, plan.metric_factor
    continues = policy != "restart"  # from the present rate
    kept = continues and factor is not None and factor == before.metric_factor  # with its multiplier
    schedule: Schedule = resumed(
        planned_part(before.schedule),
        then=None if policy == "stretch" else planned_part(plan.schedule),
        at=place.update * updates,
        planned=before.horizon * updates,
        policy=policy,
        scale=place.multiplier if continues and not kept else 1.0,
        updates_per_epoch=before.updates_per_epoch,
    )
    if factor is not None:
        schedule = schedule * factor
    new = Plan(schedule, plan.horizon, plan.updates_per_epoch, plan.after)
    metric = place.metric if kept else None if factor is None else factor.init()
    return Continuation(new, write_state(Place(new, place.update, metric)), before)
