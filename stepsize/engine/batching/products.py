"""Products of matrices: how they are computed for all members."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from math import prod
from operator import add, mul
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn

from stepsize.engine.batching.batched_value import MEMBERS, Value, from_rows, squeeze, to_axes
from stepsize.engine.batching.combining import add_up, apart, combine, computed, reduced, result_type

FEW_TERMS = 4  # of a product, up to which it is faster added up term by term


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
    result = result_type(equation)
    shape, dtype = result.shape, _summed_type(result.dtype)
    terms = (*shape, *(values[0].shape[axis] for axis in sums[0]))
    factors = []
    for value, unsummed, start, summed in zip(values, free, (0, len(free[0])), sums, strict=True):
        names = {axis: start + place for place, axis in enumerate(unsummed)}
        names.update({axis: len(shape) + place for place, axis in enumerate(summed)})
        factor = squeeze(value).rename_axes([names[i] for i in range(len(names))], terms)
        factors.append(factor._replace(array=factor.array.astype(dtype)))
    products = combine(lax.mul, factors, terms, members)
    total = reduced(add_up, products, tuple(range(len(shape), len(terms))), members)
    return total._replace(array=total.array.astype(result.dtype))


def _sum_of_products(equation: JaxprEqn, values: list[Value], free: list[list[int]], members: int) -> Value:
    """Add up the products of few terms, in a loop that leaves the members beside each other.

    A product of matrices has the members in front, and bringing the result of one with few terms back into
    its place takes many times as long as the product.
    """
    sums, _ = equation.params["dimension_numbers"]
    result = result_type(equation)
    shape, dtype = result.shape, _summed_type(result.dtype)
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
        half = len(whole) // 2
        return reduce(add, map(mul, whole[:half], whole[half:])).astype(result.dtype)

    array = apart(total, *(term.array for term in (*factors[0], *factors[1])))
    return from_rows(array, order, shape, members)


def _summed_type(dtype: Any) -> Any:
    """Return the type in which terms are added: single precision at least, as in a product of matrices."""
    return jnp.promote_types(dtype, jnp.float32) if jnp.issubdtype(dtype, jnp.floating) else dtype


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
    return Value(computed(to_axes(value, axes, members).astype(dtype)), axes, value.shape)


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
    return Value(array, tuple(names), result_type(equation).shape)
