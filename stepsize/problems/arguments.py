"""Checks of the arguments of a problem, and of what its candidates may have of their own."""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar

from stepsize.checks import is_number, is_written_value, python_number, shown
from stepsize.errors import ProblemError, StudyError, unknown

SGD = MappingProxyType({"optimizer": "sgd", "momentum": 0.9})
# fmt: off
SWITCHES = ("nesterov", "amsgrad", "centered", "use_ema", "relative_step")
SHARES = ("beta_1", "beta_2", "rho", "adam_beta_1", "adam_beta_2")
AT_LEAST_0 = (
    "momentum", "weight_decay", "epsilon", "clipnorm", "clipvalue", "global_clipnorm", "ema_momentum",
    "initial_accumulator_value", "loss_scale_factor", "beta", "clip_threshold", "epsilon_1", "epsilon_2",
    "l1_regularization_strength", "l2_regularization_strength", "l2_shrinkage_regularization_strength",
    "adam_weight_decay", "adam_lr_ratio", "rms_rate",
)
OTHER_NUMBERS = ("beta_2_decay", "learning_rate_power", "muon_a", "muon_b", "muon_c")
OR_NONE = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor")
# fmt: on
DATA_ARGUMENTS = ("header", "kind", "groups", "order", "part", "weights", "drop")  # of `load`
RATE = ("lr", "learning_rate")
OF_OPTIMIZERS = (
    "weight_decay", "momentum", "nesterov", "betas", "beta_1", "beta_2", "eps", "epsilon", "rho",
    "clip_grad_norm", "clip_grad_value", "clipnorm", "clipvalue", "global_clipnorm",
)  # fmt: skip
REDUCTIONS = ("mean", "sum")  # of the loss, over the rows of a batch

T = TypeVar("T")


def positive_whole(name: str, value: Any) -> int:
    """Return a number of at least 1 as an int; raise ProblemError for anything else."""
    value = python_number(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ProblemError(f"{name}={shown(value)} must be a positive whole number")
    return value


def checked_names(kind: type[T]) -> type[T]:
    """Return a data class that says of an unknown argument what to write instead."""
    init, known = kind.__init__, [*inspect.signature(kind).parameters]

    @wraps(init)
    def checked(self: T, *args: Any, **kwargs: Any) -> None:
        check_arguments(kwargs, known)
        init(self, *args, **kwargs)

    kind.__init__ = checked  # type: ignore[method-assign]
    return kind


def check_arguments(changes: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise ProblemError for an argument that a problem does not have."""
    for key in changes:
        if key in RATE:
            raise ProblemError(
                f"{key}={changes[key]!r} has no effect: the schedules set the rate; leave it out"
            )
        if key in OF_OPTIMIZERS:
            raise ProblemError(
                f"{key} is a setting of the optimizer; write settings={{{key!r}: {changes[key]!r}}}"
            )
        if key not in known:
            raise ProblemError(unknown("argument", key, known))


def check_optimizer(optimizer: Any, is_torch: bool) -> None:
    """Raise ProblemError for an optimizer of a Keras model, or for one of PyTorch that is given as a text."""
    if optimizer is not None and not is_torch and callable(optimizer):
        raise ProblemError(
            "loss=None: a PyTorch model needs a loss beside its optimizer, such as "
            "loss=nn.CrossEntropyLoss(); a Keras model needs neither, for it is compiled with both"
        )
    if optimizer is not None and (not is_torch or isinstance(optimizer, str | Mapping)):
        text = repr(optimizer) if isinstance(optimizer, str) else "'sgd', 'momentum': 0.9"
        raise ProblemError(
            f"optimizer={optimizer!r} is a part of settings here; write settings={{'optimizer': {text}}}"
        )


def settings_of_problem(
    settings: Mapping[str, Any] | None, is_text: bool, is_torch: bool
) -> Mapping[str, Any]:
    """Return the settings of a problem, checked; a text model trains with SGD unless they name another one.

    Raises: ProblemError for a number or a switch that is written as a text, because Keras takes "false" for
    true, and for values that Keras cannot use.
    """
    if settings is None:
        return dict(SGD) if is_text else {}
    settings = {key: python_number(value) for key, value in settings.items()}
    for key, value in settings.items():
        if isinstance(value, str) and is_written_value(value):
            raise ProblemError(f"{key}={value!r} is text; write a number, true or false without quotes")
    if settings.get("loss_reduction", "mean") not in REDUCTIONS:
        raise ProblemError(
            f"loss_reduction={shown(settings['loss_reduction'])} must be 'mean' or 'sum', over the rows of a "
            "batch"
        )
    if not is_torch:
        _check_values(settings, ProblemError)
    return {"optimizer": "sgd", **settings} if is_text else settings


def check_candidate_settings(settings: Mapping[str, Any]) -> None:
    """Raise StudyError for a value that Keras ignores, cannot compute with, or takes for another one.

    A negative clipping threshold does not clip, a text fails in the middle of a study, and NaN is called a
    run that diverged. A schedule of the momentum was read before.

    >>> check_candidate_settings({"clipnorm": -1})
    Traceback (most recent call last):
    stepsize.errors.StudyError: clipnorm=-1 must be a number of at least 0, or None
    """
    is_scheduled = isinstance(settings.get("momentum"), str)
    _check_values({**settings, "momentum": 0} if is_scheduled else settings, StudyError)


def _check_values(settings: Mapping[str, Any], error: type[ProblemError | StudyError]) -> None:
    for name, value in settings.items():
        if name in SWITCHES and not isinstance(value, bool):
            raise error(f"{name}={shown(value)} must be True or False")
        if name not in (*SHARES, *AT_LEAST_0, *OTHER_NUMBERS) or (value is None and name in OR_NONE):
            continue
        if isinstance(value, str) and name in ("momentum", "beta_1"):
            raise error(
                f"{name}={shown(value)} must be a number; a candidate may have a schedule as its momentum, "
                f'as in {{schedule = "cosine(lr)", momentum = {shown(value)}}}'
            )
        _check_number(name, value, error)


def _check_number(name: str, value: Any, error: type[ProblemError | StudyError]) -> None:
    limit = "" if name in OTHER_NUMBERS else " of at least 0" + (" and below 1" if name in SHARES else "")
    low, high = 0 if limit else -math.inf, 1 if name in SHARES else math.inf
    if not is_number(value) or not math.isfinite(value) or not low <= value < high:
        number = "a finite number" if is_number(value) and not math.isfinite(value) else "a number"
        raise error(f"{name}={shown(value)} must be {number}{limit}{', or None' * (name in OR_NONE)}")


def check_shared(settings: Mapping[str, Any], shared: Collection[str]) -> None:
    """Raise StudyError for a setting of a candidate that all candidates of a problem share."""
    for key, value in settings.items():
        if key in shared:
            raise StudyError(
                f"{key}={value!r} cannot differ between the candidates of a study; they may have their own "
                "model, epochs, batch_size, prepare, momentum, multipliers and arguments of the optimizer: "
                f"make one study for each {key}"
            )
