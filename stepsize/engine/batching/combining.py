"""Values combined, place by place or along their axes, in one order of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn

from stepsize.engine.batching.batched_value import MEMBERS, Value, from_rows, squeeze, to_axes, to_rows

LONG_ROW = 1024  # numbers: one page of memory, so that summing down a column touches a new page at each step


def result_type(equation: JaxprEqn) -> Any:
    """Return shape and dtype of one member's result."""
    return equation.outvars[0].aval


def combine(
    operation: Callable[..., Any],
    values: list[Value],
    shape: tuple[int, ...],
    members: int,
    allow_scalars: bool = True,
) -> Value:
    """Bring values into one order and combine them; with `allow_scalars` a single number may stay one."""
    values = [squeeze(value)._replace(shape=shape) for value in values]
    order = _common_order(values)
    at = order.index(MEMBERS)
    values = [_compute_once(value, order[:at], order[at:], members) for value in values]
    repeated = any(value.is_per_member and not {*order[at:]} <= {*value.axes} for value in values)
    to_array = to_axes if repeated else to_rows
    arrays = [
        value.array if allow_scalars and not value.axes else to_array(value, order, members)
        for value in values
    ]
    return from_rows(operation(*arrays), order, shape, members)


def _common_order(values: list[Value]) -> tuple[int, ...]:
    """Order the axes of all values as in the largest; members before the last axis if it has no other."""
    largest = max((value for value in values if value.is_per_member), key=lambda value: value.array.size)
    missing = sorted({name for value in values for name in value.axes} - {*largest.axes})
    if largest.axes == (MEMBERS,) and missing:
        return (*missing[:-1], MEMBERS, missing[-1])
    return (*missing, *largest.axes)


def _compute_once(value: Value, leading: tuple[int, ...], trailing: tuple[int, ...], members: int) -> Value:
    """Make the compiler compute a value once before repeating it along a row, not at every place of the row.

    The compiler fuses all elementwise operations but computes a sum once: here that of the value and zero.
    """
    if not value.is_per_member or {*trailing} <= {*value.axes}:
        return value
    if not {*leading} & {*value.axes}:  # one row shared by all leading axes: repeated once
        value = Value(to_axes(value, trailing, members), trailing, value.shape)
    array = value.array.astype(jnp.float32) if value.array.dtype == bool else value.array
    array = computed(array)
    return value._replace(array=array > 0 if value.array.dtype == bool else array)


def computed(array: Any) -> Any:
    """Return the array as a sum of itself and zero."""
    with_zero = jnp.pad(array[..., None], [(0, 0)] * array.ndim + [(0, 1)])
    return lax.reduce_sum(with_zero, (array.ndim,))


def apart(function: Callable[..., Any], *arrays: Any) -> Any:
    """Return `function(*arrays)`, which XLA then computes in a loop over the axes of the result.

    Otherwise it joins the function with the reshaping that follows, and computes each number's place by a
    division. A branch is compiled by itself, and XLA does not see that it is always taken. On a GPU a branch
    would be slow.
    """
    if jax.default_backend() != "cpu":
        return function(*arrays)
    like = jax.eval_shape(function, *arrays)
    always = ~(arrays[0].ravel()[0] < -jnp.inf)
    return lax.cond(always, function, lambda *_: jnp.zeros(like.shape, like.dtype), *arrays)


def reduced(
    operation: Callable[[Any, tuple[int, ...]], Any], value: Value, axes: tuple[int, ...], members: int
) -> Value:
    """Return the value with an operation such as a sum carried out along axes of one member."""
    order = (*(axis for axis in axes if axis not in value.axes), *value.axes)
    leading = all(axis in order[: order.index(MEMBERS)] for axis in axes)
    array = (to_rows if leading else to_axes)(value, order, members)
    result = operation(array, tuple(order.index(axis) for axis in axes))
    remaining = [i for i in range(len(value.shape)) if i not in axes]
    names = [name for name in order if name not in axes]
    order = tuple(name if name == MEMBERS else remaining.index(name) for name in names)
    return from_rows(result, order, tuple(value.shape[i] for i in remaining), members)


def add_up(array: Any, axes: tuple[int, ...]) -> Any:
    """Sum along axes; columns of long rows by a product with ones, which reads the array row by row."""
    if axes == (0,) and array.ndim == 2 and array.dtype == jnp.float32 and array.shape[1] >= LONG_ROW:
        return lax.dot(jnp.ones(len(array), array.dtype), array, precision=lax.Precision.HIGHEST)
    return lax.reduce_sum(array, axes)
