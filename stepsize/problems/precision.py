"""Numbers in float32, in which models train: which fit, and which must be shifted before they are cut.

A float32 holds 24 bits, so numbers around 1.7e9, such as seconds since 1970, are rounded to multiples of 128.
Columns whose spread is small beside that rounding stay in float64 until their mean is subtracted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from stepsize.errors import ProblemError

BLOCK = 2**26  # bytes of an array read at once, so that one on disk is never loaded as a whole
FINE = 4096  # steps of a float32 in a standard deviation from which on rounding does not matter
COARSE = 64  # steps below which it changes the data
EXACT = 2**53  # whole numbers beyond it are rounded even in float64
LONG = re.compile(r"[-+]?\d{16,}", re.ASCII)  # texts of such numbers


def blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield an array in blocks of rows, each with the number of its first row."""
    size = max(1, BLOCK // max(1, array[:1].nbytes))
    return ((start, array[start : start + size]) for start in range(0, len(array), size))


def narrowed(array: np.ndarray) -> np.ndarray:
    """Return numbers as float32, or as float64 if float32 would round a column noticeably.

    >>> narrowed(np.array([[1.5], [2.5]])).dtype, narrowed(1.7e9 + np.array([[1.5], [2.5]])).dtype
    (dtype('float32'), dtype('float64'))
    """
    if array.dtype in (np.float32, np.float16, bool):
        return array.astype(np.float32, copy=False)
    fits = (steps(array) >= FINE).all()
    return array.astype(np.float32 if fits else np.float64, copy=False)


def table_type(columns: Sequence[np.ndarray]) -> type[np.floating]:
    """Return the type of a table of these columns [rows], as `narrowed` would choose it."""
    return (
        np.float32 if all(narrowed(column[:, None]).dtype == np.float32 for column in columns) else np.float64
    )


def steps(array: np.ndarray) -> np.ndarray:
    """Return how many steps of a float32 the standard deviation of each column has; infinity if it is 0.

    Missing numbers do not count. A step is the distance of neighbouring float32 at the largest value.

    >>> steps(np.array([[1.0, 101325.0], [2.0, 101425.0]])).round()
    array([2097152.,    6400.])
    """
    origin, count, total, squares, largest = None, 0, 0.0, 0.0, 0.0
    for _, block in blocks(array):
        values = block.reshape(len(block), -1).astype(np.float64)
        finite = np.isfinite(values)
        if origin is None:
            origin = np.where(
                finite.any(axis=0), values[finite.argmax(axis=0), np.arange(values.shape[1])], 0
            )
        if not finite.all():
            values = np.where(finite, values, origin)
        largest = np.maximum(largest, np.abs(values).max(axis=0))
        values -= origin
        count, total = count + finite.sum(axis=0), total + values.sum(axis=0)
        squares = squares + np.einsum("ij,ij->j", values, values)
    count = np.maximum(count, 1)
    spread = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0))
    step = np.spacing(np.minimum(largest, np.finfo(np.float32).max).astype(np.float32)).astype(np.float64)
    return np.where(spread > 0, spread / step, np.inf)


def check_steps(what: str, array: np.ndarray) -> None:
    """Raise ProblemError if float32 would change the values of a column that is not shifted before."""
    columns = array.reshape(len(array), -1)
    coarse = np.flatnonzero(steps(array) < COARSE)
    if len(coarse):
        column = columns[:, coarse[0]]
        place = f", column {coarse[0] + 1}" if columns.shape[1] > 1 else ""
        raise ProblemError(
            f"{what}{place} holds numbers from {np.nanmin(column):.15g} to {np.nanmax(column):.15g}, which "
            "float32, the precision of the training, cannot tell apart; subtract their mean first"
        )


def centre(array: np.ndarray) -> np.ndarray:
    """Return the mean of each column of an array [rows, ...] without its gaps; 0 if it has no number."""
    finite = np.isfinite(array)
    return np.where(finite, array, 0).sum(axis=0, dtype=np.float64) / np.maximum(finite.sum(axis=0), 1)


def merged_whole(values: np.ndarray | Iterable[str]) -> tuple[int, int] | None:
    """Return two whole numbers, of a column of an array or of texts, that float64 makes one; else None.

    >>> merged_whole(np.array([5, 2**53, 2**53 + 1])), merged_whole(["5", "1e20", "2"])
    ((9007199254740992, 9007199254740993), None)
    """
    if not isinstance(values, np.ndarray):
        return _first_merged(sorted({int(each) for each in values if LONG.fullmatch(each)}))
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8:
        return None
    if all((block <= EXACT).all() and (block >= -EXACT).all() for _, block in blocks(values)):
        return None
    columns = (np.unique(column).tolist() for column in values.reshape(len(values), -1).T)
    return next(filter(None, map(_first_merged, columns)), None)


def _first_merged(ascending: Sequence[int]) -> tuple[int, int] | None:
    return next((pair for pair in pairwise(ascending) if float(pair[0]) == float(pair[1])), None)


def check_whole(what: str, values: np.ndarray | Iterable[str], otherwise: str = "") -> None:
    """Raise ProblemError for whole numbers that float64 cannot tell apart; `otherwise` is more advice."""
    pair = merged_whole(values)
    if pair is not None:
        raise ProblemError(
            f"{what} holds the whole numbers {pair[0]} and {pair[1]}, which float64 cannot tell apart; "
            f"renumber ids from 0{otherwise}"
        )
