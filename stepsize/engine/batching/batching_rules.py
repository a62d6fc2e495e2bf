"""How operations of one member are carried out for all: those for which the order of axes matters."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn

from stepsize.engine.batching.batched_value import MEMBERS, Value, apart, explicit, first, flat, slim

Rule = Callable[[JaxprEqn, list[Value], int], Value]

# fmt: off
BY_NUMBER = (
    "abs", "add", "add_any", "and", "atan2", "cbrt", "ceil", "clamp", "convert_element_type", "copy",
    "cos", "div", "eq", "erf", "erf_inv", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow",
    "is_finite", "le", "log", "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "nextafter",
    "not", "or", "pow", "reduce_precision", "rem", "round", "rsqrt", "select_n", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "sign", "sin", "sqrt", "square", "stop_gradient",
    "sub", "tan", "tanh", "xor",
)
REDUCTIONS = (
    "argmax", "argmin", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod",
    "reduce_sum", "reduce_xor",
)
# fmt: on
WHOLE = ("add_any", "clamp", "select_n")  # do not take a number beside arrays
LONG_ROW = 1024  # numbers: a page of memory, which a sum along a column would leave at every step


def _form(equation: JaxprEqn) -> Any:
    """Give shape and dtype of one member's result."""
    return equation.outvars[0].aval


# -- number by number ----------------------------------------------------------------------------------


