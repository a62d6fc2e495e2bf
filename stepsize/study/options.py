"""The arguments of `compare`: as keys of a study, and as the command that the report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stepsize.checks import shown
from stepsize.errors import StudyError
from stepsize.schedules import Schedule
from stepsize.study.candidates import SEEDS, Candidate
from stepsize.study.keys import check_keys
from stepsize.study.trainable import Trainable


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
    return options if seeds is None else {**options, "seeds": seeds}


def call_text(source: Any, problem: Trainable, options: Mapping[str, Any]) -> str:
    """Return a call of `compare` as text, for the report to show."""
    candidates = [
        entry.name if isinstance(entry, Candidate) else entry if isinstance(entry, str) else str(entry)
        for entry in options.get("candidates", ())
    ]
    keys = {"seeds": SEEDS, **{key: value for key, value in options.items() if key != "candidates"}}
    text = "".join(f", {key}={shown(value)}" for key, value in keys.items())
    name = source if isinstance(source, str) else problem.name
    return f"stepsize.compare({name!r}, {candidates}{text})"
