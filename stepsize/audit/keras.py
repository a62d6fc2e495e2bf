"""An audit of a Keras optimizer in `fit`, whatever schedules it, on every backend."""

from __future__ import annotations

from typing import Any

from stepsize.audit.record import Audit, check_audit
from stepsize.checks import shown
from stepsize.errors import ScheduleError, StateError, require_keras

require_keras()

import keras  # noqa: E402

from stepsize.adapters.keras_optimizers import check_updates, inner  # noqa: E402


class AuditCallback(keras.callbacks.Callback):
    """Record the rate of every completed update of `fit`; put it last in `callbacks`.

    The rate may be a number that callbacks set, or a schedule object, which is asked for the rate of the
    step that made the update. The batches of a gradient accumulation and the updates that a loss scale
    skips do not count. A plan's metric factor observes its metric at the end of each epoch. A rate that is
    set at the end of an epoch and gone before the next update is added to the audit's notes. `optimizer` is
    the one to audit, by default the model's: pass one of a `MultiOptimizer`, or of those that a model of your
    own trains with, each with an audit of its own.

    Raises: AuditError in `fit` after the first update that differs, under a strict audit; ScheduleError if
    `audit` is not one, the epoch's logs lack the metric of the plan, or an epoch made no update; StateError
    when `fit` begins, if the optimizer is not where the audit is.

    >>> from stepsize.schedules import linear
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> audit = Audit(linear(0.1).plan(updates=4))
    >>> ones = keras.ops.ones((4, 1))
    >>> _ = model.fit(ones, ones, batch_size=1, verbose=0, callbacks=[AuditCallback(audit)])
    >>> audit.first_difference.update, audit.causes[0].name
    (1, 'no step')
    """

    def __init__(self, audit: Audit, optimizer: Any = None) -> None:
        super().__init__()
        check_audit(audit)
        if not isinstance(optimizer, keras.optimizers.Optimizer | None):
            raise ScheduleError(
                f"optimizer={shown(optimizer)} is not a Keras optimizer; pass one of the model's, or none"
            )
        self._audit, self._chosen = audit, optimizer
        self._completed, self._rate = -1, 0.0
        self._left: float | None = None
        self._begun = False
        self._idle = self._updates = 0

    def on_train_begin(self, logs: Any = None) -> None:
        _require_one_rate(self._optimizer)
        self._left, self._begun, self._idle = None, False, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if not self._begun:  # only now has every callback restored what it restores
            self._check_start(epoch)
            self._begun = True
        self._updates = 0

    def _check_start(self, epoch: int) -> None:
        """Raise StateError if the optimizer or `fit` is ahead of the audit, or belongs to another run."""
        count, update = int(self._optimizer.iterations), self._audit.update
        another = count == 0 and self._completed > 0
        if another or count not in (0, update, self._completed):
            raise StateError(
                f"the optimizer has completed {count} updates and the audit {update}; write an Audit for "
                "each run, and Audit(plan, start=...) for a resumed one"
            )
        if epoch > 0 and update == 0:
            raise StateError(
                f"fit begins at epoch {epoch} (counted from 0) and the audit at update 0; write "
                "Audit(plan, start=...), or leave initial_epoch out"
            )
        self._completed = count

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._schedule is None:
            used, self._rate = self._rate, _number(self._optimizer.learning_rate)
            if self._left is not None and self._left not in (used, self._rate):
                self._audit.notes.append(
                    f"After update {self._completed - 1} something, such as ReduceLROnPlateau, set the rate "
                    f"from {used:.6g} to {self._left:.6g}, but that was lost: update {self._completed} used "
                    f"{self._rate:.6g}."
                )
            self._left = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        before, self._completed = self._completed, int(self._optimizer.iterations)
        self._updates += self._completed - before
        self._idle = 0 if self._completed > before else self._idle + 1
        for update in range(before, self._completed):
            self._audit.record(self._rate if self._schedule is None else self._scheduled(update))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._chosen is None:
            check_updates(self.model, self._idle, self._updates)
        if self._schedule is None:
            self._left = _number(self._optimizer.learning_rate)
        factor = self._audit.plan.metric_factor
        if factor is not None:
            if factor.metric not in (logs or {}):
                known = ", ".join(logs or {})
                raise ScheduleError(
                    f"{factor} follows {factor.metric}, and the logs of an epoch have only {known}"
                )
            self._audit.observe(logs[factor.metric])

    @property
    def _optimizer(self) -> Any:
        model: Any = self.model
        used = model.optimizer  # on JAX, asking for it brings all variables back from the epoch
        return inner(used if self._chosen is None else self._chosen)

    @property
    def _schedule(self) -> Any:
        rate = self._optimizer._learning_rate  # the property evaluates it at the coming step
        return rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None

    def _scheduled(self, update: int) -> float:
        """Return the schedule's rate for an update; Keras asks it by batches, not by updates."""
        optimizer = self._optimizer
        batches = optimizer.gradient_accumulation_steps or 1
        step = keras.ops.convert_to_tensor((update + 1) * batches - 1, dtype=optimizer._iterations.dtype)
        return _number(self._schedule(step))


def _require_one_rate(optimizer: Any) -> None:
    if hasattr(optimizer, "optimizers"):
        raise ScheduleError(
            f"a {type(optimizer).__name__} has {len(optimizer.optimizers)} optimizers, each with its rate; "
            "write AuditCallback(audit, optimizer=model.optimizer.optimizers[0]), and one audit for each"
        )


def _number(rate: Any) -> float:
    value: Any = keras.ops.convert_to_numpy(rate)
    return float(value)
