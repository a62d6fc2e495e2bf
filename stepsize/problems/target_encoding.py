"""Targets as a loss or a metric wants them, and what each row counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.problems.data import Data


def encode(y: np.ndarray, kind: str, classes: int, width: int, numbers: bool) -> np.ndarray:
    """Give targets for a model of `width` outputs a row: class numbers, a column, or one column a class.

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


def wants_numbers(function: Any) -> bool:
    """Say whether a Keras loss or metric takes class numbers; others take one column a class.

    A function of the user's own gets class numbers, as the data hold them.

    >>> wants_numbers("sparse_categorical_crossentropy"), wants_numbers("categorical_crossentropy")
    (True, False)
    """
    if isinstance(function, str):
        return "sparse" in function.lower() or function.lower() in ("crossentropy", "ce")
    kind = function if hasattr(function, "__name__") else type(function)
    return "sparse" in kind.__name__.lower() or kind.__module__.split(".")[0] != "keras"


def row_weights(data: Data, class_weight: Mapping[Any, float] | None) -> np.ndarray | None:
    """Give what each row counts in the training loss, or None where all count alike.

    `class_weight` gives a weight by class name or number; classes it leaves out count 1, as in Keras.
    """
    if class_weight is None:
        return None if data.weights is None else np.asarray(data.weights, np.float32)
    if data.weights is not None:
        raise ProblemError("class_weight and the data's own weights cannot both be given; leave one out")
    if data.kind not in ("binary", "multiclass"):
        raise ProblemError(f"class_weight needs one class a row, and data {data.name!r} is {data.kind}")
    each = np.ones(len(data.classes), np.float32)
    for key, weight in class_weight.items():
        named = str(key) in data.classes
        if not named and not (isinstance(key, int) and 0 <= key < len(data.classes)):
            raise ProblemError(unknown("class in class_weight", str(key), data.classes))
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < np.inf:
            raise ProblemError(f"class_weight[{key!r}]={weight!r} must be a finite number, 0 or more")
        each[data.classes.index(str(key)) if named else key] = weight
    return each[data.y]
