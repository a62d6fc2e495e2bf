"""A plan in Keras: compiled with the model as its learning rate, or set by a callback before every update.

Both run on the TensorFlow, JAX and PyTorch backends, and both count completed optimizer updates. A plan for
momentum has no adapter here: Keras builds the momentum into the training function as a constant.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from contextlib import suppress
from typing import Any

import numpy as np

from stepsize.adapters.end_watch import EndWatch
from stepsize.adapters.plain import check_plan
from stepsize.checks import python_number, shown
from stepsize.errors import ScheduleError, StateError, require_keras
from stepsize.schedules import Plan, parse
from stepsize.schedules.optimizer_counts import READERS

require_keras()

import keras  # noqa: E402

from stepsize.adapters.keras_callback import ScheduleCallback  # noqa: E402
from stepsize.adapters.keras_fits import follow_fits  # noqa: E402
from stepsize.adapters.keras_optimizers import batches_of_fit, is_compiling, warn_of_epoch  # noqa: E402

__all__ = ["KerasSchedule", "ScheduleCallback"]

_counts: dict[int, tuple[int, weakref.ref[Any], int]] = {}  # of optimizers: number, count, micro-batches
_numbers = itertools.count()


def _updates_made() -> dict[int, int]:
    """Return the completed updates of each optimizer that has used a KerasSchedule, by a number of it."""
    made: dict[int, int] = {}
    for number, reference, accumulate in _counts.values():
        if (count := reference()) is not None:
            with suppress(TypeError):  # on JAX, a fit that was ended while it compiled leaves no value
                made[number] = int(count.value) // accumulate
    return made


READERS["keras"] = _updates_made


def _note(count: Any, accumulate: int) -> weakref.ref[Any]:
    known = _counts.get(id(count))
    if known is None or known[1]() is not count:
        _counts[id(count)] = known = next(_numbers), weakref.ref(count), accumulate
    return known[1]


@keras.saving.register_keras_serializable(package="stepsize")
class KerasSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Use a plan as the learning rate of an optimizer; it is saved with the model.

    The rates are the plan's in float32, looked up with integers. With `gradient_accumulation_steps=k` Keras
    passes the count of micro-batches, so write `accumulate=k` here too; the clock is then again completed
    updates. To load a saved model, import this module first. Updates past the end warn once: in `fit`
    before the epoch that begins there, or when it ends; on PyTorch at once; without `fit`, where they are
    compiled, when the model is saved or its rate is read. A `fit` whose epochs have another number of
    updates than the plan's warns when it begins.

    Raises: ScheduleError if `plan` is not a plan, follows a metric, or has after="error"; at the first
        update, if the optimizer accumulates otherwise.

    >>> from stepsize.schedules import linear
    >>> rate = KerasSchedule(linear(1).plan(updates=4))
    >>> optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    >>> [float(rate(update)) for update in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    def __init__(self, plan: Plan, accumulate: int = 1) -> None:
        check_plan(plan)
        if plan.metric_factor is not None:
            raise ScheduleError(
                f"{plan.metric_factor} follows a metric, which a compiled schedule never sees; "
                "write fit(callbacks=[ScheduleCallback(plan)]) and a number as the optimizer's learning_rate"
            )
        if plan.after == "error":
            raise ScheduleError(
                'after="error" cannot raise inside compiled training; plan with after="hold" or '
                'after="repeat", or write ScheduleCallback(plan)'
            )
        accumulate = python_number(accumulate)
        if isinstance(accumulate, bool) or not isinstance(accumulate, int) or accumulate < 1:
            raise ScheduleError(
                f"accumulate={shown(accumulate)} is not allowed; write the optimizer's "
                "gradient_accumulation_steps, or leave it out"
            )
        self.plan = plan
        self.accumulate = accumulate
        self._watch = EndWatch(plan)
        self._is_epoch_checked = False
        self._count: Any = None  # a weak reference to that of the optimizer
        self._table = keras.ops.convert_to_tensor(np.append(plan.values, plan.end).astype(np.float32))

    def __call__(self, step: Any) -> Any:
        """Return the rate of the update that begins when `step` micro-batches are complete."""
        update: Any = keras.ops.convert_to_tensor(step)
        if isinstance(step, keras.Variable):  # the count of an optimizer
            if self._count is None or self._count() is not step:
                self._check_accumulation(sys._getframe(1).f_locals.get("self"))
                self._is_epoch_checked = False
            self._count = _note(step, self.accumulate)
            self._check_epoch()
            if not is_compiling(update):
                self._look(update, slow=keras.backend.backend() == "torch")
        if keras.backend.standardize_dtype(update.dtype) not in ("int32", "int64", "uint32"):
            update = keras.ops.cast(update, "int32")  # a type of fewer bits would not hold the horizon
        accumulate, horizon = self.accumulate, self.plan.horizon
        if keras.config.floatx() != "float32":  # then Keras would make floats of an int and a number
            accumulate, horizon = (
                keras.ops.convert_to_tensor(number, update.dtype) for number in (accumulate, horizon)
            )
        if self.accumulate > 1:
            update = keras.ops.floor_divide(update, accumulate)
        update = (keras.ops.mod if self.plan.after == "repeat" else keras.ops.minimum)(update, horizon)
        return keras.ops.take(self._table, update)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy what was written, not whom it watches."""
        return KerasSchedule, (self.plan, self.accumulate)

    def _check_accumulation(self, optimizer: Any) -> None:
        """Raise ScheduleError if the optimizer that asks accumulates otherwise."""
        steps = getattr(optimizer, "gradient_accumulation_steps", None) or 1
        if isinstance(optimizer, keras.optimizers.Optimizer) and steps != self.accumulate:
            wanted = f", accumulate={steps}" if steps > 1 else ""
            batches = f"{steps} batches" if steps > 1 else "batch"
            raise ScheduleError(
                f"accumulate={self.accumulate}, but the optimizer makes one update every {batches}; "
                f"write KerasSchedule(plan{wanted})"
            )

    def _check_epoch(self) -> None:
        """Warn if the `fit` that asks or is compiled, if any, has other epochs than the plan."""
        if not self._is_epoch_checked and (batches := batches_of_fit()):
            self._is_epoch_checked = True
            warn_of_epoch(self.plan, batches, self.accumulate)

    def _look(self, count: Any, slow: bool = False, continues: bool = False) -> None:
        self._watch.look(lambda: int(count) // self.accumulate, slow, continues)

    def get_config(self) -> dict[str, Any]:
        """Return the plan as plain JSON data, as when a model is saved; warns if its run is past the end."""
        count = self._count() if self._count is not None else None
        if count is not None:
            self._look(count.value)
        return {
            "schedule": str(self.plan.schedule),
            "updates": self.plan.horizon,
            "updates_per_epoch": self.plan.updates_per_epoch,
            "after": self.plan.after,
            "accumulate": self.accumulate,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KerasSchedule:
        """Return the schedule of a configuration that `get_config` returned.

        Raises: StateError if the data is damaged.
        """
        try:
            plan = Plan(
                parse(config["schedule"]), config["updates"], config["updates_per_epoch"], config["after"]
            )
            return cls(plan, config["accumulate"])
        except KeyError as error:
            raise StateError(
                f"the saved KerasSchedule lacks {error}; load what get_config() returned"
            ) from None


def _look_in_fit(optimizer: Any, continues: bool) -> None:
    """Let the schedule of an optimizer look at its count, between the epochs of a `fit`."""
    rate = optimizer._learning_rate
    if isinstance(rate, KerasSchedule):
        rate._look(optimizer._iterations.value, continues=continues)


follow_fits(_look_in_fit)
