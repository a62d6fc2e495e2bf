"""Values of all members in one array, whose axes may come in any order and may be left out.

Transposing a value only renames its axes, and a value that is constant along an axis omits that axis. Both
are settled when an operation needs an array, in the order that suits it: `to_rows`, `to_axes`,
`to_members_first` and `to_stored` make that array, `from_rows` and `from_stored` read one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

MEMBERS = -1  # the name of the axis of the members


class Value(NamedTuple):
    """An array, the names of its axes, and the shape of one member's value.

    Axes are named by their number in `shape`. The value is constant along the axes of `shape` that are
    missing from `axes`.
    """

    array: Any
    axes: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def is_per_member(self) -> bool:
        """Whether the members have different values."""
        return MEMBERS in self.axes

    def as_array(self) -> Any:
        """Return the array of a value that all members share."""
        return _broadcast(self, tuple(range(len(self.shape))), self.shape)

    def rename_axes(self, names: Sequence[int | None], shape: Sequence[int]) -> Value:
        """Return the value with axis i called `names[i]`; None removes an axis of length 1."""
        axes = [name if name == MEMBERS else names[name] for name in self.axes]
        removed = tuple(i for i, name in enumerate(axes) if name is None)
        array = jnp.squeeze(self.array, removed) if removed else self.array
        return Value(array, tuple(name for name in axes if name is not None), tuple(shape))


def shared(array: Any) -> Value:
    """Return an array as a value that is the same for all members."""
    shape = jnp.shape(array)
    return Value(array, tuple(range(len(shape))), shape)


def squeeze(value: Value) -> Value:
    """Return the value without its axes of length 1."""
    names = [None if n == 1 else i for i, n in enumerate(value.shape)]
    return value.rename_axes(names, value.shape)


def stored_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes in the order in which members are stored: before the last axis longer than 1.

    >>> stored_order((28, 34)), stored_order((34, 1)), stored_order(())
    ((0, -1, 1), (-1, 0, 1), (-1,))
    """
    names = tuple(range(len(shape)))
    last = max((i for i in names if shape[i] > 1), default=0)
    return (*names[:last], MEMBERS, *names[last:])


def from_stored(array: Any, shape: tuple[int, ...], members: int) -> Value:
    """Return the value of an array that holds members of `shape` side by side."""
    order = stored_order(shape)
    return squeeze(Value(array.reshape(_lengths(order, shape, members)), order, shape))


def to_stored(value: Value, members: int) -> Any:
    """Return the array that holds the members side by side.

    >>> kernels = jnp.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])  # [members, in, out]
    >>> to_stored(Value(kernels, (MEMBERS, 0, 1), (2, 2)), members=2).tolist()
    [[1, 2, 5, 6], [3, 4, 7, 8]]
    """
    return to_rows(value, stored_order(value.shape), members)


def to_members_first(value: Value) -> Any:
    """Return the array with the members as its first axis."""
    members = value.array.shape[value.axes.index(MEMBERS)]
    return to_axes(value, (MEMBERS, *range(len(value.shape))), members)


def to_rows(value: Value, order: tuple[int, ...], members: int) -> Any:
    """Return the array with axes in `order`, those from the members' on merged into one, the row."""
    at = order.index(MEMBERS)
    leading, trailing = order[:at], order[at:]
    lengths = _lengths(order, value.shape, members)
    row = prod(lengths[at:])
    if not any(name in value.axes for name in trailing):
        inner = _broadcast(value, leading, lengths[:at])
        return jnp.broadcast_to(jnp.expand_dims(inner, -1), (*lengths[:at], row))
    outer = tuple(name for name in leading if name in value.axes)
    inner = _broadcast(value, outer + trailing, _lengths(outer + trailing, value.shape, members))
    inner = inner.reshape(*inner.shape[: len(outer)], row)
    if outer == leading:
        return inner
    places = (*(leading.index(name) for name in outer), len(leading))
    return jax.lax.broadcast_in_dim(inner, (*lengths[:at], row), places)


def to_axes(value: Value, order: tuple[int, ...], members: int) -> Any:
    """Return the array with axes in `order`, each an axis of its own."""
    return _broadcast(value, order, _lengths(order, value.shape, members))


def from_rows(array: Any, order: tuple[int, ...], shape: tuple[int, ...], members: int) -> Value:
    """Return the value of an array that `to_rows` or `to_axes` made, or of one like it."""
    return Value(array.reshape(_lengths(order, shape, members)), order, shape)


def _lengths(order: Sequence[int], shape: Sequence[int], members: int) -> tuple[int, ...]:
    return tuple(members if name == MEMBERS else shape[name] for name in order)


def _broadcast(value: Value, order: tuple[int, ...], lengths: tuple[int, ...]) -> Any:
    """Return the array with axes in `order`, of `lengths`."""
    present = [name for name in order if name in value.axes]
    array = value.array
    if tuple(present) != value.axes:
        array = jnp.transpose(array, [value.axes.index(name) for name in present])
    if len(present) == len(order):
        return array
    return jax.lax.broadcast_in_dim(array, lengths, [order.index(name) for name in present])
