"""Poolings along one to three axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stepsize.engine.torch.operations.convolutions import Sizes, per_axis
from stepsize.engine.torch.operations.reductions import first_of_highest


def windows(
    lengths: Sequence[int], kernel: Sequence[int], stride: Sequence[int], pads: Sequence[int], ceil: bool
) -> list[tuple[int, int]]:
    """Return the padding before and after each axis; `ceil` adds a last window that is not whole.

    A window that would begin beyond the padding at the end is left out, as in PyTorch.
    """
    result = []
    for length, k, s, p in zip(lengths, kernel, stride, pads, strict=True):
        room = length + 2 * p - k
        count = (-(-room // s) if ceil else room // s) + 1
        if ceil and (count - 1) * s >= length + p:
            count -= 1
        result.append((p, max((count - 1) * s + k - length - p, 0)))
    return result


def max_pool(
    axes: int,
    x: Array,
    kernel: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil: bool = False,
) -> Array:
    kernel, pads, dilation = (per_axis(v, axes) for v in (kernel, padding, dilation))
    stride = per_axis(stride, axes) if stride != () and stride != [] else kernel
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    edges = windows(x.shape[-axes:], reach, stride, pads, ceil)
    lead = x.ndim - axes
    if any(d > 1 for d in dilation):
        return _max_of_slices(x, kernel, stride, dilation, edges)
    return jax.lax.reduce_window(
        x, -jnp.inf, jax.lax.max, (1,) * lead + kernel, (1,) * lead + stride, [(0, 0)] * lead + edges
    )


def _max_of_slices(
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    edges: Sequence[tuple[int, int]],
) -> Array:
    lead = x.ndim - len(kernel)
    padded = jnp.pad(x, [(0, 0)] * lead + list(edges), constant_values=-jnp.inf)
    slices = []
    for offsets in np.ndindex(*kernel):
        places = []
        sizes = zip(padded.shape[lead:], kernel, stride, dilation, offsets, strict=True)
        for length, k, s, d, offset in sizes:
            count = (length - d * (k - 1) - 1) // s + 1
            places.append(slice(offset * d, offset * d + (count - 1) * s + 1, s))
        slices.append(padded[(..., *places)])
    return first_of_highest(jnp.stack(slices), 0)


def avg_pool(
    axes: int,
    x: Array,
    kernel: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    ceil: bool = False,
    count_padding: bool = True,
    divisor: int | None = None,
) -> Array:
    kernel, pads = (per_axis(v, axes) for v in (kernel, padding))
    stride = per_axis(stride, axes) if stride != () and stride != [] else kernel
    lengths, lead = x.shape[-axes:], x.ndim - axes
    edges = windows(lengths, kernel, stride, pads, ceil)
    shape = (1,) * lead + kernel, (1,) * lead + stride
    sums = jax.lax.reduce_window(x, 0.0, jax.lax.add, *shape, [(0, 0)] * lead + edges)
    if divisor:
        return sums / divisor
    if not any(pads) and not ceil:
        return sums / prod(kernel)
    counted = [p if count_padding else 0 for p in pads]  # zeros that count as values
    ones = np.pad(np.ones(lengths, np.float32), [(p, p) for p in counted], constant_values=1)
    rest = [(before - p, after - p) for (before, after), p in zip(edges, counted, strict=True)]
    return sums / jax.lax.reduce_window(ones, 0.0, jax.lax.add, kernel, stride, rest)


def parts(length: int, count: int) -> list[slice]:
    """Return the windows of an adaptive pooling along one axis."""
    return [slice(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def adaptive(reduce: Callable[..., Array], axes: int, x: Array, sizes: Sequence[int | None]) -> Array:
    """Return x with `reduce` applied to windows that share out each axis, the last one first.

    So the first of equal numbers in a window is the one in its first row.
    """
    for axis, count in reversed([*zip(range(x.ndim - axes, x.ndim), sizes, strict=True)]):
        length = x.shape[axis]
        if count is None or count == length:
            continue
        if length % count == 0:
            shape = (*x.shape[:axis], count, length // count, *x.shape[axis + 1 :])
            x = reduce(x.reshape(shape), axis=axis + 1)
            continue
        moved = jnp.moveaxis(x, axis, 0)
        x = jnp.moveaxis(jnp.stack([reduce(moved[part], axis=0) for part in parts(length, count)]), 0, axis)
    return x


def only_values(function: Callable[..., Array], *args: Any) -> tuple[Array]:
    """Return the first of PyTorch's two results, without the places of the maxima."""
    return (function(*args),)


POOLING: Mapping[str, Callable[..., Any]] = {
    **{f"max_pool{axes}d": partial(max_pool, axes) for axes in (1, 2, 3)},
    **{f"max_pool{axes}d_with_indices": partial(only_values, partial(max_pool, axes)) for axes in (1, 2, 3)},
    **{f"avg_pool{axes}d": partial(avg_pool, axes) for axes in (1, 2, 3)},
    **{f"adaptive_avg_pool{axes}d": partial(adaptive, jnp.mean, axes) for axes in (1, 2, 3)},
    **{f"_adaptive_avg_pool{axes}d": partial(adaptive, jnp.mean, axes) for axes in (2, 3)},
    **{
        f"adaptive_max_pool{axes}d": partial(only_values, partial(adaptive, first_of_highest, axes))
        for axes in (1, 2, 3)
    },
}
