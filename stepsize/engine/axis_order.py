"""Arrays whose axes are kept in another order than the program has them.

Convolutions and poolings are fastest with the rows of the batch in the last axis, and bringing their results
back into the program's order would take longer than they do. So the order goes along with the array, and
what follows is computed in it: elementwise operations, sums, transposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import JaxprEqn

from stepsize.engine.batching.batching_rules import ELEMENTWISE, REDUCTIONS

Axes = tuple[int, ...]


class Ordered(NamedTuple):
    """An array, and the number that each of its axes has in the program."""

    array: Array
    order: Axes

    @property
    def shape(self) -> Axes:
        """Return the shape as the program has it."""
        return tuple(self.array.shape[self.order.index(axis)] for axis in range(len(self.order)))

    @property
    def size(self) -> int:
        """Return how many numbers there are."""
        return self.array.size

    @property
    def dtype(self) -> Any:
        """Return the type of the numbers."""
        return self.array.dtype


def in_order(value: Any, order: Axes) -> Array:
    """Return the array of a value with its axes in an order."""
    if not isinstance(value, Ordered):
        return jnp.transpose(value, order)
    return jnp.transpose(value.array, [value.order.index(axis) for axis in order])


def in_place(value: Any) -> Any:
    """Return a value, one with an order of its own as the program has it."""
    return in_order(value, tuple(range(len(value.order)))) if isinstance(value, Ordered) else value


def in_same_order(equation: JaxprEqn, operands: Sequence[Any]) -> Ordered | None:
    """Return the result of an operation in the order of its operands; None if that is not possible."""
    ordered = [each for each in operands if isinstance(each, Ordered)]
    if not ordered:
        return None
    name, params = equation.primitive.name, equation.params
    first = max(ordered, key=lambda each: each.size)
    if name in ELEMENTWISE:
        arrays = [in_order(each, first.order) if getattr(each, "shape", ()) else each for each in operands]
        return Ordered(equation.primitive.bind(*arrays, **params), first.order)
    if name == "transpose":
        return Ordered(first.array, tuple(params["permutation"].index(axis) for axis in first.order))
    if name in REDUCTIONS and len(params["axes"]) < len(first.order):
        return _reduced(equation, first)
    return None


def _reduced(equation: JaxprEqn, value: Ordered) -> Ordered:
    axes = equation.params["axes"]
    places = tuple(value.order.index(axis) for axis in axes)
    rest = value.array.ndim - len(places)
    if equation.primitive.name == "reduce_sum" and min(places) == rest:
        array = _row_sums(value.array, len(places))
    else:
        array = equation.primitive.bind(value.array, **{**equation.params, "axes": places})
    left = [axis for axis in range(len(value.order)) if axis not in axes]
    return Ordered(array, tuple(left.index(axis) for axis in value.order if axis not in axes))


def _row_sums(array: Array, count: int) -> Array:
    """Return sums along the last axes, by a product with ones: XLA would compute their terms once more."""
    rows = array.reshape(*array.shape[:-count], -1)
    if array.dtype != jnp.float32:
        return rows.sum(-1)
    return jax.lax.dot(rows, jnp.ones(rows.shape[-1], array.dtype), precision=jax.lax.Precision.HIGHEST)
