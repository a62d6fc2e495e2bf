"""The optimizer of a Keras model: who owns its rate, and which updates it has completed."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from stepsize.adapters.plain import warn_caller
from stepsize.errors import ScheduleError, require
from stepsize.schedules import Plan

require("train", "keras")

import keras  # noqa: E402


def check_model(model: Any) -> None:
    """Raise ScheduleError if a callback cannot own this model's rate."""
    if model.steps_per_execution > 1:
        raise ScheduleError(
            "steps_per_execution runs several updates at once, and a callback cannot set the rate between "
            "them; write compile(steps_per_execution=1), or KerasSchedule(plan) as the learning_rate"
        )
    optimizer = inner(model.optimizer)
    if hasattr(optimizer, "optimizers"):
        raise ScheduleError(
            f"the optimizer is a {type(optimizer).__name__}, and each of its {len(optimizer.optimizers)} "
            "optimizers has a rate of its own; write KerasSchedule(plan) as the learning_rate of each"
        )
    if isinstance(optimizer._learning_rate, keras.Variable):
        _check_precision(optimizer._learning_rate)
        return
    rate, micro_batches = optimizer._learning_rate, accumulation(optimizer)
    advice = "write a number such as 0.1 there, or leave ScheduleCallback out"
    if getattr(rate, "accumulate", micro_batches) != micro_batches:  # a KerasSchedule on the wrong clock
        advice += f" and write KerasSchedule(plan, accumulate={micro_batches})"
    raise ScheduleError(
        f"the optimizer's learning_rate is a {type(rate).__name__}, and one rate cannot "
        f"follow two schedules; {advice}"
    )


def _check_precision(rate: Any) -> None:
    """Warn of a rate that is kept in fewer digits than it is planned in."""
    if "16" in rate.dtype:
        warnings.warn(
            f"the optimizer keeps its learning_rate in {rate.dtype}, which rounds every planned rate to "
            "about 3 digits; build the optimizer while keras.config.floatx() is float32",
            UserWarning,
            stacklevel=2,
        )


def check_updates(model: Any, batches: int, updates: int) -> None:
    """Raise ScheduleError unless the optimizer of a model has made at least one of its updates in an epoch.

    `batches` are those since the last update, or since `fit` began.
    """
    if updates or batches < accumulation(model.optimizer):
        return
    others = [name for name, value in vars(model).items() if _is_other(value, model.optimizer)]
    if scales_loss(model) and not others:
        return  # every update may have been skipped
    names = " and ".join(f"model.{name}" for name in others)
    trains = f"trains with {names}" if names else "trains with another one, or not at all"
    raise ScheduleError(
        f"model.optimizer made no update in {batches} batches: the train_step of this "
        f"{type(model).__name__} {trains}; write KerasSchedule(plan) as the learning_rate of the optimizers "
        "that it uses"
    )


def _is_other(value: Any, optimizer: Any) -> bool:
    return isinstance(value, keras.optimizers.Optimizer) and value is not optimizer


def inner(optimizer: Any) -> Any:
    """Return an optimizer, or the one inside it if that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def scales_loss(model: Any) -> bool:
    """Return whether updates are skipped whose scaled gradients are not finite."""
    return inner(model.optimizer) is not model.optimizer


def accumulation(optimizer: Any) -> int:
    """Return the micro-batches of one update."""
    return inner(optimizer).gradient_accumulation_steps or 1


def updates_every_batch(model: Any) -> bool:
    """Return whether Keras itself makes exactly one update of every batch."""
    plain = not scales_loss(model) and accumulation(model.optimizer) == 1
    return plain and type(model).train_step is keras.Model.train_step


def completed_updates(optimizer: Any) -> int:
    """Return the updates that an optimizer has completed."""
    count = optimizer.iterations  # a variable, or a tensor where gradients are accumulated
    return int(count.value if isinstance(count, keras.Variable) else count)


def completes_update(optimizer: Any) -> bool:
    """Return whether the next batch completes an update, and does not only add to its gradients."""
    micro_batches = accumulation(optimizer)
    return micro_batches == 1 or (int(inner(optimizer)._iterations.value) + 1) % micro_batches == 0


def warn_of_epoch(plan: Plan, batches: int, micro_batches: int, instead: str = "") -> None:
    """Warn if an epoch of the plan is not one of a `fit` with so many batches."""
    planned, updates = plan.updates_per_epoch, batches / micro_batches
    if planned is not None and batches and abs(planned - updates) >= 1:
        warn_caller(
            f"an epoch of the plan has {planned} update{'' if planned == 1 else 's'}, and one of this fit "
            f"{updates:g}; write updates_per_epoch={max(1, round(updates))}{instead}"
        )


def batches_of_fit() -> int | None:
    """Return the batches of an epoch of the `fit` that is running; None if none is, or they are unknown."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_globals.get("__name__", "").startswith("keras.src."):
            params: Any = getattr(frame.f_locals.get("callbacks"), "params", None) or {}
            return params.get("steps")
        frame = frame.f_back
    return None


def is_compiling(value: Any) -> bool:
    """Return whether a tensor has no value yet, because the code that uses it is being compiled."""
    backend = keras.backend.backend()
    library = sys.modules[backend]
    if backend == "jax":
        return isinstance(value, library.core.Tracer)
    return library.compiler.is_compiling() if backend == "torch" else not library.executing_eagerly()
