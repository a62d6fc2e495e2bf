"""Schedules as JSON documents.

`{"stepsize_schedule": 1, "schedule": {"name": "cosine", "peak": 0.1, "length": {"epochs": 5}}}`: a family
is an object with its `name` and the parameters that differ from their defaults, `>>` is `{"join": [...]}`,
`*` is `{"product": [...]}` and `+` is `{"sum": [...]}`; a length is `{"epochs": 5}` and a knob `{"knob":
"lr", "scale": 0.01}`, or `{"knob": "f*lr"}` for a product.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args

from stepsize.checks import shown
from stepsize.errors import InputError, SpecError
from stepsize.schedules.base import Schedule, parameters
from stepsize.schedules.operators import Join, Product, Sum, join, product, total
from stepsize.schedules.registry import build
from stepsize.units import Knob, Length, Unit

VERSION = 1
DEEPEST = 50
COMBINED = {"join": join, "product": product, "sum": total}


def to_json(schedule: Schedule) -> str:
    """Return the schedule as a JSON document.

    >>> from stepsize.schedules import cosine
    >>> to_json(cosine(0.1, floor=0.001))
    '{"stepsize_schedule": 1, "schedule": {"name": "cosine", "peak": 0.1, "floor": 0.001}}'
    """
    return json.dumps({"stepsize_schedule": VERSION, "schedule": _plain(schedule)})


def from_json(text: str) -> Schedule:
    """Return the schedule of a JSON document.

    Raises: SpecError if the text is not such a document, or a schedule in it cannot be built.

    >>> from_json('{"stepsize_schedule": 1, "schedule": {"name": "linear", "peak": 0.1}}')
    linear(0.1)
    """
    try:
        document = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecError(f"the schedule is not a JSON document: {error}") from None
    if not isinstance(document, dict) or "stepsize_schedule" not in document:
        raise SpecError(
            f'{shown(document)} is not a schedule; write {{"stepsize_schedule": 1, "schedule": ...}}'
        )
    if document["stepsize_schedule"] != VERSION:
        raise SpecError(
            f"stepsize_schedule={shown(document['stepsize_schedule'])} is unknown; "
            f"this version reads {VERSION}"
        )
    schedule = _value(document.get("schedule"), DEEPEST)
    if not isinstance(schedule, Schedule):
        raise SpecError(
            f'"schedule": {shown(document.get("schedule"))} is not a schedule; write an object with a name'
        )
    return schedule


def _plain(value: Any) -> Any:
    """Return a schedule or parameter as plain JSON data."""
    if isinstance(value, Join):
        return {"join": [_plain(piece) for piece in value.pieces]}
    if isinstance(value, Sum):
        return {"sum": [_plain(term) for term in value.terms]}
    if isinstance(value, Product):
        scale = [] if value.scale == 1 else [_plain(value.scale)]
        return {"product": [*scale, *(_plain(factor) for factor in value.factors)]}
    if isinstance(value, Schedule):
        defaults = {field.name: field.default for field in fields(value)}
        changed = {name: _plain(item) for name, item in parameters(value).items() if item != defaults[name]}
        return {"name": type(value).__name__, **changed}
    if isinstance(value, Length):
        return {value.unit: _plain(value.value)}
    if isinstance(value, Knob):
        return {"knob": value.name} | ({} if value.scale == 1 else {"scale": value.scale})
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _value(plain: Any, depth: int) -> Any:
    """Return the schedule or parameter that `_plain` turned into JSON data."""
    if depth == 0:
        raise SpecError(f"the schedule is nested more than {DEEPEST} levels deep; write it with fewer levels")
    if isinstance(plain, list):
        return [_value(item, depth - 1) for item in plain]
    if not isinstance(plain, dict):
        return plain
    try:
        if "name" in plain:
            keywords = {key: _value(item, depth - 1) for key, item in plain.items() if key != "name"}
            return build(plain["name"], [], keywords)
        if len(plain) == 1:
            ((key, item),) = plain.items()
            if key in get_args(Unit):
                return Length(_value(item, depth - 1), key)
            if key in COMBINED and isinstance(item, list) and item:
                return COMBINED[key](*_value(item, depth - 1))
        if "knob" in plain and set(plain) <= {"knob", "scale"}:
            return Knob(plain["knob"], plain.get("scale", 1.0))
    except SpecError:
        raise
    except InputError as error:
        raise SpecError(f"{shown(plain)}: {error}") from None
    raise SpecError(
        f"{shown(plain)} is not part of a schedule; write a name, join, product, sum, length or knob"
    )
