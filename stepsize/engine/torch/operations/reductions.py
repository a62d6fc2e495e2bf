"""Operations along axes: sums, means, extremes, norms, softmax and sorting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Axes = int | Sequence[int] | None


def axes_of(axes: Axes) -> int | tuple[int, ...] | None:
    """Return axes as NumPy writes them; PyTorch's empty list stands for all."""
    if axes is None or isinstance(axes, int):
        return axes
    return tuple(axes) or None


def total(x: Array, axes: Axes = None, keep: bool = False, dtype: Any = None) -> Array:
    if x.dtype == jnp.bool_:
        x = x.astype(jnp.int32)
    return jnp.sum(x, axes_of(axes), keepdims=keep, dtype=dtype)


def mean(x: Array, axes: Axes = None, keep: bool = False, dtype: Any = None) -> Array:
    return jnp.mean(x, axes_of(axes), keepdims=keep, dtype=dtype)


def variance(
    x: Array,
    axes: Any = None,
    unbiased: bool = True,
    keep: bool = False,
    correction: float | None = None,
    **_: Any,
) -> Array:
    """Return the variance; of PyTorch's two forms, `keepdim` comes by name in the one with a correction."""
    keep = _.get("keepdim", keep)
    if isinstance(axes, bool):  # var(x, unbiased)
        axes, unbiased = None, axes
    if correction is None:
        correction = 1 if unbiased else 0
    return jnp.var(x, axes_of(axes), ddof=correction, keepdims=keep)  # pyright: ignore[reportArgumentType]


def deviation(x: Array, *args: Any, **keywords: Any) -> Array:
    """Return the square root of the variance, whose gradient is 0 where all numbers are equal."""
    square = variance(x, *args, **keywords)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def variance_and_mean(x: Array, *args: Any, **keywords: Any) -> tuple[Array, Array]:
    axes = args[0] if args and not isinstance(args[0], bool) else None
    keep = keywords.get("keepdim", args[2] if len(args) > 2 else False)
    return variance(x, *args, **keywords), mean(x, axes, keep)


def norm(
    x: Array, order: float | None = 2.0, axes: Axes = None, keep: bool = False, dtype: Any = None
) -> Array:
    """Return a vector norm, whose gradient is 0 where all numbers are."""
    axes = axes_of(axes)
    order = 2.0 if order is None else float(order)
    size = x * jnp.sign(x)  # with gradient 0 at 0
    if order == float("inf"):
        return jnp.max(size, axes, keepdims=keep)
    if order == float("-inf"):
        return jnp.min(size, axes, keepdims=keep)
    if order == 0:
        return jnp.sum(x != 0, axes, keepdims=keep).astype(x.dtype)
    if order == 1:
        return jnp.sum(size, axes, keepdims=keep)
    if 0 < order < 1:  # steep at 0
        size = jnp.where(size > 0, size, 1.0)
        powers = jnp.sum(jnp.where(x != 0, size**order, 0.0), axes, keepdims=keep)
    else:
        powers = jnp.sum(x * x if order == 2 else size**order, axes, keepdims=keep)
    positive = jnp.where(powers > 0, powers, 1.0)
    root = jnp.sqrt(positive) if order == 2 else positive ** (1 / order)
    return jnp.where(powers > 0, root, 0.0)


def softmax(x: Array, axis: int, dtype: Any = None) -> Array:
    return jax.nn.softmax(x if not dtype else x.astype(dtype), axis)


def log_softmax(x: Array, axis: int, dtype: Any = None) -> Array:
    return jax.nn.log_softmax(x if not dtype else x.astype(dtype), axis)


def extreme(place: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    """Return `max.dim` or `min.dim`: the value and its place; of equal ones the first gets the gradient."""

    def values_and_places(x: Array, axis: int, keep: bool = False) -> tuple[Array, Array]:
        places = place(x, axis=axis, keepdims=True)
        values = jnp.take_along_axis(x, places, axis)
        return (values, places) if keep else (values.squeeze(axis), places.squeeze(axis))

    return values_and_places


def sort(x: Array, axis: int = -1, descending: bool = False) -> tuple[Array, Array]:
    places = jnp.argsort(x, axis, descending=descending, stable=True)
    return jnp.take_along_axis(x, places, axis), places


def stable_sort(
    x: Array, stable: bool | None = None, dim: int = -1, descending: bool = False
) -> tuple[Array, Array]:
    return sort(x, dim, descending)


def median(x: Array, axis: int, keep: bool = False) -> tuple[Array, Array]:
    """Return the median and its place; of two in the middle, PyTorch takes the lower one."""
    values, places = sort(x, axis)
    at = (x.shape[axis] - 1) // 2
    cut = (jax.lax.slice_in_dim(each, at, at + 1, axis=axis) for each in (values, places))
    value, place = cut if keep else (each.squeeze(axis) for each in cut)
    return value, place


def middle(x: Array) -> Array:
    """Return the median of all numbers, of which equal ones share the gradient."""
    fixed = jax.lax.stop_gradient(x)
    value = median(fixed.reshape(-1), 0)[0]
    equal = fixed == value
    return value + jnp.sum(jnp.where(equal, x - fixed, 0.0)) / jnp.sum(equal)


def first_of_highest(x: Array, axis: int) -> Array:
    """Return the highest number along an axis; of equal ones the first gets the gradient."""
    return extreme(jnp.argmax)(x, axis)[0]


def topk(
    x: Array, count: int, axis: int = -1, largest: bool = True, is_sorted: bool = True
) -> tuple[Array, Array]:
    values, places = sort(x, axis, largest)
    return jax.lax.slice_in_dim(values, 0, count, axis=axis), jax.lax.slice_in_dim(
        places, 0, count, axis=axis
    )


def place(function: Callable[..., Array], x: Array, axis: int | None = None, keep: bool = False) -> Array:
    return function(x, axis=axis, keepdims=keep)


def combined(function: Callable[..., Array], x: Array, axes: Axes = None, keep: bool = False) -> Array:
    return function(x, axis=axes_of(axes), keepdims=keep)


REDUCTIONS: Mapping[str, Callable[..., Any]] = {
    "sum": total,
    "mean": mean,
    "prod": lambda x, axis=None, keep=False, dtype=None: jnp.prod(x, axis, keepdims=keep),
    "var": variance,
    "std": deviation,
    "var_mean": variance_and_mean,
    "amax": lambda x, axes=(), keep=False: jnp.max(x, axes_of(axes), keepdims=keep),
    "amin": lambda x, axes=(), keep=False: jnp.min(x, axes_of(axes), keepdims=keep),
    "max": jnp.max,
    "min": jnp.min,
    "max.dim": extreme(jnp.argmax),
    "min.dim": extreme(jnp.argmin),
    "argmax": partial(place, jnp.argmax),
    "argmin": partial(place, jnp.argmin),
    "any": partial(combined, jnp.any),
    "all": partial(combined, jnp.all),
    "logsumexp": lambda x, axes, keep=False: jax.scipy.special.logsumexp(x, axes_of(axes), keepdims=keep),
    "softmax": softmax,
    "_softmax": softmax,
    "log_softmax": log_softmax,
    "_log_softmax": log_softmax,
    "linalg_vector_norm": norm,
    "norm": norm,
    "cumsum": lambda x, axis, dtype=None: jnp.cumsum(x, axis),
    "cumprod": lambda x, axis, dtype=None: jnp.cumprod(x, axis),
    "sort": sort,
    "sort.stable": stable_sort,
    "argsort": lambda x, *args: sort(x, *args)[1],
    "topk": topk,
    "median": middle,
    "median.dim": median,
}
