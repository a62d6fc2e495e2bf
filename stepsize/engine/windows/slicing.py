"""Slices of an array, and functions of a batch that are made piece by piece to stay in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

PIECE = 4 << 20  # bytes of an intermediate: larger ones are made in pieces


def slices(
    x: Any, axes: Sequence[int], starts: Sequence[int], steps: Sequence[int], counts: Sequence[int]
) -> Any:
    """Return `counts` elements from `starts` on in `steps` along some axes."""
    first, last, stride = [0] * x.ndim, list(x.shape), [1] * x.ndim
    for axis, start, step, count in zip(axes, starts, steps, counts, strict=True):
        first[axis], last[axis], stride[axis] = start, start + (count - 1) * step + 1, step
    return lax.slice(x, first, last, stride)


def in_pieces(function: Callable[[Any], Any], x: Any, axis: int, size: int) -> Any:
    """Return a function of a batch, made in pieces if its intermediate of `size` numbers is too large."""
    count = _pieces(x.shape[0], size * x.dtype.itemsize) if axis == 0 else 1
    if count == 1:
        return function(x)
    results = lax.map(function, x.reshape(count, -1, *x.shape[1:]))
    return results.reshape(-1, *results.shape[2:])


def sum_of_pieces(function: Callable[[Any], Any], arrays: tuple[Any, Any], size: int) -> Any:
    """Return the sum of a function over pieces of the first axis of its arrays."""
    count = _pieces(len(arrays[0]), size * arrays[0].dtype.itemsize)
    if count == 1:
        return function(arrays)
    pieces = jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), arrays)
    like = jax.eval_shape(function, jax.tree.map(lambda x: x[0], pieces))
    start = jnp.zeros(like.shape, like.dtype)
    return lax.scan(lambda total, piece: (total + function(piece), None), start, pieces)[0]


def _pieces(rows: int, size: int) -> int:
    """Return into how many equal pieces rows are cut, so that each has no more than `PIECE` bytes if it can.

    >>> _pieces(32, 38 << 20), _pieces(32, 1 << 20), _pieces(7, 10 << 20)
    (16, 1, 7)
    """
    counts = (count for count in range(1, rows) if rows % count == 0 and size <= PIECE * count)
    return next(counts, rows)
