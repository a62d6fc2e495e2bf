"""Settings that a candidate may have of its own: checked, and kept as JSON values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import StudyError
from stepsize.schedules import Schedule, parse


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON values: a scheduled momentum as its spec.

    Raises: StudyError for a batch size, a momentum or multipliers that cannot be.

    >>> from stepsize.schedules import linear
    >>> checked_settings({"momentum": linear(0.9), "nesterov": True})
    {'momentum': 'linear(0.9)', 'nesterov': True}
    """
    return {name: _CHECKS.get(name, _same)(value) for name, value in settings.items()}


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part settings into the optimizer's and ours: a scheduled momentum, the batch size, multipliers."""
    own = {name: settings[name] for name in ("batch_size", "multipliers") if name in settings}
    if isinstance(settings.get("momentum"), str):
        own["momentum"] = settings["momentum"]
    return {name: value for name, value in settings.items() if name not in own}, own


def _same(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value  # NumPy's numbers become Python's


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
        raise StudyError(f"momentum={value} has a free knob; only the rate of a candidate is tuned")
    if value.metric_factor is not None:
        raise StudyError(f"momentum={value} follows a metric; only the rate can do that")
    return str(value)


def _multipliers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise StudyError(f"multipliers={shown(value)} must name layers, as in multipliers={{'dense': 0.1}}")
    for layer, factor in value.items():
        if not isinstance(layer, str) or not is_number(factor) or not 0 <= factor < math.inf:
            raise StudyError(
                f"multipliers: {shown(layer)}: {shown(factor)} must be a layer's name and a number from 0 on"
            )
    return {layer: float(value[layer]) for layer in sorted(value)}


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "batch_size": _batch_size,
    "momentum": _momentum,
    "multipliers": _multipliers,
}
