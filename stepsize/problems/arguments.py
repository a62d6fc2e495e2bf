"""Checks of the arguments of a problem, and of what its candidates may have of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from stepsize.checks import is_written_value
from stepsize.errors import ProblemError, StudyError, unknown


def check_arguments(changes: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise ProblemError for an argument that a problem does not have."""
    for key in changes:
        if key not in known:
            raise ProblemError(unknown("argument", key, known))


def check_optimizer(optimizer: Any, is_torch: bool) -> None:
    """Raise ProblemError for an optimizer of a Keras model, or for one of PyTorch that is given as a text."""
    if optimizer is not None and (not is_torch or isinstance(optimizer, str | Mapping)):
        text = repr(optimizer) if isinstance(optimizer, str) else "'sgd', 'momentum': 0.9"
        raise ProblemError(
            f"optimizer={optimizer!r} is a part of settings here; write settings={{'optimizer': {text}}}"
        )


def check_settings_values(settings: Mapping[str, Any]) -> None:
    """Raise ProblemError for a number or a switch that is written as a text: Keras takes "false" for true."""
    for key, value in settings.items():
        if isinstance(value, str) and is_written_value(value):
            raise ProblemError(f"{key}={value!r} is a text; write a number, true or false without quotes")


def check_shared(settings: Mapping[str, Any], shared: Collection[str]) -> None:
    """Raise StudyError for a setting of a candidate that all candidates of a problem share."""
    for key, value in settings.items():
        if key in shared and key != "batch_size":
            raise StudyError(
                f"{key}={value!r} cannot differ between the candidates of a study; they may have their own "
                "batch_size, momentum, multipliers and arguments of the optimizer: make one study for each "
                f"{key}"
            )
