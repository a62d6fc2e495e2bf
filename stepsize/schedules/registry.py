"""The families by their names, and a schedule built from a name and arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from stepsize.checks import shown
from stepsize.errors import SpecError, unknown
from stepsize.schedules.other_names import own_name

if TYPE_CHECKING:
    from stepsize.schedules.base import Schedule
    from stepsize.schedules.family import Family

FAMILIES: dict[str, type[Family]] = {}
"""Every family by the name that specs use; those of `foreign` are added when an unknown name is looked up."""


def build(name: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Schedule:
    """Return the schedule of a family with these arguments.

    Raises: SpecError for an unknown family, or arguments that are unknown, missing, doubled or too many;
    ScheduleError for a value that the family refuses.

    >>> build("cosine", [0.1], {"floor": 0.01})
    cosine(0.1, floor=0.01)
    >>> build("cosine", [0.1], {"flor": 0.01})
    Traceback (most recent call last):
    stepsize.errors.SpecError: cosine: unknown argument 'flor'; did you mean 'floor'?
    """
    if isinstance(name, str) and name not in FAMILIES:
        from stepsize.schedules import foreign  # noqa: F401  (it registers its families)
    if isinstance(name, str) and name not in FAMILIES and (ours := own_name(name)):
        raise SpecError(
            f"unknown schedule {name!r}; its family is called {ours!r} here, with parameters of its own: see "
            "https://github.com/stepsize/stepsize/blob/main/docs/migration.md, or convert the object of the "
            "other library with stepsize.dialects"
        )
    if not isinstance(name, str) or name not in FAMILIES:
        raise SpecError(unknown("schedule", name if isinstance(name, str) else shown(name), sorted(FAMILIES)))
    declared = fields(FAMILIES[name])
    positional = [field.name for field in declared if not field.kw_only]
    if len(arguments) > len(positional):
        takes = ", ".join(field.name for field in declared if field.kw_only)
        raise SpecError(
            f"{name} takes {len(positional)} positional argument(s), but got {len(arguments)}; "
            f"write the others by name: {takes}"
        )
    values = dict(zip(positional, arguments, strict=False))
    for key, value in keywords.items():
        if key in values:
            raise SpecError(f"{name}: {key} appears twice; write it once")
        if key not in {field.name for field in declared}:
            raise SpecError(f"{name}: " + unknown("argument", key, [field.name for field in declared]))
        values[key] = value
    for field in declared:
        if field.name not in values and field.default is MISSING:
            raise SpecError(f"{name}: {field.name} is missing; write {name}({field.name}=...)")
    return FAMILIES[name](**values)
