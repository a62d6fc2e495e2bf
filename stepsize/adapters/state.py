"""Where a run is, as plain JSON data: the plan it follows and the updates it has completed.

`{"stepsize_state": 1, "schedule": "cosine(0.1)", "updates": 450, "updates_per_epoch": 9, "after": "hold",
"update": 100, "rate": 0.088, "metric": null}`. The rate is compared when the state is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from stepsize.checks import is_number, shown
from stepsize.errors import InputError, StateError
from stepsize.schedules import Plan, parse
from stepsize.schedules.plateau_rule import PlateauState

VERSION = 1
FIELDS = ("schedule", "updates", "updates_per_epoch", "after", "update", "rate", "metric")


class Place(NamedTuple):
    """A plan, the updates completed, and the state of the plan's metric factor."""

    plan: Plan
    update: int
    metric: PlateauState | None

    @property
    def rate(self) -> float:
        """The rate of the next update; under after="error", the end value once the run is complete."""
        plan, update, metric = self
        over = update == plan.horizon and plan.after == "error"
        planned = plan.end if over else plan(update)
        return planned if metric is None else planned * self.multiplier

    @property
    def multiplier(self) -> float:
        """The multiplier that a metric has reached."""
        return 1.0 if self.metric is None else float(self.metric.scale)


def write_state(place: Place) -> dict[str, Any]:
    """Return a place as plain JSON data."""
    plan, factor = place.plan, place.plan.metric_factor
    metric = None if factor is None else json.loads(factor.state_to_json(place.metric))
    return {
        "stepsize_state": VERSION,
        "schedule": str(plan.schedule),
        "updates": plan.horizon,
        "updates_per_epoch": plan.updates_per_epoch,
        "after": plan.after,
        "update": place.update,
        "rate": place.rate,
        "metric": metric,
    }


def read_state(state: Any) -> Place:
    """Return the place that plain JSON data, or its text, describes.

    Raises: StateError for anything else, a newer version, or a rate that is not the plan's.
    """
    if isinstance(state, str):
        try:
            state = json.loads(state)
        except (ValueError, RecursionError) as error:
            raise StateError(f"the state is not a JSON document: {error}") from None
    if not isinstance(state, Mapping) or "stepsize_state" not in state:
        raise StateError(f"{shown(state)} is not the state of a run; load what state_dict() returned")
    version = state["stepsize_state"]
    if version != VERSION:
        raise StateError(
            f"stepsize_state={shown(version)} is unknown; this version reads {VERSION}; update stepsize"
        )
    missing = [name for name in FIELDS if name not in state]
    if missing:
        raise StateError(f"the state lacks {', '.join(missing)}; load what state_dict() returned")
    try:
        plan = Plan(parse(state["schedule"]), state["updates"], state["updates_per_epoch"], state["after"])
        factor = plan.metric_factor
        metric = None if factor is None else factor.state_from_json(json.dumps(state["metric"]))
    except (InputError, TypeError, OverflowError) as error:
        raise StateError(f"the state cannot be read: {error}") from None
    place = Place(plan, _completed(state["update"]), metric)
    rate = state["rate"]
    if not _is_close(rate, place.rate):
        raise StateError(
            f"the state has rate={shown(rate)}, but update {place.update} of {plan.schedule} has "
            f"{place.rate:g}; the state is damaged; load another"
        )
    return place


def _is_close(rate: Any, planned: float) -> bool:
    try:
        return is_number(rate) and math.isclose(rate, planned, rel_tol=1e-9, abs_tol=1e-300)
    except OverflowError:  # an int of more than 308 digits
        return False


def _completed(update: Any) -> int:
    if isinstance(update, bool) or not isinstance(update, int) or update < 0:
        raise StateError(f"update={shown(update)} is not a count of updates; write an integer from 0")
    return update


def differences(old: Plan, new: Plan) -> list[str]:
    """Return what differs between two plans, one line per field.

    >>> from stepsize.schedules import cosine
    >>> differences(cosine(0.1).plan(updates=9), cosine(0.2).plan(updates=10))
    ['schedule.peak: 0.1 -> 0.2', 'updates: 9 -> 10']
    """
    before, after = _flat(_document(old)), _flat(_document(new))
    return [
        f"{path}: {before.get(path, 'absent')} -> {after.get(path, 'absent')}"
        for path in [*before, *(path for path in after if path not in before)]
        if before.get(path) != after.get(path)
    ]


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "schedule": json.loads(plan.schedule.to_json())["schedule"],
        "updates": plan.horizon,
        "updates_per_epoch": plan.updates_per_epoch,
        "after": plan.after,
    }


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of nested JSON data by their paths, such as `schedule.join[1].peak`."""
    if isinstance(value, dict):
        items = [(f"{path}.{key}" if path else key, item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        return {path: value}
    return {key: leaf for name, item in items for key, leaf in _flat(item, name).items()}
