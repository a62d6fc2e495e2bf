"""What a page can start from: the candidates of the study, those of the lessons, and the default ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stepsize.problems.built_in import built_in_study
from stepsize.study.candidates import DEFAULT, Candidate, read_candidate

LESSONS = {
    "lesson-ionosphere": "The lesson on Ionosphere",
    "lesson-fashion-mnist": "The lesson on Fashion-MNIST",
}


def presets(own: Iterable[Candidate] = ()) -> list[dict[str, Any]]:
    """Return groups of schedules with a name, a spec and settings; `own` are those of the study itself."""
    groups: dict[str, Sequence[Any]] = {"This study": tuple(own), "Schedules": DEFAULT}
    groups |= {title: built_in_study(name).get("candidates", ()) for name, title in LESSONS.items()}
    return [
        {"title": title, "schedules": [_preset(read_candidate(each)) for each in candidates]}
        for title, candidates in groups.items()
        if candidates
    ]


def _preset(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "spec": str(candidate.schedule),
        "settings": dict(candidate.settings),
    }
