"""Batching rules: how an operation of one member is computed for all, where the order of axes matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn

from stepsize.engine.batching.batched_value import (
    MEMBERS,
    Value,
    from_rows,
    squeeze,
    to_axes,
    to_members_first,
    to_rows,
)

Rule = Callable[[JaxprEqn, list[Value], int], Value]

# fmt: off
ELEMENTWISE = (
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
NO_SCALARS = ("add_any", "clamp", "select_n")  # do not accept a scalar beside arrays
FEW_TERMS = 4  # of a product, up to which it is faster added up term by term
LONG_ROW = 1024  # numbers: one page of memory, so that summing down a column touches a new page at each step


def _result_type(equation: JaxprEqn) -> Any:
    """Return shape and dtype of one member's result."""
    return equation.outvars[0].aval


# -- elementwise ---------------------------------------------------------------------------------------


def elementwise(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Combine the numbers at the same place of every operand."""
    primitive = equation.primitive

    def operation(*arrays: Any) -> Any:
        return primitive.bind(*arrays, **equation.params)

    shape = _result_type(equation).shape
    return _combine(operation, values, shape, members, allow_scalars=primitive.name not in NO_SCALARS)


def _combine(
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
    array = _computed(array)
    return value._replace(array=array > 0 if value.array.dtype == bool else array)


def _computed(array: Any) -> Any:
    """Return the array as a sum of itself and zero."""
    with_zero = jnp.pad(array[..., None], [(0, 0)] * array.ndim + [(0, 1)])
    return lax.reduce_sum(with_zero, (array.ndim,))


# -- axes ----------------------------------------------------------------------------------------------


def reduction(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Reduce axes of one member."""

    def operation(array: Any, axes: tuple[int, ...]) -> Any:
        return equation.primitive.bind(array, **{**equation.params, "axes": axes})

    is_sum = equation.primitive.name == "reduce_sum"
    return _reduce(_sum if is_sum else operation, values[0], equation.params["axes"], members)


def _reduce(
    operation: Callable[[Any, tuple[int, ...]], Any], value: Value, axes: tuple[int, ...], members: int
) -> Value:
    order = (*(axis for axis in axes if axis not in value.axes), *value.axes)
    leading = all(axis in order[: order.index(MEMBERS)] for axis in axes)
    array = (to_rows if leading else to_axes)(value, order, members)
    result = operation(array, tuple(order.index(axis) for axis in axes))
    remaining = [i for i in range(len(value.shape)) if i not in axes]
    names = [name for name in order if name not in axes]
    order = tuple(name if name == MEMBERS else remaining.index(name) for name in names)
    return from_rows(result, order, tuple(value.shape[i] for i in remaining), members)


def _sum(array: Any, axes: tuple[int, ...]) -> Any:
    """Sum along axes; columns of long rows by a product with ones, which reads the array row by row."""
    if axes == (0,) and array.ndim == 2 and array.dtype == jnp.float32 and array.shape[1] >= LONG_ROW:
        return lax.dot(jnp.ones(len(array), array.dtype), array, precision=lax.Precision.HIGHEST)
    return lax.reduce_sum(array, axes)


def broadcast_in_dim(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Rename the axes; the new ones are left out."""
    return squeeze(values[0]).rename_axes(equation.params["broadcast_dimensions"], equation.params["shape"])


def transpose(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Rename the axes."""
    return _permute(values[0], equation.params["permutation"])


def _permute(value: Value, places: tuple[int, ...]) -> Value:
    return value.rename_axes([places.index(i) for i in range(len(places))], [value.shape[i] for i in places])


def reshape(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Rename the axes if only axes of length 1 are added or removed; else reshape with members first."""
    (value,), shape = values, _result_type(equation).shape
    if equation.params.get("dimensions") is not None and equation.primitive.name == "reshape":
        value = _permute(value, equation.params["dimensions"])
    before = [i for i, n in enumerate(value.shape) if n != 1]
    after = [i for i, n in enumerate(shape) if n != 1]
    if [value.shape[i] for i in before] != [shape[i] for i in after]:
        return Value(to_members_first(value).reshape(members, *shape), (MEMBERS, *range(len(shape))), shape)
    names = dict(zip(before, after, strict=True))
    return value.rename_axes([names.get(i) for i in range(len(value.shape))], shape)


# -- products ------------------------------------------------------------------------------------------


def dot_general(equation: JaxprEqn, values: list[Value], members: int) -> Value:
    """Multiply: one matrix product for all members if they share a factor, else one for each.

    A product with a single row, column or term is computed elementwise and summed, which is faster, and so
    is one with few terms.
    """
    sums, batches = equation.params["dimension_numbers"]
    free = [
        [i for i in range(len(value.shape)) if i not in (*summed, *batch)]
        for value, summed, batch in zip(values, sums, batches, strict=True)
    ]
    lengths = [
        prod(values[i].shape[axis] for axis in axes) for i, axes in ((0, free[0]), (0, sums[0]), (1, free[1]))
    ]
    if all(value.is_per_member for value in values) and not batches[0]:
        if 1 in lengths:
            return _elementwise_product(equation, values, free, members)
        if lengths[1] <= FEW_TERMS and len(free[1]) == 1:
            return _sum_of_products(equation, values, free, members)
    return _matrix_product(equation, values, free, members)


def _elementwise_product(
    equation: JaxprEqn, values: list[Value], free: list[list[int]], members: int
) -> Value:
    sums, _ = equation.params["dimension_numbers"]
    result = _result_type(equation)
    shape, dtype = result.shape, result.dtype
    if jnp.issubdtype(dtype, jnp.floating):  # add in single precision at least, as a matrix product does
        dtype = jnp.promote_types(dtype, jnp.float32)
    terms = (*shape, *(values[0].shape[axis] for axis in sums[0]))
    factors = []
    for value, unsummed, start, summed in zip(values, free, (0, len(free[0])), sums, strict=True):
        names = {axis: start + place for place, axis in enumerate(unsummed)}
        names.update({axis: len(shape) + place for place, axis in enumerate(summed)})
        factor = squeeze(value).rename_axes([names[i] for i in range(len(names))], terms)
        factors.append(factor._replace(array=factor.array.astype(dtype)))
    products = _combine(lax.mul, factors, terms, members)
    total = _reduce(_sum, products, tuple(range(len(shape), len(terms))), members)
    return total._replace(array=total.array.astype(result.dtype))


def _sum_of_products(equation: JaxprEqn, values: list[Value], free: list[list[int]], members: int) -> Value:
    """Add up the products of few terms, in a loop that leaves the members beside each other.

    A product of matrices has the members in front, and bringing the result of one with few terms back into
    its place takes many times as long as the product.
    """
    sums, _ = equation.params["dimension_numbers"]
    result = _result_type(equation)
    shape, dtype = result.shape, jnp.promote_types(result.dtype, jnp.float32)
    order = (*range(len(shape) - 1), MEMBERS, len(shape) - 1)
    factors: list[list[Value]] = []
    for value, unsummed, start, summed in zip(values, free, (0, len(free[0])), sums, strict=True):
        names = {axis: start + place for place, axis in enumerate(unsummed)}
        places = product(*(range(value.shape[axis]) for axis in summed))
        terms = [_at(value, summed, place) for place in places]
        terms = [term.rename_axes([names.get(i) for i in range(len(value.shape))], shape) for term in terms]
        factors.append([_in_order(term, order, members, dtype) for term in terms])

    def total(*arrays: Any) -> Any:
        whole = [
            to_axes(term._replace(array=array), order, members)
            for term, array in zip((*factors[0], *factors[1]), arrays, strict=True)
        ]
        pairs = zip(whole[: len(whole) // 2], whole[len(whole) // 2 :], strict=True)
        return sum(x * y for x, y in pairs).astype(result.dtype)

    array = _apart(total, *(term.array for term in (*factors[0], *factors[1])))
    return from_rows(array, order, shape, members)


def _at(value: Value, axes: Sequence[int], places: Sequence[int]) -> Value:
    """Return the value at one place of some axes, which have length 1 then."""
    array, shape = value.array, list(value.shape)
    for axis, place in zip(axes, places, strict=True):
        shape[axis] = 1
        if axis in value.axes:
            array = lax.slice_in_dim(array, place, place + 1, axis=value.axes.index(axis))
    return Value(array, value.axes, tuple(shape))


def _in_order(value: Value, order: tuple[int, ...], members: int, dtype: Any) -> Value:
    """Return the value with its axes in an order, as an array of its own."""
    axes = tuple(name for name in order if name in value.axes)
    return Value(_computed(to_axes(value, axes, members).astype(dtype)), axes, value.shape)


def _apart(function: Callable[..., Any], *arrays: Any) -> Any:
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


def _matrix_product(equation: JaxprEqn, values: list[Value], free: list[list[int]], members: int) -> Value:
    sums, batches = equation.params["dimension_numbers"]
    both = all(value.is_per_member for value in values)
    member_axis = (MEMBERS,) if both else ()
    starts = (len(batches[0]), len(batches[0]) + len(free[0]))
    arrays, summed, batched = [], [], []
    names = [*member_axis, *range(len(batches[0]))]
    shared_first = (0, 1) if values[1].is_per_member else (1, 0)  # so that rows of members stay whole
    for i in shared_first:
        axes = values[i].axes
        axes = (*(axis for axis in range(len(values[i].shape)) if axis not in axes), *axes)
        arrays.append(to_axes(values[i], axes, members))
        summed.append([axes.index(axis) for axis in sums[i]])
        batched.append([axes.index(axis) for axis in (*member_axis, *batches[i])])
        kept = [axis for axis in axes if axis not in (*sums[i], *batches[i], *member_axis)]
        names += [axis if axis == MEMBERS else starts[i] + free[i].index(axis) for axis in kept]
    array = lax.dot_general(
        arrays[0],
        arrays[1],
        (tuple(summed), tuple(batched)),
        precision=equation.params["precision"],
        preferred_element_type=equation.params["preferred_element_type"],
    )
    return Value(array, tuple(names), _result_type(equation).shape)


RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(REDUCTIONS, reduction),
    "broadcast_in_dim": broadcast_in_dim,
    "transpose": transpose,
    "reshape": reshape,
    "squeeze": reshape,
    "dot_general": dot_general,
}
