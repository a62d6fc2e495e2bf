"""A schedule resolved against a run: one value per update."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

import numpy as np

from stepsize.checks import finite_number, is_number, shown
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules.callers import FIRST_CALLS, check_arguments, check_caller, check_reader, warn_past_end
from stepsize.schedules.clock import Clock
from stepsize.schedules.curves import Array
from stepsize.units import Length

if TYPE_CHECKING:
    from stepsize.schedules.base import Schedule

After = Literal["hold", "error", "repeat"]
LONGEST = 10**8  # a plan keeps every value: 0.8 GB here
PASS = 2**16  # values that are evaluated at once, few enough to stay in the processor's cache
PASSES = 16  # at most, for the schedules that look at the whole run in each pass
FADED = 0.01  # of the highest rate: a lower one hardly trains


class _Stateless:
    """A base with an empty `__dict__`: PyTorch's LambdaLR saves that of its function and loads it later."""


@dataclass(frozen=True, slots=True)
class Plan(_Stateless):
    """A schedule resolved to the updates of one run.

    `plan(t)` is the value that update `t` uses, counted from 0; `plan.values` has one value per update. The
    end value belongs to t = horizon, one step after the last update. From there on, `after` decides:
    "hold" keeps that end value, "repeat" starts again from 0, "error" raises.

    Raises: ScheduleError if a length does not fit, a knob is free, or a value is negative or not finite.

    >>> from stepsize.schedules import linear
    >>> plan = linear(0.4).plan(updates=4)
    >>> plan.values
    array([0.4, 0.3, 0.2, 0.1])
    >>> plan(0), plan(4), plan([0, 3, 10])
    (0.4, 0.0, array([0.4, 0.1, 0. ]))
    """

    schedule: Schedule
    horizon: int
    updates_per_epoch: int | None = None
    after: After = "hold"
    _table: Array = field(init=False, repr=False, compare=False)  # the values at t = 0 ... horizon
    _is_end_reported: bool = field(default=False, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizon", _count("updates", self.horizon))
        if self.updates_per_epoch is not None:
            updates_per_epoch = _count("updates_per_epoch", self.updates_per_epoch)
            object.__setattr__(self, "updates_per_epoch", updates_per_epoch)
        if self.after not in get_args(After):
            raise ScheduleError(unknown("after", str(self.after), get_args(After)))
        if self.schedule.incomplete:
            raise ScheduleError(f"{self.schedule} ends in a warmup; write {self.schedule} >> constant(0.1)")
        if self.schedule.knobs:
            free = ", ".join(f"{name}=0.1" for name in sorted(self.schedule.knobs))
            raise ScheduleError(f"{self.schedule} has a free knob; write schedule.bind({free}).plan(...)")
        object.__setattr__(self, "_table", self._evaluated())  # every error shows now, not at update 9,000

    def _evaluated(self) -> Array:
        clock = Clock(self.horizon, self.horizon, self.updates_per_epoch)
        with np.errstate(all="ignore"):  # the check below reports what went wrong, and where
            table = in_passes(self.schedule, clock, self.horizon + 1)
        wrong = np.flatnonzero(~(np.isfinite(table) & (table >= 0)))
        if wrong.size:
            raise ScheduleError(
                f"{self.schedule} is {table[wrong[0]]} at update {wrong[0]}; "
                "a schedule must stay finite and not negative"
            )
        table.flags.writeable = False
        return table

    @property
    def values(self) -> Array:
        """One value per update, float64 and read-only.

        Raises: ScheduleError if the caller is a scheduler of PyTorch or Keras that uses another rate.
        """
        check_reader(self, self._table)
        return self._table[:-1]

    @property
    def end(self) -> float:
        """The value at t = horizon, one step after the last update."""
        return float(self._table[-1])

    @property
    def fades(self) -> bool:
        """Whether updates past the end hardly train: below a hundredth of the highest rate is held."""
        return self.after == "hold" and self.end < FADED * float(self._table.max())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what was planned, not the values; they come out the same."""
        return Plan, (self.schedule, self.horizon, self.updates_per_epoch, self.after)

    def __str__(self) -> str:
        """Return the schedule, and its lengths and that of the run in updates.

        >>> from stepsize.schedules import cosine, warmup
        >>> from stepsize.units import epochs
        >>> print((warmup(5 * epochs) >> cosine(0.1)).plan(epochs=50, updates_per_epoch=9))
        warmup(5*epochs) >> cosine(0.1): 50 epochs = 450 updates, 1 epoch = 9 updates, warmup = 45 updates
        """
        from stepsize.schedules.phases import resolved  # only what is shown needs it

        return f"{self.schedule}: {', '.join(resolved(self))}"

    def _repr_svg_(self) -> str:
        from stepsize.schedules.picture import svg  # only a notebook needs it

        return svg([self])

    def falls_to(self, value: float) -> int | None:
        """Return the first update at which the rate has come down to `value` or below, or None.

        A climb that begins below `value` does not count; the end value belongs to t = horizon.

        >>> from stepsize.schedules import inverse_time
        >>> inverse_time(0.1, rate=0.01).plan(updates=10**6).falls_to(1e-4)
        99900
        """
        low = self._table <= finite_number("value", value)
        falls = np.flatnonzero(low & ~np.concatenate([[not low.all()], low[:-1]]))
        return int(falls[0]) if falls.size else None

    @property
    def metric_factor(self) -> Any:
        """The factor that a metric drives, such as `plateau`, or None; it counts as 1 in `values`."""
        return self.schedule.metric_factor

    @overload
    def __call__(self, t: int) -> float: ...
    @overload
    def __call__(self, t: Any) -> Any: ...
    def __call__(self, t: Any = None, *others: Any) -> Any:
        """Return the value that update `t` uses: a float for an int, a float64 array for an array.

        Raises: ScheduleError if `t` is negative or not an integer, or past the run's end under after="error";
            if the caller is Keras' LearningRateScheduler, which passes the epoch, or PyTorch's LambdaLR,
            which multiplies by the optimizer's rate, or is stepped once an epoch.

        Warns once if such a scheduler goes on past the end, where the rate that is held hardly trains.
        """
        if type(t) is int and FIRST_CALLS <= t < self.horizon and not others:  # nearly every update's call
            return self._table.item(t)
        check_arguments(t, others)
        if isinstance(t, int | np.integer) and t < FIRST_CALLS:
            check_caller(self, self._table, int(t), self._at(int(t) - 1) if t > 0 else None)
        if isinstance(t, int) and not isinstance(t, bool):  # also beyond the integers of NumPy
            self._check(t, t)
            if t >= self.horizon or t == 0:
                self._report_end(t)
            return self._at(t)
        try:
            array = np.asarray(t)
        except (ValueError, TypeError):  # lists of different lengths; JAX's values while it compiles
            array = np.asarray(None)
        if array.size == 0:
            return np.zeros(array.shape)
        if not np.issubdtype(array.dtype, np.integer):
            raise ScheduleError(
                f"t={shown(t)} is not an integer or an array of integers; t counts updates from 0 (in "
                "compiled code, write optax_schedule(plan) or KerasSchedule(plan))"
            )
        if array.ndim == 0:
            return self(int(array))
        self._check(int(array.min()), int(array.max()))
        array = array.astype(np.uint64)  # a type of fewer bits would not hold the horizon
        index = array % self.horizon if self.after == "repeat" else np.minimum(array, self.horizon)
        return self._table[index]

    @overload
    def at_epoch(self, epoch: int) -> float: ...
    @overload
    def at_epoch(self, epoch: Any) -> Any: ...
    def at_epoch(self, epoch: Any) -> Any:
        """Return the value at the first update of `epoch`, counted from 0.

        It is the function that libraries want which set the rate once an epoch:
        `keras.callbacks.LearningRateScheduler(plan.at_epoch)`. That is the whole plan only if the rate does
        not change within an epoch, as under `per_epoch()`.

        Raises: ScheduleError if the plan does not know its updates per epoch, or `epoch` is not an integer of
            at least 0.

        >>> from stepsize.schedules import linear
        >>> plan = linear(0.4).plan(epochs=4, updates_per_epoch=9)
        >>> plan.at_epoch(0), plan.at_epoch(3), plan(9 * 3)
        (0.4, 0.1, 0.1)
        """
        if self.updates_per_epoch is None:
            raise ScheduleError(
                f"{self.schedule} was planned without updates_per_epoch; write plan(epochs=50, "
                "updates_per_epoch=9), with updates_per_epoch=1 if its lengths count epochs"
            )
        epochs = np.asarray(epoch)
        if not np.issubdtype(epochs.dtype, np.integer) or (epochs < 0).any():
            raise ScheduleError(
                f"epoch={shown(epoch)} is not an integer of at least 0; it counts epochs from 0"
            )
        if epochs.ndim:
            return self(epochs.astype(np.int64) * self.updates_per_epoch)
        update = int(epochs) * self.updates_per_epoch
        if 0 < epochs < FIRST_CALLS:
            check_caller(self, self._table, int(epochs), self._at(update - self.updates_per_epoch))
        return self(update)

    def _at(self, t: int) -> float:
        return float(self._table[t % self.horizon if self.after == "repeat" else min(t, self.horizon)])

    def _report_end(self, t: int) -> None:
        """Warn once if a scheduler makes updates that hardly train; a run that begins may warn again."""
        if t == 0 or not self._is_end_reported:
            object.__setattr__(self, "_is_end_reported", t > 0 and warn_past_end(self, t))

    def _check(self, first: int, last: int) -> None:
        if first < 0:
            raise ScheduleError(f"t={first} is negative; t counts updates from 0")
        if self.after == "error" and last >= self.horizon:
            raise ScheduleError(
                f"update {last} (counted from 0) is past the end of the run of {self.horizon} updates; "
                'plan more updates, or write after="hold" or after="repeat"'
            )


def plan_run(
    schedule: Schedule,
    epochs: float | None,
    updates: int | None,
    updates_per_epoch: int | None,
    after: After,
) -> Plan:
    """Return the plan of a run given in epochs or in updates."""
    if (epochs is None) == (updates is None):
        raise ScheduleError(
            "a plan needs either epochs= or updates=; write plan(epochs=50, updates_per_epoch=9)"
        )
    if updates is not None:
        return Plan(schedule, updates, updates_per_epoch, after)
    if updates_per_epoch is None:
        raise ScheduleError(f"epochs={epochs} needs updates_per_epoch=, the batches of one epoch")
    each = _count("updates_per_epoch", updates_per_epoch)
    horizon = int(Length(finite_number("epochs", epochs), "epochs").resolve(0, each))
    if horizon < 1:
        raise ScheduleError(f"epochs={shown(epochs)} is less than one update; write at least epochs=1")
    return Plan(schedule, horizon, each, after)


def in_passes(schedule: Schedule, clock: Clock, count: int) -> Array:
    """Return the values at the first `count` updates."""
    values = np.empty(count)
    each = max(PASS, math.ceil(count / PASSES))
    for start in range(0, count, each):
        t = np.arange(start, min(start + each, count), dtype=np.float64)
        values[start : start + len(t)] = schedule.evaluate(t, clock)
    return values


def _count(name: str, value: Any) -> int:
    """Return `value` as a count of at least 1."""
    if not is_number(value):
        raise ScheduleError(f"{name}={shown(value)} is not a number; write for example {name}=450")
    try:
        result = operator.index(value)
    except TypeError:
        raise ScheduleError(
            f"{name}={shown(value)} is not an integer; write for example {name}=450"
        ) from None
    if not 1 <= result <= LONGEST:
        raise ScheduleError(f"{name}={shown(value)} is not allowed; write an integer from 1 to {LONGEST}")
    return result
