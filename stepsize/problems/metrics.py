"""The metric that scores a run: its name, its direction, whether it is a share, and the Keras object.

Everything but `make_metric` works without Keras, so that a study can be planned before Keras is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.errors import ProblemError, unknown
from stepsize.metric_directions import HIGHER, LOWER, canonical_name

KERAS_NAMES = {  # of metrics that Keras does not find by our name
    "f1_score": "F1Score", "fbeta_score": "FBetaScore", "logcosh": "LogCoshError", "r2": "R2Score",
}  # fmt: skip
MODES = ("max", "min")


@dataclass(frozen=True)
class Metric:
    """A metric that has not been built: its `name`, whether higher is better, and how to build it.

    `share` is true if 1 is perfect, so that differences are shown in percentage points. `form` is Keras'
    config, or None if the name is enough.
    """

    name: str
    higher_is_better: bool
    share: bool
    form: Mapping[str, Any] | None = None


def metric_of(metric: Any, mode: str | None, kind: str) -> Metric:
    """Return the description of a Keras metric, from its name or object.

    None means accuracy, or R2 for quantities.

    `mode` ("max" or "min") is needed if Keras does not know which direction is better.

    Raises: ProblemError for unknown names and modes, and for metrics without a direction.

    >>> metric_of(None, None, "regression")
    Metric(name='r2', higher_is_better=True, share=True, form=None)
    >>> metric_of("mae", None, "regression").higher_is_better
    False
    """
    if mode is not None and mode not in MODES:
        raise ProblemError(unknown("mode", str(mode), MODES))
    if metric is None:
        metric = "r2" if kind == "regression" else "accuracy"
    if isinstance(metric, str):
        name = canonical_name(metric)
        if name not in (*HIGHER, *LOWER):
            raise ProblemError(unknown("metric", metric, sorted((*HIGHER, *LOWER))))
        if name == "accuracy" and kind == "regression":
            raise ProblemError("metric='accuracy' needs classes, but the target is a quantity; use 'r2'")
        up = name in HIGHER
        return Metric(name, up if mode is None else mode == "max", up)
    if not hasattr(metric, "update_state"):
        raise ProblemError(
            f"metric={metric!r} must be the name of a Keras metric, such as 'auc', or a Keras metric object"
        )
    direction = {"max": "up", "min": "down"}.get(mode or "", getattr(metric, "_direction", None))
    if direction is None:
        raise ProblemError(
            f"metric {metric.name!r}: Keras does not know whether higher is better; add mode='max' or "
            "mode='min'"
        )
    import keras

    share = canonical_name(type(metric).__name__) in HIGHER
    form: Any = keras.saving.serialize_keras_object(metric)
    return Metric(metric.name, direction == "up", share, form)


def make_metric(metric: Metric, kind: str, width: int) -> Any:
    """Build the Keras metric for targets of `kind` and a model of `width` outputs."""
    import keras

    if metric.form is not None:
        return keras.saving.deserialize_keras_object(dict(metric.form))
    if metric.name != "accuracy":
        name = KERAS_NAMES.get(metric.name, metric.name)
        if name in ("F1Score", "FBetaScore"):  # a score must be one number
            return getattr(keras.metrics, name)(average="macro")
        return keras.metrics.get(name)
    if kind == "multilabel" or width == 1:
        return keras.metrics.BinaryAccuracy()
    return keras.metrics.SparseCategoricalAccuracy()
