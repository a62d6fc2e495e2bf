"""The arguments of a call: as keys of a study, and as the command that the report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.checks import shown
from stepsize.errors import StudyError
from stepsize.problems.own_models import with_objects
from stepsize.schedules import Schedule
from stepsize.study.candidates import Candidate
from stepsize.study.study_files.keys import check_keys


def study_options(
    keys: Mapping[str, Any], schedules: Iterable[Any] | None, seeds: int | Sequence[int] | None
) -> dict[str, Any]:
    """Return the keys of a study that the arguments of `compare` set.

    Raises: StudyError for an unknown key, or schedules that are not a list or are given twice.
    """
    check_keys(keys)
    options = {key: value for key, value in keys.items() if value is not None}
    if isinstance(schedules, str | Schedule | Candidate):
        raise StudyError(
            f"schedules={shown(schedules)} must be a list, such as ['constant(lr)', 'cosine(lr)']"
        )
    if schedules is not None and "candidates" in options:
        raise StudyError("schedules and candidates are the same list; give one of them")
    if schedules is not None:
        options["candidates"] = list(schedules)
    if seeds is None:
        return options
    if isinstance(seeds, bool | str) or not isinstance(seeds, int | np.integer | Sequence | np.ndarray):
        raise StudyError(f"seeds={shown(seeds)} must be a positive whole number or a list of seeds")
    return {**options, "seeds": seeds.tolist() if isinstance(seeds, np.integer | np.ndarray) else seeds}


def call_text(source: Any, options: Mapping[str, Any], function: str = "compare", **arguments: Any) -> str:
    """Return a call of the library as text, for the report to show.

    `arguments` are those that are not keys of a study. What is None is left out, and a problem that exists
    only in Python is called `problem`.

    >>> call_text("iris", {"epochs": 5}, "find", rates=[0.1, 0.2], store=None)
    "stepsize.find('iris', rates=[0.1, 0.2], epochs=5)"
    """
    schedules = ", ".join(map(_candidate_text, options.get("candidates", ())))
    store = arguments.pop("store", None)
    options = {key: value for key, value in options.items() if key != "candidates"}
    keys = {**arguments, **options, "store": store}
    text = "".join(f", {key}={_value_text(value)}" for key, value in keys.items() if value is not None)
    name = repr(str(source)) if isinstance(source, str | Path) else "problem"
    return f"stepsize.{function}({name}{f', [{schedules}]' if schedules else ''}{text})"


def _value_text(value: Any) -> str:
    """Write an argument: in full where its text can be run, else cut to one short line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_value_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        items = ", ".join(map(_value_text, value))
        comma = "," if len(value) == 1 else ""
        return f"[{items}]" if isinstance(value, list) else f"({items}{comma})"
    if isinstance(value, Path | Schedule):
        return repr(str(value))
    if isinstance(value, np.generic):
        return repr(value.item())
    return repr(value) if isinstance(value, str | int | float | range) else shown(value)


def _candidate_text(entry: Any) -> str:
    if not isinstance(entry, Candidate):
        return repr(entry if isinstance(entry, str | dict) else str(entry))
    usual = Candidate(entry.schedule, **entry.settings).name
    name = "" if entry.name == usual else f", name={entry.name!r}"
    given = with_objects(entry.settings)
    shown_as = {key: given[key] if isinstance(given[key], str) else entry.settings[key] for key in given}
    settings = "".join(f", {key}={value!r}" for key, value in shown_as.items())
    return f"stepsize.Candidate({str(entry.schedule)!r}{name}{settings})" if name or settings else repr(usual)
