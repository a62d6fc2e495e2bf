"""The step in which a score moves: what one more right answer adds to an accuracy, or to a recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepsize.metric_directions import is_accuracy
from stepsize.problems.data import Data
from stepsize.problems.metrics import Metric

FINDING = ("f1_score", "fbeta_score", "precision", "recall")  # of which only rows of some classes count


def score_step(metric: Metric, data: Data, judged: np.ndarray) -> float | None:
    """Return how much one of the `judged` rows can change a score; None for a score that has no steps.

    An accuracy moves by 1 / rows, and a recall by 1 / rows of the class that is to be found. In a precision
    or an F1, the step depends on the answers; it is hardly ever larger than in the recall. Losses and areas
    under a curve can be any number.

    >>> from stepsize.problems.data import from_arrays
    >>> from stepsize.problems.metrics import metric_of
    >>> toy = from_arrays("toy", np.eye(4), [0, 0, 1, 1], "made up")
    >>> names = "accuracy", "recall", "auc", "binary_crossentropy"
    >>> [score_step(metric_of(name, None, "binary"), toy, np.arange(4)) for name in names]
    [0.25, 0.5, None, None]
    """
    name = metric.of_keras
    if data.kind == "regression" or name is None:
        return None
    if is_accuracy(name):
        return 1 / (len(judged) * (len(data.classes) if data.kind == "multilabel" else 1))
    if name not in FINDING:
        return None
    counts = class_counts(data, judged)
    config: Any = {} if metric.form is None else metric.form.get("config", {})
    if (one := config.get("class_id")) is not None:
        return 1 / max(1, int(counts[one]))
    pooled = name in ("precision", "recall")  # by Keras, over all outputs
    if data.kind == "binary" and (pooled or metric.form is None or config.get("threshold") is not None):
        return 1 / max(1, int(counts[1]))
    return 1 / max(1, int(counts.sum() if pooled else len(counts) * counts.min()))


def class_counts(data: Data, rows: np.ndarray) -> np.ndarray:
    """Return how many rows each class has, or each label."""
    if data.kind == "multilabel":
        return data.y[rows].sum(axis=0)
    return np.bincount(data.y[rows], minlength=len(data.classes))
