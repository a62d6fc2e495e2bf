"""Settings of a candidate: checked, and kept as JSON values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import StudyError
from stepsize.schedules import Schedule, parse


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values; a scheduled momentum becomes its spec.

    Raises: StudyError for a batch size, a momentum or multipliers that cannot be used.

    >>> from stepsize.schedules import linear
    >>> checked_settings({"momentum": linear(0.9), "nesterov": True})
    {'momentum': 'linear(0.9)', 'nesterov': True}
    """
    return {name: _CHECKS.get(name, _same)(value) for name, value in settings.items()}


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split settings into optimizer arguments and ours: batch size, multipliers, a scheduled momentum."""
    ours = {name: settings[name] for name in ("batch_size", "multipliers") if name in settings}
    if isinstance(settings.get("momentum"), str):
        ours["momentum"] = settings["momentum"]
    return {name: value for name, value in settings.items() if name not in ours}, ours


def _same(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value  # NumPy numbers become Python numbers


def _batch_size(value: Any) -> int:
    value = _same(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise StudyError(f"batch_size={shown(value)} must be a positive whole number")
    return value


def _momentum(value: Any) -> Any:
    if isinstance(value, str):
        value = parse(value)
    if not isinstance(value, Schedule):
        return _same(value)
    if value.knobs:
        raise StudyError(f"momentum={value} has a free knob; only the learning rate of a candidate is tuned")
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


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "batch_size": _batch_size,
    "momentum": _momentum,
    "multipliers": _multipliers,
}
