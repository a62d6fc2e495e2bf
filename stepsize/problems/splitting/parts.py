"""The two parts of a seed, and what they must be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import ProblemError
from stepsize.number_format import counted
from stepsize.problems.data import Data


class Parts(NamedTuple):
    """Row numbers of the two parts of one seed."""

    train: np.ndarray
    valid: np.ndarray


def row_numbers(name: str, rows: ArrayLike) -> tuple[int, ...]:
    array = np.asarray(rows)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu" or array.min() < 0:
        raise ProblemError(f"{name} must be a list of at least one row number, counted from 0")
    if len(np.unique(array)) < len(array):
        raise ProblemError(f"{name} names a row twice; name each row once")
    return tuple(array.tolist())


def check_parts(parts: Parts, data: Data) -> None:
    for name, rows in zip(("training", "validation"), parts, strict=True):
        if not len(rows):
            raise ProblemError(
                f"data {data.name!r}: the {name} part is empty; use another split or another share"
            )
    if data.kind in ("binary", "multiclass") and len(np.unique(data.y[parts.train])) < 2:
        raise ProblemError(
            f"data {data.name!r}: the training part holds only one class; use split='stratified'"
        )
    if data.kind == "regression" and (np.ptp(data.y[parts.valid], axis=0) == 0).any():
        raise ProblemError(
            f"data {data.name!r}: the target is constant on the {len(parts.valid)} validation rows; "
            "use a larger share or another split"
        )


def check_both_answers(parts: Parts, data: Data) -> None:
    y = data.y[parts.valid]
    if data.kind in ("binary", "multilabel") and (y == y.ravel()[0]).all():
        raise ProblemError(
            f"data {data.name!r}: metric='auc' needs rows of both classes, and the "
            f"{counted(len(y), 'row')} for validation hold only one; use a larger share, "
            "split='stratified' or another metric"
        )
