"""Values with axes in any order, or left out, are the arrays that they stand for."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.engine.batching.batched_value import (
    MEMBERS,
    Value,
    from_rows,
    from_stored,
    shared,
    squeeze,
    stored_order,
    to_axes,
    to_members_first,
    to_rows,
    to_stored,
)

SHAPES = st.lists(st.integers(1, 4), max_size=3).map(tuple)
COUNTS = st.integers(2, 5)


def meaning(value: Value, members: int) -> np.ndarray:
    """Give the array [members, ...] that a value stands for, by NumPy and one axis at a time."""
    array, axes = np.asarray(value.array), list(value.axes)
    for name, length in ((MEMBERS, members), *enumerate(value.shape)):
        if name not in axes:
            array, axes = np.repeat(array[..., None], length, axis=-1), [*axes, name]
    return array.transpose([axes.index(name) for name in (MEMBERS, *range(len(value.shape)))])


@st.composite
def values(draw: st.DrawFn) -> tuple[Value, int]:
    """Draw a value of `members`, some of its axes left out, the others in any order; and the members."""
    shape, members = draw(SHAPES), draw(COUNTS)
    own = [MEMBERS, *(i for i in range(len(shape)) if draw(st.booleans()))]
    axes = tuple(draw(st.permutations(own)))
    lengths = [members if name == MEMBERS else shape[name] for name in axes]
    return Value(jnp.arange(np.prod(lengths, dtype=int)).reshape(lengths), axes, shape), members


def orders(value: Value) -> st.SearchStrategy[tuple[int, ...]]:
    return st.permutations([MEMBERS, *range(len(value.shape))]).map(tuple)


@settings(max_examples=40)
@given(values())
def test_what_is_stored_is_taken_apart_again(drawn: tuple[Value, int]) -> None:
    value, members = drawn
    array = to_stored(value, members)
    back = from_stored(array, value.shape, members)
    np.testing.assert_array_equal(meaning(back, members), meaning(value, members))
    np.testing.assert_array_equal(to_stored(back, members), array)
    assert back.shape == value.shape
    assert back.is_per_member


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (3,)), ((4,), (12,)), ((2, 4), (2, 12)), ((4, 1), (12,)), ((1, 1), (3,)), ((5, 2, 4), (5, 2, 12))],
    ids=str,
)
def test_members_stand_next_to_each_other(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A row of n numbers of every member, one member's after another's, is a row of the array."""
    own = np.arange(3 * np.prod(shape, dtype=int)).reshape(3, *shape)
    array = np.asarray(to_stored(Value(jnp.asarray(own), (MEMBERS, *range(len(shape))), shape), 3))
    n = expected[-1] // 3
    assert array.shape == expected
    np.testing.assert_array_equal(array.reshape(-1, 3, n), own.reshape(3, -1, n).swapaxes(0, 1))


@settings(max_examples=40)
@given(values(), st.data())
def test_axes_come_in_the_order_asked_for(drawn: tuple[Value, int], data: st.DataObject) -> None:
    value, members = drawn
    order = data.draw(orders(value))
    lengths = [members if name == MEMBERS else value.shape[name] for name in order]
    expected = meaning(value, members).transpose(
        [(MEMBERS, *range(len(value.shape))).index(n) for n in order]
    )
    found = to_axes(value, order, members)
    np.testing.assert_array_equal(found, expected)
    rows = to_rows(value, order, members)
    assert rows.shape == (*lengths[: order.index(MEMBERS)], np.prod(lengths[order.index(MEMBERS) :]))
    np.testing.assert_array_equal(rows.reshape(lengths), expected)
    again = from_rows(rows, order, value.shape, members)
    np.testing.assert_array_equal(meaning(again, members), meaning(value, members))
    np.testing.assert_array_equal(to_members_first(value), meaning(value, members))


@given(values())
def test_axes_of_length_1_may_go(drawn: tuple[Value, int]) -> None:
    value, members = drawn
    lean = squeeze(value)
    assert all(name == MEMBERS or value.shape[name] > 1 for name in lean.axes)
    np.testing.assert_array_equal(meaning(lean, members), meaning(value, members))


@given(values(), st.data())
def test_axes_are_renamed_without_moving_a_number(drawn: tuple[Value, int], data: st.DataObject) -> None:
    value, members = drawn
    names = data.draw(st.permutations(range(len(value.shape))))
    shape = [value.shape[names.index(i)] for i in range(len(names))]
    moved = value.rename_axes(names, shape)
    assert moved.array is value.array
    expected = meaning(value, members).transpose([0, *(1 + names.index(i) for i in range(len(names)))])
    np.testing.assert_array_equal(meaning(moved, members), expected)


def test_what_is_shared_is_the_array_itself() -> None:
    array = jnp.arange(6.0).reshape(2, 3)
    value = shared(array)
    assert not value.is_per_member
    assert value.as_array() is array
    np.testing.assert_array_equal(to_stored(value, 2), [[0, 1, 2, 0, 1, 2], [3, 4, 5, 3, 4, 5]])
    lean = Value(jnp.arange(3.0), (1,), (2, 3))
    np.testing.assert_array_equal(lean.as_array(), [[0, 1, 2], [0, 1, 2]])


@given(SHAPES)
def test_members_stand_before_the_last_long_axis(shape: tuple[int, ...]) -> None:
    order = stored_order(shape)
    after = [shape[name] for name in order[order.index(MEMBERS) + 1 :]]
    assert sorted(order) == [MEMBERS, *range(len(shape))]
    assert [name for name in order if name != MEMBERS] == list(range(len(shape)))
    assert sum(n > 1 for n in after) == min(1, sum(n > 1 for n in shape))
