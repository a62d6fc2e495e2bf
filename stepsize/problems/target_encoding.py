"""Targets in the form that a loss or a metric takes, and the weight of each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.problems.data import Data


def encode(y: np.ndarray, kind: str, classes: int, width: int, numbers: bool) -> np.ndarray:
    """Return targets for a model of `width` outputs: class numbers, one column, or one column per class.

    >>> encode(np.array([0, 1]), "binary", 2, width=1, numbers=False).tolist()
    [[0.0], [1.0]]
    >>> encode(np.array([0, 2]), "multiclass", 3, width=3, numbers=False).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if kind in ("multilabel", "regression"):
        return y.astype(np.float32).reshape(len(y), -1)
    if width == 1:
        return y.astype(np.float32)[:, None]
    return y.astype(np.int32) if numbers else np.eye(classes, dtype=np.float32)[y]


def takes_class_numbers(function: Any) -> bool:
    """Return whether a Keras loss or metric takes class numbers; others take one column per class.

    A function of the user's own gets class numbers, as the data holds them.

    >>> takes_class_numbers("sparse_categorical_crossentropy"), takes_class_numbers("mse")
    (True, False)
    """
    if isinstance(function, str):
        return "sparse" in function.lower() or function.lower() in ("crossentropy", "ce")
    kind = function if hasattr(function, "__name__") else type(function)
    return "sparse" in kind.__name__.lower() or kind.__module__.split(".")[0] != "keras"


def row_weights(data: Data, class_weight: Mapping[Any, float] | None) -> np.ndarray | None:
    """Return the weight of each row in the training loss, or None if all weigh the same.

    `class_weight` holds weights by class name or number; other classes weigh 1, as in Keras.

    Raises: ProblemError for unknown classes, weights that are not finite numbers of at least 0, and data
    with weights of its own.
    """
    if class_weight is None:
        return None if data.weights is None else np.asarray(data.weights, np.float32)
    if data.weights is not None:
        raise ProblemError("class_weight cannot be combined with the data's own weights; leave one out")
    if data.kind not in ("binary", "multiclass"):
        raise ProblemError(f"class_weight needs one class per row, but data {data.name!r} is {data.kind}")
    weights = np.ones(len(data.classes), np.float32)
    for key, weight in class_weight.items():
        is_name = str(key) in data.classes
        if not is_name and not (isinstance(key, int) and 0 <= key < len(data.classes)):
            raise ProblemError(unknown("class in class_weight", str(key), data.classes))
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < np.inf:
            raise ProblemError(f"class_weight[{key!r}]={weight!r} must be a finite number of at least 0")
        weights[data.classes.index(str(key)) if is_name else key] = weight
    return weights[data.y]
