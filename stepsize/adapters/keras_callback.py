"""A plan in Keras' `fit`, set before every update by a callback that owns the rate."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from stepsize.adapters.plain import PlainSchedule
from stepsize.adapters.state import read_state
from stepsize.checks import shown
from stepsize.errors import ScheduleError, StateError, require_keras, unknown
from stepsize.schedules import Plan, Schedule

require_keras()

import keras  # noqa: E402

Logs = dict[str, Any] | None
IMMUTABLE = keras.backend.backend() == "jax"  # there a variable gets another array when it is written


class ScheduleCallback(keras.callbacks.Callback):
    """Set the rate of every update of `fit`, and record the rates that were used.

    A schedule is planned when `fit` begins, from its epochs and batches. A factor that follows a metric, such
    as `plateau`, observes the logs at the end of each epoch. `history` has (update, rate) for every completed
    update, the rate read back from the optimizer; the logs of an epoch get its last one as `learning_rate`.
    A rate set by something else is reported once, or raises with `strict`. Pass the optimizer a number as its
    rate, and put this callback before those that save.

    Raises: ScheduleError if `schedule` is neither a schedule nor a plan; when `fit` begins, if the run has no
        known length, the optimizer has its own schedule, or several batches run as one.

    >>> from stepsize.schedules import cosine, plateau, warmup
    >>> from stepsize.units import epochs
    >>> schedule = warmup(5 * epochs) >> cosine(0.1)
    >>> callback = ScheduleCallback(schedule * plateau(factor=0.5, patience=3, metric="val_loss"))
    """

    def __init__(self, schedule: Schedule | Plan, strict: bool = False) -> None:
        super().__init__()
        if not isinstance(schedule, Schedule | Plan):
            raise ScheduleError(
                f"schedule={shown(schedule)} is neither a schedule nor a plan; "
                "write for example ScheduleCallback(cosine(0.1))"
            )
        self.history: list[tuple[int, float]] = []
        self.strict = strict
        self._source = schedule
        self._following = PlainSchedule(schedule) if isinstance(schedule, Plan) else None
        self._state: Any = None  # loaded before the plan is known
        self._count = 0  # the optimizer's own count of updates; ours may have begun before it
        self._applied = 0.0
        self._held: Any = None  # the array that the last update left in the optimizer
        self._steady = False  # every batch is one update, so Keras' count need not be read
        self._begun = False
        self._warned = False

    def state_dict(self) -> dict[str, Any]:
        """Return where the run is, as plain JSON data.

        Raises: StateError if the schedule has not been planned yet.
        """
        return self._run.state_dict()

    def load_state_dict(self, state: Any) -> None:
        """Continue where a run of the same plan was.

        Raises: StateError if `state` is not a state, is damaged, or belongs to another plan; the last is
            checked when `fit` begins, if that plans the schedule.
        """
        if self._following is not None:
            self._following.load_state_dict(state)
        else:
            read_state(state)
            self._state = state

    def on_train_begin(self, logs: Logs = None) -> None:
        _check_model(self.model)
        self._steady = _updates_every_batch(self.model)
        if isinstance(self._source, Schedule):
            self._plan_fit(self._source)
        self._begun = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if not self._begun:  # only now has every callback restored what it restores
            self._check_start(epoch)
            self._apply(self._optimizer)
            self._begun = True

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        plan, update = self._run.plan, self._run.update
        if plan.after == "error" and update >= plan.horizon:
            plan(update)  # it raises, with what to write
        optimizer = self._optimizer
        held = optimizer.learning_rate.value
        if not IMMUTABLE or held is not self._held:  # else nobody has written since
            self._check_rate(float(held))
        self._apply(optimizer)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        optimizer = self._optimizer
        new = 1 if self._steady else _updates_of(optimizer) - self._count
        if new > 1:
            _refuse_blocks()
        if new == 1:  # not if gradients were only accumulated, or the update was skipped
            self._held = optimizer.learning_rate.value
            used = float(self._held)
            self.history.append((self._run.update, used))
            self._check_rate(used)
            self._run.step()
            self._count += 1

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = {} if logs is None else logs
        factor = self._run.plan.metric_factor
        if factor is not None:
            if factor.metric not in logs:
                raise ScheduleError(
                    f"{factor}: {unknown('metric', factor.metric, logs)}; "
                    "a metric that begins with val_ needs validation_data in every epoch"
                )
            self._run.observe(logs[factor.metric])
        if self.history:
            logs["learning_rate"] = self.history[-1][1]

    @property
    def _run(self) -> PlainSchedule:
        if self._following is None:
            raise StateError("the schedule is planned when fit begins; ask afterwards, or pass a plan")
        return self._following

    def _plan_fit(self, schedule: Schedule) -> None:
        fit: Any = self.params
        epochs, batches, accumulate = fit["epochs"], fit["steps"], _accumulate(self.model)
        if not batches:
            raise ScheduleError(
                "the batches of an epoch are unknown, so the run has no length; write "
                "ScheduleCallback(schedule.plan(updates=...)) or fit(steps_per_epoch=...)"
            )
        each = None if batches % accumulate else batches // accumulate
        following = PlainSchedule(Plan(schedule, epochs * batches // accumulate, each))
        state = self._state if self._following is None else self._following.state_dict()
        if state is not None:
            following.load_state_dict(state)
        if fit.get("verbose"):
            print(
                f"1 epoch = {batches} batches = {batches / accumulate:g} updates "
                f"(gradient_accumulation_steps={accumulate}); {following.plan.horizon} updates in all"
            )
        self._following = following

    def _check_start(self, epoch: int) -> None:
        """Raise StateError if the optimizer or `fit` is ahead of the schedule."""
        update, count = self._run.update, _updates_of(self._optimizer)
        continues = bool(self.history) and count == self._count
        if count not in (0, update) and not continues:
            raise StateError(
                f"the optimizer has completed {count} updates and the schedule {update}; load the state that "
                "was saved with it by load_state_dict, or compile the model again to start over"
            )
        if epoch > 0 and update == 0:
            raise StateError(
                f"fit begins at epoch {epoch} (counted from 0) and the schedule at update 0; load the state "
                "that was saved there by load_state_dict, or leave initial_epoch out"
            )
        self._count = count

    @property
    def _optimizer(self) -> Any:
        model: Any = self.model  # on JAX, asking for it brings the variables back from the running epoch
        return model.optimizer

    def _apply(self, optimizer: Any) -> None:
        rate = np.array(self._run.rate, optimizer.learning_rate.dtype)
        optimizer.learning_rate = rate  # an array of its type is what Keras assigns fastest
        self._applied = float(rate)

    def _check_rate(self, actual: float) -> None:
        """Report a rate that is not the one set by this callback."""
        if actual == self._applied or (self._warned and not self.strict):
            return
        text = (
            f"update {self._run.update}: planned {self._applied:g}, found {actual:g}; another callback sets "
            "the rate too, such as ReduceLROnPlateau or LearningRateScheduler; leave it out (plateau(...) is "
            "a factor of a schedule)"
        )
        if self.strict:
            raise ScheduleError(text)
        warnings.warn(text, UserWarning, stacklevel=2)
        self._warned = True


def _check_model(model: Any) -> None:
    """Raise ScheduleError if a callback cannot own this model's rate."""
    if model.steps_per_execution > 1:
        _refuse_blocks()
    if isinstance(model.optimizer.learning_rate, keras.Variable):
        return
    rate = getattr(_inner(model), "_learning_rate", None)
    accumulate = _accumulate(model)
    advice = "write a number such as 0.1 there, or leave ScheduleCallback out"
    if getattr(rate, "accumulate", accumulate) != accumulate:  # a KerasSchedule on the wrong clock
        advice += f" and write KerasSchedule(plan, accumulate={accumulate})"
    raise ScheduleError(
        f"the optimizer's learning_rate is a {type(rate).__name__}, and one rate cannot "
        f"follow two schedules; {advice}"
    )


def _refuse_blocks() -> None:
    raise ScheduleError(
        "steps_per_execution runs several updates at once, and a callback cannot set the rate between them; "
        "write compile(steps_per_execution=1), or KerasSchedule(plan) as the learning_rate"
    )


def _inner(model: Any) -> Any:
    """Return the optimizer of a model, or the one inside it if that scales the loss."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def _accumulate(model: Any) -> int:
    """Return the micro-batches of one update."""
    return _inner(model).gradient_accumulation_steps or 1


def _updates_every_batch(model: Any) -> bool:
    """Return whether Keras itself makes exactly one update of every batch."""
    plain = _inner(model) is model.optimizer and _accumulate(model) == 1
    return plain and type(model).train_step is keras.Model.train_step


def _updates_of(optimizer: Any) -> int:
    count = optimizer.iterations  # a variable, or a tensor where gradients are accumulated
    return int(count.value if isinstance(count, keras.Variable) else count)
