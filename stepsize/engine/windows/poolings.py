"""Poolings as maxima and sums of slices, for CPUs, as `convolutions` are products of slices.

The parameters are those of `jax.lax.reduce_window`. A window is reduced along one axis after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from stepsize.engine.windows.convolutions import MOST_SLICES
from stepsize.engine.windows.slicing import slices

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "reduce_window_max": lax.max,
    "reduce_window_min": lax.min,
    "reduce_window_sum": lax.add,
}
LARGEST_CHOICE = 4  # pixels of a window up to which the gradient of a maximum is faster as slices


def is_few_slices(params: dict[str, Any]) -> bool:
    """Return whether a pooling, or the gradient of one, is made of slices: if they are not too many."""
    window = params["window_dimensions"]
    if "select_prim" in params:
        return prod(window) <= LARGEST_CHOICE
    return max(window) <= MOST_SLICES


def pooling(name: str, params: dict[str, Any], x: Any, shape: Sequence[int]) -> Any:
    """Return the result of a `reduce_window_max`, `_min` or `_sum` of this shape."""
    operation, start = OPERATIONS[name], _start(name, x.dtype)
    edges = [
        (low, high, spread - 1)
        for (low, high), spread in zip(params["padding"], params["base_dilation"], strict=True)
    ]
    x = lax.pad(x, start, edges) if any(map(any, edges)) else x
    for axis, length in enumerate(params["window_dimensions"]):
        stride, gap = params["window_strides"][axis], params["window_dilation"][axis]
        parts = [slices(x, (axis,), (i * gap,), (stride,), (shape[axis],)) for i in range(length)]
        x = parts[0]
        for part in parts[1:]:
            x = operation(x, part)
    return x


def pooling_gradient(params: dict[str, Any], source: Any, x: Any) -> Any:
    """Return the result of a `select_and_scatter_add`: every window's `source` goes to the pixel it chose.

    That is the first of its pixels that none exceeds.
    """
    largest = params["select_prim"].name == "ge"
    name = "reduce_window_max" if largest else "reduce_window_min"
    edges = [(low, high, 0) for low, high in params["padding"]]
    padded = lax.pad(x, _start(name, x.dtype), edges)
    axes, strides = tuple(range(x.ndim)), params["window_strides"]
    window = params["window_dimensions"]
    ones = (1,) * x.ndim
    every = {"window_dimensions": window, "window_strides": strides, "padding": ((0, 0),) * x.ndim}
    chosen = pooling(name, {**every, "base_dilation": ones, "window_dilation": ones}, padded, source.shape)
    free, nothing = jnp.ones(source.shape, bool), jnp.zeros((), source.dtype)
    parts: dict[tuple[int, ...], Any] = {}
    for tap in product(*map(range, window)):
        here = free & (slices(padded, axes, tap, strides, source.shape) == chosen)
        free = free & ~here
        parts[tap] = jnp.where(here, source, nothing)
    if window == strides:
        inside = _interleaved(parts, window)
        edges = [(0, n - count, 0) for n, count in zip(padded.shape, inside.shape, strict=True)]
        total = lax.pad(inside, nothing, edges)
    else:
        total = _added(parts, strides, padded.shape, nothing)
    return slices(total, axes, [low for low, _ in params["padding"]], ones, x.shape)


def _added(
    parts: dict[tuple[int, ...], Any], strides: Sequence[int], shape: Sequence[int], nothing: Any
) -> Any:
    """Return the sum of the parts of windows that overlap, or that leave gaps."""
    total = nothing
    for tap, part in parts.items():
        placed = [
            (start, length - start - (count - 1) * step - 1, step - 1)
            for start, length, count, step in zip(tap, shape, part.shape, strides, strict=True)
        ]
        total = lax.pad(part, nothing, placed) + total
    return total


def _interleaved(parts: dict[tuple[int, ...], Any], window: Sequence[int], tap: tuple[int, ...] = ()) -> Any:
    """Return the pixels of windows side by side, whose places in the window begin with `tap`."""
    axis = len(tap)
    if axis == len(window):
        return parts[tap]
    beside = [_interleaved(parts, window, (*tap, i)) for i in range(window[axis])]
    if len(beside) == 1:
        return beside[0]
    stacked = jnp.stack(beside, axis + 1)
    return stacked.reshape(*stacked.shape[:axis], -1, *stacked.shape[axis + 2 :])


def _start(name: str, dtype: Any) -> Any:
    """Return what a reduction starts from, which no element changes."""
    if name == "reduce_window_sum":
        return jnp.zeros((), dtype)
    sign = -1 if name == "reduce_window_max" else 1
    if jnp.issubdtype(dtype, jnp.floating):
        return jnp.array(sign * np.inf, dtype)
    limits = jnp.iinfo(dtype)
    return jnp.array(limits.min if sign < 0 else limits.max, dtype)
