"""Lengths with a unit, and knobs: numbers that a study chooses.

A bare number never says whether it counts epochs, updates or a share of the run, so every length is
written with its unit, as in `5 * epochs`, and resolved to updates once, when the run is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, Literal

from stepsize.checks import finite_number, is_number, shown, spell
from stepsize.errors import ScheduleError

Unit = Literal["epochs", "updates", "run"]
TIMES = "*"  # between the names of a knob that is a product
NOT_KNOBS = ("epochs", "updates", "run", "nan", "inf", "true", "false", "none")


@dataclass(frozen=True, repr=False)
class Length:
    """A stretch of training: a number of epochs, of updates, or a fraction of the run; or a knob of them.

    Written by multiplying a unit; its repr is the same text.

    Raises: ScheduleError for a value that is negative, not finite, or neither a number nor a knob.

    >>> 5 * epochs, epochs / 2, 0.1 * run
    (5*epochs, 0.5*epochs, 0.1*run)
    """

    value: Any  # a float, or a knob
    unit: Unit

    __array_ufunc__ = None  # np.float64(0.1) * run then comes here instead of making an array

    def __post_init__(self) -> None:
        if not isinstance(self.value, Knob):
            object.__setattr__(self, "value", finite_number(self.unit, self.value))
        elif "lr" in self.value.names:
            raise ScheduleError(f"{self}: lr is a rate, not a length; write another name, such as w*run")

    def __mul__(self, factor: float | Knob) -> Length:
        factor = factor if isinstance(factor, Knob) else finite_number(self.unit, factor)
        return Length(factor * self.value, self.unit)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> Length:
        if finite_number(self.unit, divisor) == 0:
            raise ScheduleError(f"{self}/0 is not a length; divide by a number above 0")
        return Length(self.value / divisor, self.unit)

    def __repr__(self) -> str:
        return f"{self.value if isinstance(self.value, Knob) else spell(self.value)}*{self.unit}"

    def resolve(self, run: int, updates_per_epoch: int | None = None) -> float:
        """Return the length in updates, for a run of `run` updates.

        `updates` are taken as written; `epochs` and `run` are rounded half up to whole updates.

        Raises: ScheduleError if the length counts epochs and `updates_per_epoch` is not known.

        >>> (0.25 * run).resolve(450), (5 * epochs).resolve(450, updates_per_epoch=9)
        (113.0, 45.0)
        """
        if isinstance(self.value, Knob):
            raise ScheduleError(f"{self} has a free knob; write a number in place of {self.value}")
        if self.unit == "updates":
            return self.value
        if self.unit == "run":
            return self._rounded(self.value * run)
        if updates_per_epoch is None:
            raise ScheduleError(
                f"{self} needs the updates of one epoch; write plan(..., updates_per_epoch=...)"
            )
        return self._rounded(self.value * updates_per_epoch)

    def _rounded(self, updates: float) -> float:
        if not math.isfinite(updates):
            raise ScheduleError(f"{self} is more updates than can be counted; write a shorter length")
        return _round_half_up(updates)


def _round_half_up(value: float) -> float:
    """Round to a whole number, after removing the binary noise of a product such as 0.145 * 100."""
    return float(math.floor(round(value, 9) + 0.5))


def require_length(name: str, value: object) -> Length:
    """Return `value` if it is a length.

    Raises: ScheduleError that shows which units it could have.

    >>> require_length("warmup", 5)
    Traceback (most recent call last):
    stepsize.errors.ScheduleError: warmup: 5 has no unit; write 5*epochs, 5*updates or a fraction of the \
run such as 0.1*run
    """
    if isinstance(value, Length):
        return value
    if is_number(value):
        raise ScheduleError(
            f"{name}: {shown(value)} has no unit; write {shown(value)}*epochs, {shown(value)}*updates "
            "or a fraction of the run such as 0.1*run"
        )
    raise ScheduleError(
        f"{name}: {shown(value)} is not a length; write for example 5*epochs, 300*updates or 0.1*run"
    )


@dataclass(frozen=True, repr=False)
class Knob:
    """A number that a study will choose, possibly scaled; `lr` is the learning rate.

    The name of a product of several is their names with `*` between them, in alphabetical order.

    >>> lr, 0.01 * lr, lr / 25
    (lr, 0.01*lr, 0.04*lr)
    >>> Knob("f") * lr, 0.5 * Knob("w") * run
    (f*lr, 0.5*w*run)
    """

    name: str
    scale: float = 1.0

    __array_ufunc__ = None

    def __post_init__(self) -> None:
        names = self.name.split(TIMES) if isinstance(self.name, str) else []
        if not names or sorted(set(names)) != names or not all(map(is_knob_name, names)):
            raise ScheduleError(f"{shown(self.name)} cannot name a knob; write a short name such as lr or w")
        object.__setattr__(self, "scale", finite_number(self.name, self.scale))
        if self.scale == 0:
            raise ScheduleError(f"0*{self.name} is always 0; write 0")

    @property
    def names(self) -> frozenset[str]:
        """The names of the numbers to choose: one, or those of a product."""
        return frozenset(self.name.split(TIMES))

    def bind(self, numbers: Mapping[str, float]) -> Knob | float:
        """Return the knob with numbers for some of its names, or the number that it is with all of them.

        >>> (0.01 * Knob("f") * lr).bind({"f": 0.5}), (0.01 * lr).bind({"lr": 0.562})
        (0.005*lr, 0.00562)
        """
        value = self.scale
        for name in sorted(self.names & numbers.keys()):
            value *= numbers[name]
        value = float(f"{value:.15g}")  # 0.01 * 0.562 is 0.00562, without 1e-18 more
        left = sorted(self.names - numbers.keys())
        return Knob(TIMES.join(left), value) if left and value else value

    def __mul__(self, factor: object) -> Knob:
        if isinstance(factor, Knob) and not factor.names & self.names:
            return Knob(TIMES.join(sorted(self.names | factor.names)), self.scale * factor.scale)
        return (
            Knob(self.name, self.scale * finite_number(self.name, factor))
            if is_number(factor)
            else NotImplemented
        )

    __rmul__ = __mul__

    def __truediv__(self, divisor: object) -> Knob:
        if not is_number(divisor):
            return NotImplemented
        if finite_number(self.name, divisor) == 0:
            raise ScheduleError(f"{self}/0 is not a number; divide by a number above 0")
        return Knob(self.name, self.scale / float(divisor))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return self.name if self.scale == 1 else f"{spell(self.scale)}*{self.name}"


def is_knob_name(text: str) -> bool:
    """Return whether a text can name a knob.

    >>> is_knob_name("wd"), is_knob_name("run"), is_knob_name("linear(0.9)")
    (True, False, False)
    """
    return text.isidentifier() and text.isascii() and not iskeyword(text) and text.lower() not in NOT_KNOBS


def is_free(value: Any) -> bool:
    """Return whether a study chooses a value that is not a multiple of `lr` alone.

    >>> is_free(0.01 * lr), is_free(Knob("f") * lr), is_free(0.5 * Knob("w") * run), is_free([Knob("a")])
    (False, True, True, True)
    """
    if isinstance(value, list | tuple):
        return any(map(is_free, value))
    value = value.value if isinstance(value, Length) else value
    return isinstance(value, Knob) and value.names != {"lr"}


epochs = Length(1, "epochs")
updates = Length(1, "updates")
run = Length(1, "run")
lr: Any = Knob("lr")  # Any, because it stands wherever a number may stand
