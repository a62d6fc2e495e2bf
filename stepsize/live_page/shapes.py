"""The shape of a schedule on the page: its curve, its pieces and its handles; and how it is edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from stepsize.checks import shown
from stepsize.errors import ScheduleError, SpecError, unknown
from stepsize.live_page.handles import handles, move, snap
from stepsize.schedules import Join, Plan, Product, Schedule, parse
from stepsize.schedules.base import parameters
from stepsize.schedules.operators import join, planned_part, product
from stepsize.units import run

POINTS = 400  # of a curve
HELD = 0.3 * run  # the length of a piece that gets a follower
TEMPLATES = {  # what can stand in a piece, by its family
    "constant": "constant(lr)",
    "linear": "linear(lr)",
    "cosine": "cosine(lr)",
    "exponential": "exponential(lr, floor=0.01*lr)",
    "polynomial": "polynomial(lr, power=2)",
    "inverse_time": "inverse_time(lr, rate=9, every=1*run, staircase=False)",
    "inverse_sqrt": "inverse_sqrt(lr, timescale=0.1*run)",
    "step_decay": "step_decay(lr, factor=0.5, every=0.2*run)",
    "multistep": "multistep(lr, factor=0.1, at=[0.5*run, 0.75*run])",
    "one_cycle": "one_cycle(lr)",
    "wsd": "wsd(lr, decay=0.2*run)",
    "flat_cosine": "flat_cosine(lr, decay=0.25*run)",
    "cosine_restarts": "cosine_restarts(lr, first=0.25*run)",
    "triangular": "triangular(lr, up=0.1*run)",
    "rex": "rex(lr)",
    "sigmoid": "sigmoid(lr)",
}
WARMUP = "warmup(0.1*run)"


def read(spec: str, rate: float) -> Schedule:
    """Return the schedule of a spec; a free `lr` becomes `rate`.

    Raises: SpecError for a spec that cannot be read, or that has another free name.
    """
    schedule = parse(spec)
    if others := sorted(schedule.knobs - {"lr"}):
        raise SpecError(f"{spec}: {others[0]} is a free name; write a number in its place")
    return schedule.bind(lr=rate) if schedule.knobs else schedule


def describe(plan: Plan) -> dict[str, Any]:
    """Return what the page draws of a plan: curve, handles and pieces, as JSON values."""
    per_epoch = plan.updates_per_epoch or 1
    last = plan.horizon - 1
    at = np.unique(np.linspace(0, last, min(POINTS, plan.horizon)).round().astype(int))
    return {
        "spec": str(plan.schedule),
        "epochs": plan.horizon / per_epoch,
        "curve": {"epoch": (at / per_epoch).tolist(), "rate": plan.values[at].tolist()},
        "peak": float(plan.values.max()),
        "mean": float(plan.values.mean()),
        "handles": [asdict(handle) for handle in handles(plan)],
        "pieces": [{"family": type(piece).__name__, "spec": str(piece)} for piece in pieces(plan.schedule)],
        "driven": str(plan.metric_factor or ""),
    }


def drag(plan: Plan, path: str, value: float) -> Schedule:
    """Return the schedule of a plan with a handle at the value nearest to `value` that it takes.

    Raises: ScheduleError if there is no such handle, or the schedule cannot have the value.
    """
    by_path = {handle.path: handle for handle in handles(plan)}
    if path not in by_path:
        raise ScheduleError(unknown("handle", path, by_path))
    return move(plan.schedule, path, snap(by_path[path], value))


def pieces(schedule: Schedule) -> tuple[Schedule, ...]:
    """Return the pieces of the part of a schedule that is planned, the first one first."""
    planned = planned_part(schedule)
    return planned.pieces if isinstance(planned, Join) else (planned,)


def edit(schedule: Schedule, change: Mapping[str, Any], rate: float) -> Schedule:
    """Return a schedule with a piece removed, replaced or added; new pieces have the peak `rate`.

    `change` has an `action`: "remove" or "replace" the piece of the number `piece`, "append" one, or "warm"
    up before the first one; `family` is the template that is put in.

    Raises: ScheduleError for an edit that is not possible.

    >>> edit(parse("cosine(0.1)"), {"action": "warm"}, 0.1)
    warmup(0.1*run) >> cosine(0.1)
    >>> edit(parse("cosine(0.1)"), {"action": "append", "family": "linear"}, 0.1)
    cosine(0.1, length=0.3*run) >> linear(0.1)
    >>> edit(parse("warmup(5*epochs) >> cosine(0.1)"), {"action": "remove", "piece": 0}, 0.1)
    cosine(0.1)
    """
    action, number = change.get("action"), change.get("piece", 0)
    parts = list(pieces(schedule))
    if not isinstance(number, int) or not 0 <= number < len(parts):
        raise ScheduleError(f"piece={shown(number)} does not exist; the schedule has {len(parts)} pieces")
    if action == "warm":
        parts.insert(0, parse(WARMUP))
    elif action == "append":
        parts = [*parts[:-1], _with_length(parts[-1]), _template(change.get("family"), rate)]
    elif action == "replace":
        parts[number] = _in_place_of(parts[number], _template(change.get("family"), rate))
    elif action == "remove" and len(parts) > 1:
        del parts[number]
    else:
        raise ScheduleError(f"action={shown(action)} cannot be made with {schedule}")
    factor = schedule.metric_factor
    whole = join(*parts)
    return whole if factor is None else product(_scale(schedule), whole, factor)


def _scale(schedule: Schedule) -> Any:
    return schedule.scale if isinstance(schedule, Product) else 1.0


def _template(family: Any, rate: float) -> Schedule:
    if family not in TEMPLATES:
        raise ScheduleError(unknown("family", str(family), TEMPLATES))
    return parse(TEMPLATES[family]).bind(lr=rate)


def _with_length(piece: Schedule) -> Schedule:
    """Return a piece that another one can follow."""
    if piece.sized or "length" not in parameters(piece):
        return piece
    return piece.with_fields(**{**parameters(piece), "length": HELD})


def _in_place_of(piece: Schedule, new: Schedule) -> Schedule:
    """Return a new piece with the peak and the length of the one that it replaces."""
    old, values = parameters(piece), parameters(new)
    length = {"length": old["length"]} if old.get("length") is not None else {}
    return new.with_fields(**{**values, **length})
