"""Metrics by their names in NumPy, for what Keras does not train: logistic regression, a constant answer.

Targets and predictions are arrays [rows, outputs]: of two classes one column, the probability of the second;
of more classes one column each, with one-hot targets; quantities as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

EPSILON = 1e-7  # Keras' own

Score = Callable[[np.ndarray, np.ndarray], float]


def _accuracy(y: np.ndarray, p: np.ndarray) -> float:
    if y.shape[1] == 1:
        return float(((p > 0.5) == y).mean())
    return float((p.argmax(axis=1) == y.argmax(axis=1)).mean())


def _binary_accuracy(y: np.ndarray, p: np.ndarray) -> float:
    return float(((p > 0.5) == y).mean())


def _auc(y: np.ndarray, p: np.ndarray) -> float:
    """Return the area under the ROC curve: how often a right output is above a wrong one; ties count half."""
    is_right = y.ravel() > 0.5
    _, places = np.unique(p.ravel(), return_inverse=True)
    right, wrong = (np.bincount(places[rows], minlength=places.max() + 1) for rows in (is_right, ~is_right))
    beaten = np.cumsum(wrong) - wrong / 2
    return float((right * beaten).sum() / (right.sum() * wrong.sum()))


def _precision(y: np.ndarray, p: np.ndarray) -> float:
    return float(y[p > 0.5].sum() / max(1, (p > 0.5).sum()))


def _recall(y: np.ndarray, p: np.ndarray) -> float:
    return float(y[p > 0.5].sum() / max(1.0, y.sum()))


def _f1(y: np.ndarray, p: np.ndarray) -> float:
    """Return the mean over the outputs; of several classes, the largest output of a row is its answer."""
    if y.shape[1] == 1:
        return _f1_of_labels(y, p)
    return _f1_of(y, (p == p.max(axis=1, keepdims=True)) & (p > EPSILON))


def _f1_of_labels(y: np.ndarray, p: np.ndarray) -> float:
    return _f1_of(y, p > 0.5)


def _f1_of(y: np.ndarray, answers: np.ndarray) -> float:
    hits, total = (answers * y).sum(axis=0), answers.sum(axis=0) + y.sum(axis=0)
    return float((2 * hits / (total + EPSILON)).mean())


def _binary_crossentropy(y: np.ndarray, p: np.ndarray) -> float:
    p = p.clip(EPSILON, 1 - EPSILON)
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def _crossentropy(y: np.ndarray, p: np.ndarray) -> float:
    p = (p / p.sum(axis=1, keepdims=True)).clip(EPSILON, 1 - EPSILON)
    return float(-(y * np.log(p)).sum(axis=1).mean())


def _absolute(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.abs(y - p).mean())


def _squared(y: np.ndarray, p: np.ndarray) -> float:
    return float(((y - p) ** 2).mean())


def _percentage(y: np.ndarray, p: np.ndarray) -> float:
    return float(100 * (np.abs(y - p) / np.maximum(np.abs(y), EPSILON)).mean())


def _r2(y: np.ndarray, p: np.ndarray) -> float:
    spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1 - ((y - p) ** 2).sum(axis=0) / spread))


def _logcosh(y: np.ndarray, p: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(p - y, y - p) - np.log(2)))


CLASSES: dict[str, Score] = {
    "accuracy": _accuracy, "auc": _auc, "binary_accuracy": _binary_accuracy,
    "binary_crossentropy": _binary_crossentropy, "categorical_accuracy": _accuracy,
    "categorical_crossentropy": _crossentropy, "f1_score": _f1, "fbeta_score": _f1,
    "mae": _absolute, "mean_absolute_error": _absolute, "mean_squared_error": _squared, "mse": _squared,
    "precision": _precision, "recall": _recall,
    "root_mean_squared_error": lambda y, p: _squared(y, p) ** 0.5,
    "sparse_categorical_accuracy": _accuracy, "sparse_categorical_crossentropy": _crossentropy,
}  # fmt: skip
QUANTITIES: dict[str, Score] = {
    "logcosh": _logcosh, "mae": _absolute, "mape": _percentage, "mean_absolute_error": _absolute,
    "mean_absolute_percentage_error": _percentage, "mean_squared_error": _squared, "mse": _squared, "r2": _r2,
    "root_mean_squared_error": lambda y, p: _squared(y, p) ** 0.5,
}  # fmt: skip
OF_TWO_COLUMNS = ("categorical_accuracy", "categorical_crossentropy", "sparse_categorical_accuracy",
                  "sparse_categorical_crossentropy")  # fmt: skip # say nothing of one column


LABELS: dict[str, Score] = {
    "accuracy": _binary_accuracy, "f1_score": _f1_of_labels, "fbeta_score": _f1_of_labels,
}  # fmt: skip # each label is an answer of its own


def score_by(metric: str, kind: str) -> Score | None:
    """Return the function [rows, outputs] of a metric by its name; None if it is not here.

    >>> score_by("auc", "binary")(np.array([[0.0], [1.0], [1.0]]), np.array([[0.2], [0.9], [0.1]]))
    0.5
    """
    if kind == "binary" and metric in OF_TWO_COLUMNS:
        return None
    known = {"regression": QUANTITIES, "multilabel": {**CLASSES, **LABELS}}.get(kind, CLASSES)
    return known.get(metric)
