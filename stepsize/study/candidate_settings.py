"""Settings of a candidate: checked, and kept as JSON values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stepsize.checks import is_number, is_written_value, shown
from stepsize.errors import StudyError
from stepsize.problems.arguments import REDUCTIONS
from stepsize.problems.own_models import model_setting
from stepsize.problems.usual_settings import usual_settings
from stepsize.problems.variants import OPTIONS, VARIED
from stepsize.schedules import Schedule, parse
from stepsize.units import is_knob_name

NUMBERS = (
    "batch_size", "momentum", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "ema_momentum",
    "beta_1", "beta_2", "rho", "epsilon", "dampening", "eps",
)  # fmt: skip  # settings that are never text, so text there is the name of a knob


UNSTORED = (
    "cannot be stored; a setting is a number, a text, True, False, None, or a list or dict of them, with "
    "texts as keys"
)


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values; a scheduled momentum becomes its spec.

    Raises: StudyError for a batch size, a momentum or multipliers that cannot be used.

    >>> from stepsize.schedules import linear
    >>> checked_settings({"momentum": linear(0.9), "nesterov": True})
    {'momentum': 'linear(0.9)', 'nesterov': True}
    """
    checked = {name: _CHECKS.get(name, _same)(value) for name, value in settings.items()}
    for name, value in checked.items():
        if isinstance(value, str) and is_written_value(value):
            raise StudyError(f"{name}={value!r} is text; write a number, true or false without quotes")
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise StudyError(f"{name}={shown(value)} {UNSTORED}") from None
    return checked


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split settings into optimizer arguments and ours: batch size, multipliers, what makes a variant.

    A scheduled momentum is ours, too.
    """
    ours = {name: settings[name] for name in ("batch_size", "multipliers", *VARIED) if name in settings}
    if isinstance(settings.get("momentum"), str):  # its schedule
        ours["momentum"] = settings["momentum"]
    return {name: value for name, value in settings.items() if name not in ours}, ours


def optimizer_arguments(usual: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with which the optimizer of a candidate is made: its own, and those it takes over.

    `usual` are those of the problem. A scheduled momentum is not among them.

    >>> optimizer_arguments({"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "adam", "batch_size": 8})
    {'optimizer': 'adam'}
    """
    own, ours = split_settings(settings)
    taken = usual_settings(usual or {}, own)
    return {name: value for name, value in taken.items() if name not in ours} | own


def of_training(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of how a problem is trained: of the optimizer and its batches, not of the model.

    >>> of_training({"model": "logistic", "epochs": 5, "momentum": 0.8, "batch_size": 16})
    {'momentum': 0.8, 'batch_size': 16}
    """
    return {name: value for name, value in settings.items() if name not in VARIED}


def changes_model(settings: Mapping[str, Any]) -> bool:
    """Return whether a candidate with these settings has a model of its own."""
    return not {"model", *OPTIONS}.isdisjoint(settings)


def large_batch_notes(facts: Mapping[str, Any], every: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note for each batch size, of the problem or of a candidate, that no batch can have."""
    if not facts["data"].get("parts"):
        return []  # of a training function
    rows, usual = facts["data"]["parts"]["train"]["rows"], facts["protocol"]["batch_size"]
    sizes = {settings.get("batch_size", usual) for settings in every}
    return [large_batch_note(size, rows) for size in sorted(sizes) if size > rows]


def large_batch_note(size: int, rows: int) -> str:
    """Return a note on a batch size above the number of training rows."""
    return f"batch_size={size} is more than the {rows} training rows, so each update takes all of them."


def _same(value: Any) -> Any:
    """Return a value as JSON has it: a list for a tuple, Python's numbers for NumPy's."""
    if isinstance(value, list | tuple):
        return [_same(each) for each in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise StudyError(f"the setting {shown(value)} {UNSTORED}")
        return {key: _same(each) for key, each in value.items()}
    is_scalar = hasattr(value, "item") and getattr(value, "size", 1) == 1
    return value.item() if is_scalar else value  # NumPy numbers become Python numbers


def _batch_size(value: Any) -> int | str:
    value = _same(value)
    if isinstance(value, str) and is_knob_name(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise StudyError(f"the setting batch_size is {shown(value)}; it must be a positive whole number")
    return value


def _momentum(value: Any) -> Any:
    if isinstance(value, str) and is_knob_name(value):
        return value
    if isinstance(value, str):
        value = parse(value)
    if not isinstance(value, Schedule):
        return _same(value)
    if value.knobs:
        raise StudyError(f"momentum={value} has a free knob; a schedule of the momentum has none")
    if value.metric_factor is not None:
        raise StudyError(f"momentum={value} follows a metric; only the learning rate can do that")
    return str(value)


def _multipliers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise StudyError(f"multipliers={shown(value)} must name layers, as in multipliers={{'dense': 0.1}}")
    for layer, factor in value.items():
        if not isinstance(layer, str) or not is_number(factor) or not 0 <= factor < math.inf:
            raise StudyError(
                f"multipliers={{{shown(layer)}: {shown(factor)}}} must map the name of a layer to a number "
                "of at least 0"
            )
    return {layer: float(value[layer]) for layer in sorted(value)}


def _loss_reduction(value: Any) -> str:
    if value not in REDUCTIONS:
        raise StudyError(f"loss_reduction={shown(value)} must be 'mean' or 'sum', over the rows of a batch")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "batch_size": _batch_size,
    "loss_reduction": _loss_reduction,
    "model": model_setting,
    "momentum": _momentum,
    "multipliers": _multipliers,
}
