"""Several models or optimizers in one study: every candidate with each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from stepsize.checks import shown
from stepsize.errors import StudyError
from stepsize.problems.built_in import BUILT_IN, built_in_study, optimizer_settings
from stepsize.study.candidates import Candidate, read_candidates
from stepsize.study.study_files.keys import check_table

SEVERAL = ("model", "optimizer")  # keys that may have a list as their value
ALONE = ("constant(lr)",)  # the schedules where only models or optimizers are compared


def is_several(value: Any) -> bool:
    """Return whether the value of a key is a list."""
    return isinstance(value, list | tuple)


def with_each(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study whose candidates train each of several models or optimizers; itself if there is one.

    Without schedules of its own, each model or optimizer has a constant rate, the best one.

    Raises: StudyError for a list that is empty or has the same value twice.

    >>> study = with_each({"data": "iris", "model": ["mlp(64)", "logistic"], "candidates": ["cosine(lr)"]})
    >>> study["model"], [each.name for each in study["candidates"]]
    ('mlp(64)', ["cosine(lr), model='mlp(64)'", "cosine(lr), model='logistic'"])
    """
    lists = {key: description[key] for key in SEVERAL if is_several(description.get(key))}
    if not lists:
        return dict(description)
    several = [_settings(key, values) for key, values in lists.items()]
    each_of = [{key: value for one in chosen for key, value in one.items()} for chosen in product(*several)]
    name = description.get("problem")
    usual = built_in_study(name).get("candidates", ALONE) if name in BUILT_IN else ALONE
    entries = read_candidates(description.get("candidates", usual))
    crossed = {entry.name: _with_each(entry, each_of) for entry in entries}
    keys = {**description, **{key: _first(key, values) for key, values in lists.items()}}
    if (baseline := description.get("baseline")) in crossed:
        keys["baseline"] = crossed[baseline][0].name
    return {**keys, "candidates": [each for candidates in crossed.values() for each in candidates]}


def _first(key: str, values: Sequence[Any]) -> Any:
    """Return the value of the study: the first model, or the name of the first optimizer.

    The arguments of an optimizer are those of candidates, which would get those of the study, too.
    """
    return values[0] if key == "model" else {"name": values[0].get("name")}


def _settings(key: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the settings of a candidate for each of several values."""
    if not values or any(value in values[:number] for number, value in enumerate(values)):
        what = "is empty" if not values else "has the same value twice"
        raise StudyError(f"{key}={shown(values)} {what}; give one {key}, or a list of different ones")
    if key == "model":
        return [{"model": value} for value in values]
    for value in values:
        check_table(key, value)
    return [optimizer_settings(dict(value)) for value in values]


def _with_each(candidate: Candidate, each_of: Sequence[Mapping[str, Any]]) -> list[Candidate]:
    """Return a candidate with each of several settings, unless it has its own; they end a name of its own."""
    usual = Candidate(candidate.schedule, **candidate.settings).name
    found = {}
    for settings in each_of:
        more = {name: value for name, value in settings.items() if name not in candidate.settings}
        changed = Candidate(candidate.schedule, **candidate.settings, **more)
        if candidate.name != usual:
            text = "".join(f", {name}={changed.settings[name]!r}" for name in more)
            changed = Candidate(candidate.schedule, f"{candidate.name}{text}", **changed.settings)
        found[changed.name] = changed
    return list(found.values())
