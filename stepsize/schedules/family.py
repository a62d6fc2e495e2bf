"""What a family of schedules is: one formula with checked parameters, as numbers and as text."""

from __future__ import annotations

import dataclasses
import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, dataclass_transform, final, get_type_hints

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules.base import Schedule
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array
from stepsize.schedules.fields import Check
from stepsize.schedules.phase_starts import PhaseStart
from stepsize.schedules.registry import FAMILIES
from stepsize.schedules.text_form import call_text
from stepsize.units import Length, is_free


class Family(Schedule):
    """One formula with its parameters.

    A family is a class with the decorator `@family`, annotated fields from `fields`, a `curve`, and the same
    formula as text in `code`. Its name is lower case because that is how specs write it. Each parameter is
    checked by its annotation, `floor` against `peak` in all families, and `validate` adds what only one
    family needs.
    """

    @abstractmethod
    def curve(self, t: Array, clock: Clock) -> Array:
        """Return the values at the times `t`, which lie within [0, clock.horizon]."""

    @abstractmethod
    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        """Return the lines of Python that return what `curve` does at a time `t` within [0, reach].

        Helpers are in `code_text`; constants and functions go into `out`. A family whose formula cannot be
        written down raises `code_text.refusal` with the reason.
        """

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        """Yield when each of its stages, drops or cycles begins, with its name; nothing if it has none."""
        return iter(())

    def validate(self) -> None:
        """Raise ScheduleError if parameters that are valid by themselves contradict each other."""

    @final
    def __post_init__(self) -> None:
        free = False
        for name, check in _checks(type(self)).items():
            value = getattr(self, name)
            if is_free(value):  # checked once it is a number
                free, checked = True, tuple(value) if isinstance(value, list) else value
            else:
                checked = check(name, value)
            object.__setattr__(self, name, checked)
        require_not_above("floor", getattr(self, "floor", None), "peak", getattr(self, "peak", None))
        if not free:
            self.validate()

    def evaluate(self, t: Array, clock: Clock) -> Array:
        duration = self.duration(clock)
        horizon = clock.horizon if duration is None else duration
        return self.curve(np.minimum(t, horizon), dataclasses.replace(clock, horizon=horizon))

    def body(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        duration = self.duration(clock)
        horizon = clock.horizon if duration is None else duration
        lines = self.code(dataclasses.replace(clock, horizon=horizon), min(reach, horizon), out)
        stays = reach > horizon and any(re.search(r"\bt\b", line) for line in lines)
        return [f"t = min(t, {spell(horizon)})", *lines] if stays else lines

    def duration(self, clock: Clock) -> float | None:
        length: Length | None = getattr(self, "length", None)
        return None if length is None else clock.period("length", length)

    @property
    def sized(self) -> bool:
        return getattr(self, "length", None) is not None

    @final
    def __repr__(self) -> str:
        return call_text(self)


AnyFamily = TypeVar("AnyFamily", bound=Family)


@dataclass_transform(frozen_default=True, eq_default=False)
def family(cls: type[AnyFamily]) -> type[AnyFamily]:
    """Make a class a family: a frozen dataclass with checked parameters, registered under its name."""
    frozen = dataclass(frozen=True, repr=False, eq=False)(cls)
    FAMILIES[frozen.__name__] = frozen
    return frozen


@cache
def _checks(cls: type[Family]) -> dict[str, Check]:
    """Return the check of each parameter, lazily, because resolving every family's hints is slow."""
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in dataclasses.fields(cls)}


def require_not_above(low: str, low_value: Any, high: str, high_value: Any) -> None:
    """Raise ScheduleError if both are numbers and the first is above the second."""
    if isinstance(low_value, float) and isinstance(high_value, float) and low_value > high_value:
        raise ScheduleError(
            f"{low}={spell(low_value)} is above {high}={spell(high_value)}; "
            f"write a {low} of at most {spell(high_value)}"
        )
