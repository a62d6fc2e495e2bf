"""Values of all members in one array, whose axes may stand in any order and may be left out.

Transposing a value is renaming its axes, and a value that is the same all along an axis does not have it:
both are settled when an operation needs them, in the order that suits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

MEMBERS = -1  # the name of the axis along which the members stand


class Value(NamedTuple):
    """An array, the names of its axes, and the shape that one member's value has.

    Axes are named by their number in `shape`; an axis of `shape` that has no name here is one along which
    the value does not change.
    """

    array: Any
    axes: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def is_members(self) -> bool:
        """Whether the members have values of their own."""
        return MEMBERS in self.axes

    def whole(self) -> Any:
        """Give a value that all members share as the array that it is."""
        return _spread(self, tuple(range(len(self.shape))), self.shape)

    def renamed(self, names: Sequence[int | None], shape: Sequence[int]) -> Value:
        """Return the value with axis i called `names[i]`; None for an axis of length 1 that goes."""
        kept = [name if name == MEMBERS else names[name] for name in self.axes]
        if None not in kept:
            return Value(self.array, tuple(kept), tuple(shape))  # type: ignore[arg-type]
        gone = tuple(i for i, name in enumerate(kept) if name is None)
        return Value(
            jnp.squeeze(self.array, gone), tuple(name for name in kept if name is not None), tuple(shape)
        )


def shared(array: Any) -> Value:
    """Give a value that is the same for all members."""
    shape = jnp.shape(array)
    return Value(array, tuple(range(len(shape))), shape)


def slim(value: Value) -> Value:
    """Leave out axes of length 1."""
    names = [None if n == 1 else i for i, n in enumerate(value.shape)]
    return value.renamed(names, value.shape)


def usual(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Name the axes in the order in which members are kept: before the last long one.

    >>> usual((28, 34)), usual((34, 1)), usual(())
    ((0, -1, 1), (-1, 0, 1), (-1,))
    """
    names = tuple(range(len(shape)))
    last = max((i for i in names if shape[i] > 1), default=0)
    return (*names[:last], MEMBERS, *names[last:])


def taken_apart(array: Any, shape: tuple[int, ...], members: int) -> Value:
    """Give the value of an array that holds members of `shape` next to each other."""
    order = usual(shape)
    return slim(Value(array.reshape(_lengths(order, shape, members)), order, shape))


def stored(value: Value, members: int) -> Any:
    """Give the array that holds the members next to each other.

    >>> kernels = jnp.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])  # [members, in, out]
    >>> stored(Value(kernels, (MEMBERS, 0, 1), (2, 2)), members=2).tolist()
    [[1, 2, 5, 6], [3, 4, 7, 8]]
    """
    return flat(value, usual(value.shape), members)


def first(value: Value) -> Any:
    """Give the array with the members as its first axis."""
    members = value.array.shape[value.axes.index(MEMBERS)]
    return explicit(value, (MEMBERS, *range(len(value.shape))), members)


def flat(value: Value, order: tuple[int, ...], members: int) -> Any:
    """Give the array with axes in `order`, those from the members' on as one, spread along all of them."""
    at = order.index(MEMBERS)
    leading, trailing = order[:at], order[at:]
    lengths = _lengths(order, value.shape, members)
    row = prod(lengths[at:])
    if not any(name in value.axes for name in trailing):
        inner = _spread(value, leading, lengths[:at])
        return jnp.broadcast_to(jnp.expand_dims(inner, -1), (*lengths[:at], row))
    own = tuple(name for name in leading if name in value.axes)
    inner = _spread(value, own + trailing, _lengths(own + trailing, value.shape, members))
    inner = inner.reshape(*inner.shape[: len(own)], row)
    if own == leading:
        return inner
    places = (*(leading.index(name) for name in own), len(leading))
    return jax.lax.broadcast_in_dim(inner, (*lengths[:at], row), places)


def explicit(value: Value, order: tuple[int, ...], members: int) -> Any:
    """Give the array with axes in `order`, each on its own."""
    return _spread(value, order, _lengths(order, value.shape, members))


def apart(array: Any, order: tuple[int, ...], shape: tuple[int, ...], members: int) -> Value:
    """Give the value of an array that `flat` made, or of one like it."""
    return Value(array.reshape(_lengths(order, shape, members)), order, shape)


def _lengths(order: Sequence[int], shape: Sequence[int], members: int) -> tuple[int, ...]:
    return tuple(members if name == MEMBERS else shape[name] for name in order)


def _spread(value: Value, order: tuple[int, ...], lengths: tuple[int, ...]) -> Any:
    """Give the array with axes in `order`, of `lengths`."""
    own = [name for name in order if name in value.axes]
    array = value.array
    if tuple(own) != value.axes:
        array = jnp.transpose(array, [value.axes.index(name) for name in own])
    if len(own) == len(order):
        return array
    return jax.lax.broadcast_in_dim(array, lengths, [order.index(name) for name in own])
