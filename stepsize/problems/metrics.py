"""The metric that scores a run: its name, its direction, whether it is a share, and the Keras object.

Everything but `make` works without Keras, so that a study can be planned before Keras is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.errors import ProblemError, unknown

# Keras' metrics that a name is enough for. Those where more is better are shares: 1 is perfect.
HIGHER = (
    "accuracy", "auc", "binary_accuracy", "categorical_accuracy", "concordance_correlation",
    "cosine_similarity", "f1_score", "fbeta_score", "pearson_correlation", "precision", "r2", "recall",
    "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy",
)  # fmt: skip
LOWER = (
    "binary_crossentropy", "categorical_crossentropy", "categorical_hinge", "hinge", "kl_divergence",
    "logcosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson", "root_mean_squared_error",
    "sparse_categorical_crossentropy", "squared_hinge",
)  # fmt: skip
ALIASES = {"acc": "accuracy", "r2_score": "r2", "rmse": "root_mean_squared_error"}
KERAS_NAMES = {  # where ours is not a name that Keras finds
    "f1_score": "F1Score", "fbeta_score": "FBetaScore", "logcosh": "LogCoshError", "r2": "R2Score",
}  # fmt: skip
MODES = ("max", "min")


@dataclass(frozen=True)
class Metric:
    """A metric that has not been built: its `name`, whether more is better, and what `make` builds it from.

    `share` is true where 1 is perfect and differences are said in points of a percent. `form` is Keras'
    config, or None where the name is enough.
    """

    name: str
    higher_is_better: bool
    share: bool
    form: Mapping[str, Any] | None = None


def metric_of(given: Any, mode: str | None, kind: str) -> Metric:
    """Say what `given` is: a Keras metric's name or object; None is accuracy, or R2 for quantities.

    `mode` ("max" or "min") is needed where Keras does not know which direction is better.

    >>> metric_of(None, None, "regression")
    Metric(name='r2', higher_is_better=True, share=True, form=None)
    >>> metric_of("mae", None, "regression").higher_is_better
    False
    """
    if mode is not None and mode not in MODES:
        raise ProblemError(unknown("mode", str(mode), MODES))
    if given is None:
        given = "r2" if kind == "regression" else "accuracy"
    if isinstance(given, str):
        name = _snake(given)
        name = ALIASES.get(name, name)
        if name not in (*HIGHER, *LOWER):
            raise ProblemError(unknown("metric", given, sorted((*HIGHER, *LOWER))))
        if name == "accuracy" and kind == "regression":
            raise ProblemError("metric='accuracy' needs classes, and the target is a quantity; use 'r2'")
        up = name in HIGHER
        return Metric(name, up if mode is None else mode == "max", up)
    if not hasattr(given, "update_state"):
        raise ProblemError(
            f"metric={given!r} must be the name of a Keras metric, such as 'auc', or a Keras metric object"
        )
    direction = {"max": "up", "min": "down"}.get(mode or "", getattr(given, "_direction", None))
    if direction is None:
        raise ProblemError(
            f"metric {given.name!r}: Keras does not say whether more of it is better; add mode='max' or "
            "mode='min'"
        )
    import keras

    word = _snake(type(given).__name__)
    share = ALIASES.get(word, word) in HIGHER
    form: Any = keras.saving.serialize_keras_object(given)
    return Metric(given.name, direction == "up", share, form)


def make(metric: Metric, kind: str, width: int) -> Any:
    """Build the Keras metric for targets of `kind` and `width` outputs a row."""
    import keras

    if metric.form is not None:
        return keras.saving.deserialize_keras_object(dict(metric.form))
    if metric.name != "accuracy":
        name = KERAS_NAMES.get(metric.name, metric.name)
        if name in ("F1Score", "FBetaScore"):  # one number, as a score has to be
            return getattr(keras.metrics, name)(average="macro")
        return keras.metrics.get(name)
    if kind == "multilabel" or width == 1:
        return keras.metrics.BinaryAccuracy()
    return keras.metrics.SparseCategoricalAccuracy()


def _snake(name: str) -> str:
    """Give `MeanAbsoluteError`, `AUC` or `mae` as Keras' names of functions are written.

    >>> _snake("MeanAbsoluteError"), _snake("AUC"), _snake("R2Score")
    ('mean_absolute_error', 'auc', 'r2_score')
    """
    return name.lower() if name.isupper() else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
