"""The interface of what a study can train: a `Problem`, a `Training`, or any object with these members."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeGuard

from stepsize.checks import is_number, shown
from stepsize.errors import ProblemError, StudyError

LONGEST_NAME = 200  # bytes; the names of files have 255


class Trainable(Protocol):
    """What a study trains, as far as a study needs to know it."""

    @property
    def name(self) -> str:
        """The name of the study, its store and its report."""
        ...

    @property
    def epochs(self) -> int:
        """Epochs of every run."""
        ...

    @property
    def expensive(self) -> bool:
        """Whether its runs are trained one by one, so that tuning must do with few of them."""
        ...

    @property
    def margin(self) -> float | None:
        """The smallest difference of the metric that matters; None for the default."""
        ...

    @property
    def optimizer_name(self) -> str | None:
        """The name of the optimizer, in lower case, or None; it selects the first rates to try."""
        ...

    @property
    def watched(self) -> tuple[str, ...]:
        """The series that a metric-driven factor such as `plateau` can observe."""
        ...

    @property
    def usual_seeds(self) -> int | None:
        """The number of seeds of a study unless another is asked for; None for the default."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """How the data were read, as text for the user."""
        ...

    @property
    def digest(self) -> str:
        """A text that changes with everything that affects results, apart from software."""
        ...

    def variant(self, settings: Mapping[str, Any]) -> Trainable:
        """Return what a candidate with `settings` trains: itself unless they change it."""
        ...

    def variant_facts(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what such a candidate does not share with the others, as JSON values."""
        ...

    def facts(self, seeds: Sequence[int] = ()) -> dict[str, Any]:
        """Return what the answer of a study with these seeds reports, as JSON values: `protocol`, `data`."""
        ...

    def study_keys(self) -> dict[str, Any]:
        """Return the keys of a study file that this object sets, with their current values."""
        ...

    def software(self) -> dict[str, str]:
        """Return the versions of the packages that train, by name."""
        ...

    def check_seeds(self, seeds: Sequence[int]) -> None:
        """Raise StudyError if a study cannot have these seeds."""
        ...

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Raise StudyError for settings that no candidate can have."""
        ...

    def updates_per_epoch_with(self, settings: Mapping[str, Any]) -> int:
        """Return the optimizer updates of an epoch for a candidate with `settings`."""
        ...


def check_margin(margin: Any) -> None:
    """Raise ProblemError unless `margin` is a positive number."""
    if not is_number(margin) or not 0 < margin < math.inf:
        raise ProblemError(f"margin={shown(margin)} must be a positive number, in units of the metric")


def check_name(name: Any) -> None:
    """Raise StudyError unless `name` can name a study and its files, so that it is not a path or blank."""
    if (
        not isinstance(name, str)
        or not 0 < len(name.encode(errors="replace")) <= LONGEST_NAME
        or not name.isprintable()
        or set(name) & set("/\\")
        or name != name.strip()
        or set(name) == {"."}
    ):
        raise StudyError(
            f"name={shown(name)} cannot name a study and its files; write at most {LONGEST_NAME} printable "
            "characters without / and \\, and without blanks at the ends, such as name='wine'"
        )


def is_trainable(value: Any) -> TypeGuard[Trainable]:
    """Return whether `value` can be trained as it is; names, data and functions cannot."""
    return callable(getattr(type(value), "facts", None))
