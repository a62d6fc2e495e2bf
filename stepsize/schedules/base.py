"""What a schedule is: an immutable value that turns the updates of a run into numbers."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import Any, ClassVar, final

from stepsize.checks import finite_number
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array
from stepsize.schedules.plan import After, Plan, plan_run
from stepsize.units import Knob, Length


class Schedule(ABC):
    """A value for every update of a run, to be planned, joined (`>>`) and scaled (`*`).

    Schedules are compared by value, their repr is their spec, and `parse` and `from_json` read them back.
    """

    operator: ClassVar[str | None] = None  # what stands between its parts in its spec

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # every schedule is a dataclass
    __array_ufunc__ = None  # np.float64(2) * schedule then comes here instead of making an array

    @abstractmethod
    def evaluate(self, t: Array, clock: Clock) -> Array:
        """Return the values at the local times `t` (updates since the schedule began, from 0)."""

    @abstractmethod
    def duration(self, clock: Clock) -> float | None:
        """Return the updates it lasts by its own lengths, or None: the rest of the run."""

    @abstractmethod
    def body(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        """Return what `evaluate` does as the body of a Python function of `t`, which is at most `reach`.

        The functions and constants that it needs are put into `out`.

        Raises: ScheduleError if it has no formula in plain Python.
        """

    def expression(self, t: str, clock: Clock, reach: float, out: Functions) -> str:
        """Return the text of its value at the time `t`: the call of a function that is put into `out`."""
        return out.define(self, self.body(clock, reach, out), t)

    @property
    @abstractmethod
    def sized(self) -> bool:
        """Whether it has a length of its own."""

    @property
    def incomplete(self) -> bool:
        """Whether it ends in a warmup with nothing after it."""
        return False

    @property
    def metric_factor(self) -> Any:
        """The factor that a metric drives, such as `plateau`, or None."""
        return None

    @final
    @property
    def knobs(self) -> frozenset[str]:
        """The names of the numbers left to a study.

        >>> from stepsize.schedules import cosine
        >>> from stepsize.units import lr
        >>> sorted(cosine(lr, floor=0.01 * lr).knobs)
        ['lr']
        """
        return frozenset(_knobs_in(self))

    @final
    def bind(self, **values: float) -> Schedule:
        """Return the schedule with numbers for its knobs.

        Raises: ScheduleError for a name that is not one of its knobs.

        >>> from stepsize.schedules import cosine
        >>> from stepsize.units import lr
        >>> cosine(lr, floor=0.01 * lr).bind(lr=0.5)
        cosine(0.5, floor=0.005)
        """
        for name in values:
            if name not in self.knobs:
                hint = unknown("knob", name, sorted(self.knobs)) if self.knobs else f"it has no knob {name!r}"
                raise ScheduleError(f"{self}: {hint}")
        numbers = {name: finite_number(name, value) for name, value in values.items()}
        return _bound(self, numbers)

    def with_fields(self, **changes: Any) -> Schedule:
        """Return a copy with other parameters, in canonical form."""
        return dataclasses.replace(self, **changes)

    @final
    def plan(
        self,
        *,
        epochs: float | None = None,
        updates: int | None = None,
        updates_per_epoch: int | None = None,
        after: After = "hold",
    ) -> Plan:
        """Return the schedule resolved to a run of `epochs` (with `updates_per_epoch`) or of `updates`.

        Raises: ScheduleError if a length does not fit the run, or a knob is free.

        >>> from stepsize.schedules import cosine
        >>> cosine(0.1).plan(epochs=50, updates_per_epoch=9).horizon
        450
        """
        return plan_run(self, epochs, updates, updates_per_epoch, after)

    def repeat(self, times: int | None = None, growth: float = 1, factor: float = 1) -> Schedule:
        """Return `repeat(schedule, ...)`: the schedule again and again.

        >>> from stepsize.schedules import cosine
        >>> from stepsize.units import epochs
        >>> cosine(0.1, length=5 * epochs).repeat(times=3)
        repeat(cosine(0.1, length=5*epochs), times=3)
        """
        from stepsize.schedules.wrappers import repeat  # it needs this module

        return repeat(self, times=times, growth=growth, factor=factor)

    def clip(self, floor: float | None = None, peak: float | None = None) -> Schedule:
        """Return `clip(schedule, ...)`: the schedule kept between `floor` and `peak`."""
        from stepsize.schedules.wrappers import clip

        return clip(self, floor=floor, peak=peak)

    def per_epoch(self) -> Schedule:
        """Return `per_epoch(schedule)`: the schedule held within each epoch."""
        from stepsize.schedules.wrappers import per_epoch

        return per_epoch(self)

    def rescale(self, peak: float) -> Schedule:
        """Return `rescale(schedule, peak=...)`: the schedule scaled so that its greatest value is `peak`."""
        from stepsize.schedules.wrappers import rescale

        return rescale(self, peak=peak)

    @final
    def to_json(self) -> str:
        """Return the schedule as a JSON document, for `from_json`."""
        from stepsize.schedules.json_form import to_json  # it needs this module

        return to_json(self)

    @final
    def __eq__(self, other: object) -> bool:
        return parameters(self) == parameters(other) if type(other) is type(self) else NotImplemented

    @final
    def __hash__(self) -> int:
        return hash((type(self), *parameters(self).values()))

    def _repr_svg_(self) -> str | None:
        from stepsize.schedules.picture import of_schedule  # it needs this module

        return of_schedule(self)

    def __rshift__(self, follower: Schedule) -> Schedule:
        from stepsize.schedules.operators import join  # it needs this module

        return join(self, follower)

    def __mul__(self, factor: Schedule | float) -> Schedule:
        from stepsize.schedules.operators import product

        return product(self, factor)

    def __rmul__(self, factor: float) -> Schedule:
        from stepsize.schedules.operators import product

        return product(factor, self)

    def __add__(self, other: Schedule) -> Schedule:
        from stepsize.schedules.operators import total

        return total(self, other)

    def __radd__(self, other: Schedule) -> Schedule:
        from stepsize.schedules.operators import total

        return total(other, self)

    def __truediv__(self, divisor: float) -> Schedule:
        if finite_number("divisor", divisor) == 0:
            raise ScheduleError(f"{self} / 0 is not a schedule; divide by a number above 0")
        return self * (1 / divisor)


def parameters(schedule: Schedule) -> dict[str, Any]:
    """Return the fields of a schedule by name."""
    return {field.name: getattr(schedule, field.name) for field in dataclasses.fields(schedule)}


def _knobs_in(value: Any) -> set[str]:
    if isinstance(value, Schedule):
        value = tuple(parameters(value).values())
    if isinstance(value, tuple):
        return set().union(*map(_knobs_in, value))
    if isinstance(value, Length):
        return _knobs_in(value.value)
    return set(value.names) if isinstance(value, Knob) else set()


def _bound(value: Any, numbers: dict[str, float]) -> Any:
    if isinstance(value, Schedule):
        changes = {name: _bound(item, numbers) for name, item in parameters(value).items()}
        return value.with_fields(**changes)
    if isinstance(value, tuple):
        return tuple(_bound(item, numbers) for item in value)
    if isinstance(value, Length):
        return Length(_bound(value.value, numbers), value.unit)
    return value.bind(numbers) if isinstance(value, Knob) else value
