"""Targets in the form that a loss or a metric takes, and the weight of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from stepsize.checks import is_number, shown
from stepsize.errors import ProblemError, unknown
from stepsize.problems.data import Data
from stepsize.problems.precision import check_steps


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


def takes_class_numbers(function: Any, one_hot: bool = False) -> bool:
    """Return whether a Keras loss or metric takes class numbers; others take one column per class.

    A function of the user's own gets the form that the user's targets had: class numbers, or with `one_hot`
    one column per class.

    >>> takes_class_numbers("sparse_categorical_crossentropy"), takes_class_numbers("mse")
    (True, False)
    """
    if isinstance(function, str):
        return "sparse" in function.lower() or function.lower() in ("crossentropy", "ce")
    if getattr(function, "sparse_y_true", False) and not getattr(function, "sparse_y_pred", True):
        return True  # such as MeanIoU(sparse_y_pred=False)
    if type(function).__name__ in ("MeanMetricWrapper", "LossFunctionWrapper"):
        function = getattr(function, "_fn", None) or function.fn
    kind = function if hasattr(function, "__name__") else type(function)
    if kind.__module__.split(".")[0] != "keras":
        return not one_hot
    return "sparse" in kind.__name__.lower()


def trained_target(data: Data, shifts: bool) -> np.ndarray:
    """Return the targets as the training process takes them: quantities in float32.

    With `shifts`, they are counted from their mean, so that large ones keep their differences. That is
    possible if the model learns standardised targets and the metric depends on differences alone.

    Raises: ProblemError for quantities that float32 cannot tell apart.
    """
    if data.kind != "regression":
        return data.y
    y = data.y - data.y.mean(axis=0) if shifts else data.y
    check_steps(f"data {data.name!r}: the target", y)
    return y.astype(np.float32)


ClassWeight = Mapping[Any, float] | Literal["balanced"]


def row_weights(data: Data, class_weight: ClassWeight | None) -> np.ndarray | None:
    """Return the weight of each row in the training loss, or None if all weigh the same.

    `class_weight` holds weights by class name, or by class number if not all its keys are names; other
    classes weigh 1, as in Keras. "balanced" gives class k the weight n / (classes * n_k), as scikit-learn
    does, counted on all rows outside the data's own test part.

    Raises: ProblemError for keys that are neither all names nor all numbers of classes, weights that are not
    finite numbers of at least 0, weights that are all 0, and data with weights of its own.

    >>> from stepsize.problems.data import from_arrays
    >>> toy = from_arrays("toy", np.eye(4), ["a", "b", "b", "b"], "made up")
    >>> row_weights(toy, {"a": 3.0}).tolist(), row_weights(toy, "balanced")[0].item()
    ([3.0, 1.0, 1.0, 1.0], 2.0)
    """
    if class_weight is None:
        weights = None if data.weights is None else np.asarray(data.weights, np.float32)
    else:
        weights = _weights_by_class(data, class_weight)[data.y]
    if weights is not None and not weights[data.rows_to_train].any():
        what = "weights" if class_weight is None else "class_weight"
        raise ProblemError(f"{what}: every training row has the weight 0, so nothing can be learned")
    return weights


def _weights_by_class(data: Data, class_weight: Any) -> np.ndarray:
    if data.weights is not None:
        raise ProblemError("class_weight cannot be combined with the data's own weights; leave one out")
    if data.kind not in ("binary", "multiclass"):
        raise ProblemError(f"class_weight needs one class per row, but data {data.name!r} is {data.kind}")
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(data.y[data.rows_outside_test], minlength=len(data.classes))
        return (counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    if not isinstance(class_weight, Mapping) or not class_weight:
        raise ProblemError(
            f"class_weight={shown(class_weight)} must be 'balanced' or map classes to weights, such as "
            f"{{{data.classes[-1]!r}: 2.0}}"
        )
    weights = np.ones(len(data.classes), np.float32)
    for key, number in _class_numbers(list(class_weight), data.classes).items():
        weight = class_weight[key]
        if not is_number(weight) or not 0 <= weight < np.inf:
            raise ProblemError(
                f"class_weight[{shown(key)}]={shown(weight)} must be a finite number of at least 0"
            )
        weights[number] = weight
    return weights


def _class_numbers(keys: Sequence[Any], classes: Sequence[str]) -> dict[Any, int]:
    """Return the class number of each key: all keys are names, or all are numbers."""
    names = {key: f"{key:.15g}" if isinstance(key, float | np.floating) else str(key) for key in keys}
    outside = [key for key in keys if names[key] not in classes]
    if not outside:
        return {key: classes.index(names[key]) for key in keys}
    numbers = {key: int(name) for key, name in names.items() if name.isascii() and name.isdecimal()}
    # numbers that leave a class out may be misspelt names
    if sorted(numbers.values()) == list(range(len(classes))):
        return numbers
    if len(numbers) == len(keys) == len(outside) and max(numbers.values()) < len(classes):
        return numbers
    message = unknown("class in class_weight", names[outside[0]], classes)
    raise ProblemError(f"{message}; its keys must all be names, or all be numbers counted from 0")
