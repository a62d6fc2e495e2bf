"""Which metrics are better high and which low: the one table that every part of the package reads."""

from __future__ import annotations

import math
import re
from typing import Literal

HIGHER = (
    "accuracy", "auc", "binary_accuracy", "categorical_accuracy", "concordance_correlation",
    "cosine_similarity", "f1_score", "fbeta_score", "pearson_correlation", "precision", "r2", "recall",
    "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy",
)  # fmt: skip
"""The metrics of Keras that are better high; 1 is perfect in all of them."""
LOWER = (
    "binary_crossentropy", "categorical_crossentropy", "categorical_hinge", "hinge", "kl_divergence",
    "logcosh", "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson", "root_mean_squared_error",
    "sparse_categorical_crossentropy", "squared_hinge",
)  # fmt: skip
"""The metrics of Keras that are better low."""
SIGNED = (
    "concordance_correlation", "cosine_similarity", "kl_divergence", "pearson_correlation", "poisson", "r2",
)  # fmt: skip
"""The metrics of Keras that may be below 0."""
ALIASES = {"acc": "accuracy", "f1": "f1_score", "r2_score": "r2", "rmse": "root_mean_squared_error"}
"""Other names of these metrics."""

# Names of other metrics are recognised by these words, such as "head_loss" or "val_top1_acc".
LOWER_ENDINGS = ("loss", "error", "mse", "mae")
HIGHER_WORDS = ("acc", "accuracy", "auc", "precision", "recall")


def direction(name: str) -> Literal["max", "min"] | None:
    """Return "max" if the metric called `name` is better high, "min" if it is better low, None if unknown.

    A prefix such as "val_" does not matter, nor does a number at the end, which Keras adds to the second
    metric of a kind.

    >>> direction("val_r2"), direction("MeanSquaredError"), direction("head_auc_1"), direction("reward")
    ('max', 'min', 'max', None)
    """
    words = re.findall(r"[a-z]+\d*", snake_case(name))
    for start in range(len(words)):
        ending = canonical_name("_".join(words[start:]))
        if ending in HIGHER:
            return "max"
        if ending in LOWER:
            return "min"
    if words and words[-1].endswith(LOWER_ENDINGS):
        return "min"
    named = [word.rstrip("0123456789") for word in words]
    return "max" if "f1" in words or any(word.endswith(HIGHER_WORDS) for word in named) else None


def possible_values(name: str) -> tuple[float, float]:
    """Return the lowest and the highest value that the metric called `name` can have; infinite if unknown.

    >>> possible_values("auc"), possible_values("mse"), possible_values("r2"), possible_values("reward")
    ((0.0, 1.0), (0.0, inf), (-inf, 1.0), (-inf, inf))
    """
    name = canonical_name(name)
    low = 0.0 if name in (*HIGHER, *LOWER) and name not in SIGNED else -math.inf
    return low, 1.0 if name in HIGHER else math.inf


def contradicts(name: str, mode: str | None) -> bool:
    """Return whether the metric of Keras called `name`, or a loss, is better the other way than by `mode`.

    >>> contradicts("val_accuracy", "min"), contradicts("accuracy_gap", "min"), contradicts("loss", "max")
    (True, False, True)
    """
    plain = canonical_name(name.removeprefix("val_"))
    return plain in {"min": HIGHER, "max": (*LOWER, "loss")}.get(mode or "", ())


def canonical_name(name: str) -> str:
    """Return the name that the table has for a metric, or its name in snake case if it has none.

    >>> canonical_name("R2Score"), canonical_name("rmse"), canonical_name("Reward")
    ('r2', 'root_mean_squared_error', 'reward')
    """
    name = snake_case(name)
    return ALIASES.get(name, name)


def snake_case(name: str) -> str:
    """Return a class name as Keras writes it among its functions.

    >>> snake_case("MeanAbsoluteError"), snake_case("AUC"), snake_case("R2Score")
    ('mean_absolute_error', 'auc', 'r2_score')
    """
    return name.lower() if name.isupper() else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