def by_number(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Combine numbers that stand at the same place."""
    primitive = equation.primitive

    def operation(*arrays: Any) -> Any:
        return primitive.bind(*arrays, **equation.params)

    shape = _form(equation).shape
    return _combined(operation, values, shape, members, numbers_fit=primitive.name not in WHOLE)


def _combined(
    operation: Callable[..., Any],
    values: list[Value],
    shape: tuple[int, ...],
    members: int,
    numbers_fit: bool = True,
) -> Value:
    """Bring values in one order and combine them; with `numbers_fit` a single number may stay one."""
    values = [slim(value)._replace(shape=shape) for value in values]
    order = _common_order(values)
    at = order.index(MEMBERS)
    values = [_computed(value, order[:at], order[at:], members) for value in values]
    repeated = any(value.is_members and not {*order[at:]} <= {*value.axes} for value in values)
    form = explicit if repeated else flat
    arrays = [
        value.array if numbers_fit and not value.axes else form(value, order, members) for value in values
    ]
    return apart(operation(*arrays), order, shape, members)


def _common_order(values: list[Value]) -> tuple[int, ...]:
    """Order the axes of all values as in the largest; members before the last axis if that has no other."""
    largest = max((value for value in values if value.is_members), key=lambda value: value.array.size)
    missing = sorted({name for value in values for name in value.axes} - {*largest.axes})
    if largest.axes == (MEMBERS,) and missing:
        return (*missing[:-1], MEMBERS, missing[-1])
    return (*missing, *largest.axes)


def _computed(value: Value, leading: tuple[int, ...], trailing: tuple[int, ...], members: int) -> Value:
    """Settle what is about to be repeated along a row, which the compiler would compute at every place of it.

    It fuses all that is done number by number, but computes a sum once: here that of the value and zero.
    """
    if not value.is_members or {*trailing} <= {*value.axes}:
        return value
    if not {*leading} & {*value.axes}:  # a row for all that leads: repeated once
        value = Value(explicit(value, trailing, members), trailing, value.shape)
    array = value.array.astype(jnp.float32) if value.array.dtype == bool else value.array
    with_zero = jnp.pad(array[..., None], [(0, 0)] * array.ndim + [(0, 1)])
    settled = lax.reduce_sum(with_zero, (array.ndim,))
    return value._replace(array=settled > 0 if value.array.dtype == bool else settled)


# -- axes ----------------------------------------------------------------------------------------------


def reduction(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Reduce axes of one member."""

    def operation(array: Any, axes: tuple[int, ...]) -> Any:
        return equation.primitive.bind(array, **{**equation.params, "axes": axes})

    is_sum = equation.primitive.name == "reduce_sum"
    return _reduced(_summed if is_sum else operation, values[0], equation.params["axes"], members)


def _reduced(
    operation: Callable[[Any, tuple[int, ...]], Any], value: Value, axes: tuple[int, ...], members: int
) -> Value:
    order = (*(axis for axis in axes if axis not in value.axes), *value.axes)
    leads = all(axis in order[: order.index(MEMBERS)] for axis in axes)
    array = (flat if leads else explicit)(value, order, members)
    result = operation(array, tuple(order.index(axis) for axis in axes))
    remaining = [i for i in range(len(value.shape)) if i not in axes]
    names = [name for name in order if name not in axes]
    order = tuple(name if name == MEMBERS else remaining.index(name) for name in names)
    return apart(result, order, tuple(value.shape[i] for i in remaining), members)


def _summed(array: Any, axes: tuple[int, ...]) -> Any:
    """Sum; columns of long rows by a product with ones, which reads them row by row."""
    if axes == (0,) and array.ndim == 2 and array.dtype == jnp.float32 and array.shape[1] >= LONG_ROW:
        return lax.dot(jnp.ones(len(array), array.dtype), array, precision=lax.Precision.HIGHEST)
    return lax.reduce_sum(array, axes)


def broadcast_in_dim(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Name the axes anew; the new ones are left out."""
    return slim(values[0]).renamed(equation.params["broadcast_dimensions"], equation.params["shape"])


def transpose(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Name the axes anew."""
    return _turned(values[0], equation.params["permutation"])


def _turned(value: Value, places: tuple[int, ...]) -> Value:
    return value.renamed([places.index(i) for i in range(len(places))], [value.shape[i] for i in places])


def reshape(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Name the axes anew where only axes of length 1 come or go."""
    (value,), shape = values, _form(equation).shape
    if equation.params.get("dimensions") is not None and equation.primitive.name == "reshape":
        value = _turned(value, equation.params["dimensions"])
    before = [i for i, n in enumerate(value.shape) if n != 1]
    after = [i for i, n in enumerate(shape) if n != 1]
    if [value.shape[i] for i in before] != [shape[i] for i in after]:
        return Value(first(value).reshape(members, *shape), (MEMBERS, *range(len(shape))), shape)
    names = dict(zip(before, after, strict=True))
    return value.renamed([names.get(i) for i in range(len(value.shape))], shape)


# -- products ------------------------------------------------------------------------------------------


def dot_general(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Multiply: one product of matrices for all where they share a factor, else one a member.

    Products with a single row, column or term are sums of products of numbers, which is faster.
    """
    sums, batches = equation.params["dimension_numbers"]
    free = [
        [i for i in range(len(value.shape)) if i not in (*summed, *batch)]
        for value, summed, batch in zip(values, sums, batches, strict=True)
    ]
    lengths = [
        prod(values[i].shape[axis] for axis in axes) for i, axes in ((0, free[0]), (0, sums[0]), (1, free[1]))
    ]
    if all(value.is_members for value in values) and 1 in lengths and not batches[0]:
        return _as_sum(equation, values, free, members)
    return _as_product(equation, values, free, members)


def _as_sum(equation: JaxprEqn, values: list[Value], free: list[list[int]], members: int) -> Value:
    sums, _ = equation.params["dimension_numbers"]
    result = _form(equation)
    shape, wide = result.shape, result.dtype
    if jnp.issubdtype(wide, jnp.floating):  # terms are added in single precision at least, as a product does
        wide = jnp.promote_types(wide, jnp.float32)
    whole = (*shape, *(values[0].shape[axis] for axis in sums[0]))
    factors = []
    for value, own, start, summed in zip(values, free, (0, len(free[0])), sums, strict=True):
        names = {axis: start + place for place, axis in enumerate(own)}
        names.update({axis: len(shape) + place for place, axis in enumerate(summed)})
        factor = slim(value).renamed([names[i] for i in range(len(names))], whole)
        factors.append(factor._replace(array=factor.array.astype(wide)))
    product = _combined(lax.mul, factors, whole, members)
    total = _reduced(_summed, product, tuple(range(len(shape), len(whole))), members)
    return total._replace(array=total.array.astype(result.dtype))


def _as_product(equation: JaxprEqn, values: list[Value], free: list[list[int]], members: int) -> Value:
    sums, batches = equation.params["dimension_numbers"]
    both = all(value.is_members for value in values)
    members_too = (MEMBERS,) if both else ()
    starts = (len(batches[0]), len(batches[0]) + len(free[0]))
    arrays, summed, batched = [], [], []
    names = [*members_too, *range(len(batches[0]))]
    for i in (0, 1) if values[1].is_members else (1, 0):  # a shared factor first: rows of members stay whole
        axes = values[i].axes
        axes = (*(axis for axis in range(len(values[i].shape)) if axis not in axes), *axes)
        arrays.append(explicit(values[i], axes, members))
        summed.append([axes.index(axis) for axis in sums[i]])
        batched.append([axes.index(axis) for axis in (*members_too, *batches[i])])
        mine = [axis for axis in axes if axis not in (*sums[i], *batches[i], *members_too)]
        names += [axis if axis == MEMBERS else starts[i] + free[i].index(axis) for axis in mine]
    product = lax.dot_general(
        arrays[0],
        arrays[1],
        (tuple(summed), tuple(batched)),
        precision=equation.params["precision"],
        preferred_element_type=equation.params["preferred_element_type"],
    )
    return Value(product, tuple(names), _form(equation).shape)


RULES: dict[str, Rule] = {
    **dict.fromkeys(BY_NUMBER, by_number),
    **dict.fromkeys(REDUCTIONS, reduction),
    "broadcast_in_dim": broadcast_in_dim,
    "transpose": transpose,
    "reshape": reshape,
    "squeeze": reshape,
    "dot_general": dot_general,
}
