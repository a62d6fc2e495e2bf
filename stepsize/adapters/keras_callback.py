"""A plan in Keras' `fit`, set before every update by a callback that owns the rate."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from stepsize.adapters.keras_optimizers import (
    accumulation,
    check_model,
    check_updates,
    completed_updates,
    completes_update,
    scales_loss,
    updates_every_batch,
    warn_of_epoch,
)
from stepsize.adapters.plain import PlainSchedule
from stepsize.adapters.state import read_state
from stepsize.checks import shown
from stepsize.errors import ScheduleError, StateError, require_keras, unknown
from stepsize.schedules import Plan, Schedule
from stepsize.schedules.callers import past_end

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

    A run is the updates of one optimizer. Another `fit` of the same model continues it; a new model, or one
    compiled again, begins a new run at update 0, which `history` has after the first.

    Raises: ScheduleError if `schedule` is neither a schedule nor a plan; when `fit` begins, if the run has no
        known length, the optimizer has its own schedule, or several batches run as one; at the end of an
        epoch without an update. StateError when `fit` begins, if the run is over.

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
        self._state: Any = None  # loaded, for the run that the next `fit` begins or continues
        self._count = 0  # the optimizer's own count of updates; ours may have begun before it
        self._applied = 0.0
        self._used: float | None = None  # by the last update of this run
        self._idle = 0  # batches since then
        self._batches = self._updates = 0  # in this epoch
        self._held: Any = None  # the array that the last update left in the optimizer
        self._steady = False  # every batch is one update, so Keras' count need not be read
        self._begun = self._inside = False  # `_inside`: between the begin and the end of a batch
        self._warned = self._slow = False

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
        check_model(self.model)
        self._steady = updates_every_batch(self.model)
        self._begun = self._inside = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if not self._begun:  # only now has every callback restored what it restores
            self._begin(epoch)
            self._begun = True
        elif others := completed_updates(self._optimizer) - self._count:
            self._count_others(others)
        self._batches = self._updates = 0

    def _begin(self, epoch: int) -> None:
        """Begin a run, or continue one in another `fit`."""
        if self._state is None and completed_updates(self._optimizer) == 0:  # another optimizer: a new run
            self._following = PlainSchedule(self._source) if isinstance(self._source, Plan) else None
            self._used, self._warned, self._slow = None, False, False
        if isinstance(self._source, Schedule):
            self._plan_fit(self._source)
        self._idle = 0
        self._check_start(epoch)
        if self._run.update == 0:
            batches = (self.params or {}).get("steps") or 0
            instead = ", or pass the schedule, which is planned from the fit"
            warn_of_epoch(self._run.plan, batches, accumulation(self._optimizer), instead)
        self._apply(self._optimizer)

    def _count_others(self, others: int) -> None:
        """Count updates that `fit` did not make since the last epoch, and report them once."""
        if others < 0:
            self._report(
                f"update {self._run.update}: something has set the optimizer's count of updates back by "
                f"{-others}, for example by writing optimizer.iterations; the plan continues at its own "
                "count. To begin a new run, compile the model again"
            )
            self._count += others
            return
        self._report(
            f"update {self._run.update}: the optimizer has completed {others} more than fit has made, all at "
            "one rate, for example because another callback calls train_on_batch; they count as updates of "
            "the plan. To give each its planned rate, write KerasSchedule(plan) as the learning_rate"
        )
        self._count += others
        for _ in range(others):
            self._run.count()
        self._apply(self._optimizer)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if self._inside:
            raise ScheduleError(
                "this ScheduleCallback is in fit's callbacks twice, and would count each batch twice; pass "
                "it once"
            )
        self._inside = True
        optimizer = self._optimizer
        if self._run.update >= self._run.plan.horizon and completes_update(optimizer):
            self._check_end()
        held = optimizer.learning_rate.value
        if not IMMUTABLE or held is not self._held:  # else nobody has written since
            self._check_rate(float(held))
        self._apply(optimizer)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._inside = False
        optimizer = self._optimizer
        new = 1 if self._steady else completed_updates(optimizer) - self._count
        self._batches += 1
        self._idle = 0 if new else self._idle + 1
        self._updates += new
        if new > 1:
            raise ScheduleError(
                f"train_step of this {type(self.model).__name__} made {new} updates of one batch, and a "
                "callback sets the rate once a batch; write KerasSchedule(plan) as the learning_rate"
            )
        if new == 1:  # not if gradients were only accumulated, or the update was skipped
            self._held = optimizer.learning_rate.value
            self._used = float(self._held)
            self.history.append((self._run.update, self._used))
            self._check_rate(self._used)
            self._run.count()
            self._count += 1
            self._state = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        check_updates(self.model, self._idle, self._updates)
        if isinstance(self._source, Schedule):
            self._check_pace()
        logs = {} if logs is None else logs
        factor = self._run.plan.metric_factor
        if factor is not None:
            if factor.metric not in logs:
                raise ScheduleError(
                    f"{factor}: {unknown('metric', factor.metric, logs)}; "
                    "a metric that begins with val_ needs validation_data in every epoch"
                )
            self._run.observe(logs[factor.metric])
        if self._used is not None:
            logs["learning_rate"] = self._used

    @property
    def _run(self) -> PlainSchedule:
        if self._following is None:
            raise StateError("the schedule is planned when fit begins; ask afterwards, or pass a plan")
        return self._following

    def _plan_fit(self, schedule: Schedule) -> None:
        fit: Any = self.params or {}  # a CallbackList around a loop of one's own may have none
        epochs, batches, accumulate = fit.get("epochs"), fit.get("steps"), accumulation(self._optimizer)
        if not batches or not epochs:
            raise ScheduleError(
                "the batches of an epoch are unknown, so the run has no length; write "
                "ScheduleCallback(schedule.plan(updates=...)) or fit(steps_per_epoch=...)"
            )
        if epochs * batches < accumulate:
            raise ScheduleError(
                f"gradient_accumulation_steps={accumulate} and {epochs * batches} batches in all: this fit "
                "makes no update; write fewer steps, or ScheduleCallback(schedule.plan(updates=...))"
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
        """Raise StateError if the optimizer or `fit` is ahead of the schedule, or the run is over."""
        plan, update, count = self._run.plan, self._run.update, completed_updates(self._optimizer)
        continues = self._used is not None and count == self._count
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
        if update >= plan.horizon and plan.after == "hold" and (plan.values != plan.end).any():
            raise StateError(
                f"all {plan.horizon} updates of {plan.schedule} are complete, and this fit would train at "
                f"its end value {plan.end:g}; plan the whole run, as in schedule.plan(updates="
                f"{2 * plan.horizon}), compile the model again to begin a new run, or continue this one: "
                'resume(callback.state_dict(), plan, policy="restart")'
            )
        self._count = count

    def _check_pace(self) -> None:
        """Warn once if the train_step makes fewer updates than the schedule was planned for."""
        planned = self._batches // accumulation(self._optimizer)
        if self._updates < planned and not self._slow and not scales_loss(self.model):
            warnings.warn(
                f"an epoch of {self._batches} batches had {self._updates} updates, and {planned} were "
                "planned, so the schedule will not reach its end; write "
                "ScheduleCallback(schedule.plan(updates=...))",
                UserWarning,
                stacklevel=2,
            )
            self._slow = True

    def _check_end(self) -> None:
        """Raise at an update past the end, or warn at the first one that hardly trains."""
        plan, update = self._run.plan, self._run.update
        if plan.after == "error":
            plan(update)  # it raises, with what to write
        if plan.fades and update == plan.horizon:
            warnings.warn(past_end(plan, update), UserWarning, stacklevel=2)

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
        self._report(
            f"update {self._run.update}: planned {self._applied:g}, found {actual:g}; another callback sets "
            "the rate too, such as ReduceLROnPlateau or LearningRateScheduler; leave it out (plateau(...) is "
            "a factor of a schedule)"
        )

    def _report(self, text: str) -> None:
        if self.strict:
            raise ScheduleError(text)
        if not self._warned:
            warnings.warn(text, UserWarning, stacklevel=2)
        self._warned = True
