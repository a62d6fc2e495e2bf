"""Programs drawn at random come out side by side as under `jax.vmap`, and so do their gradients.

All numbers are small whole ones, so no rounding hides a wrong rule, or lets a right one seem wrong.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from tests.support.vmapped import Function, assert_as_vmap, own

SHAPES = st.lists(st.integers(1, 4), max_size=3).map(tuple)
STEPS = st.tuples(st.integers(0, 15), *[st.integers(0, 23)] * 3)
PROGRAMS = st.lists(STEPS, min_size=1, max_size=7)


def fitted(a: Any, b: Any) -> Any:
    """Give `b` if it broadcasts with `a` to no more than four axes, else a number of it."""
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return b.sum()
    return b


def axis_of(a: Any, k: int) -> int | None:
    return k % a.ndim if a.ndim else None


def turned(a: Any, k: int) -> Any:
    orders = list(itertools.permutations(range(a.ndim)))
    return jnp.transpose(a, orders[k % len(orders)])


def reshaped(a: Any, k: int) -> Any:
    shapes = [(-1,), (1, *a.shape)[:4], (*a.shape, 1)[: max(a.ndim, 3)], (a.shape[0] if a.ndim else 1, -1)]
    return a.reshape(shapes[k % 4])


def repeated(a: Any, k: int) -> Any:
    if a.ndim == 4:
        return a
    place = k % (a.ndim + 1)
    longer = jnp.expand_dims(a, place)
    return jnp.broadcast_to(longer, (*longer.shape[:place], 2 + k % 2, *longer.shape[place + 1 :]))


def product(a: Any, b: Any, k: int, batches: bool = False) -> Any:
    """Multiply over the first axes that have one length, in batches along two others."""
    pairs = [(i, j) for i in range(a.ndim) for j in range(b.ndim) if a.shape[i] == b.shape[j]]
    if not pairs:
        return fitted(a, b) * a
    i, j = pairs[k % len(pairs)]
    also = [(m, n) for m, n in pairs if m != i and n != j][: int(batches)]
    if a.ndim + b.ndim - 2 - len(also) > 4:
        return a * a
    over = (tuple(m for m, _ in also), tuple(n for _, n in also))
    return lax.dot_general(a, b, (((i,), (j,)), over))


OPERATIONS = (
    lambda a, b, k: a + fitted(a, b),
    lambda a, b, k: a - fitted(a, b),
    lambda a, b, k: a * fitted(a, b),
    lambda a, b, k: jnp.maximum(a, fitted(a, b)),
    lambda a, b, k: jnp.where(fitted(a, b) > 0, a, k),
    lambda a, b, k: jnp.where(a.sum() > 0, a, -a),
    lambda a, b, k: turned(a, k),
    lambda a, b, k: reshaped(a, k),
    lambda a, b, k: repeated(a, k),
    lambda a, b, k: a.sum(axis_of(a, k), keepdims=k > 11),
    lambda a, b, k: a.max(axis_of(a, k), keepdims=k > 11),
    lambda a, b, k: jnp.argmax(a, axis_of(a, k)) * 1.0,
    lambda a, b, k: product(a, b, k),
    lambda a, b, k: product(a, b, k, batches=True),
    lambda a, b, k: jnp.concatenate([a, a[::-1]]).cumsum(0) if a.ndim else a,
    lambda a, b, k: a[k % len(a)] if a.ndim else a,
)


def function_of(program: list[tuple[int, ...]]) -> Function:
    """Give the function that takes each step with two of the values so far, and gives the last three."""

    def function(given: Any, common: Any) -> list[Any]:
        values = [*given, common]
        for operation, first, second, k in program:
            made = OPERATIONS[operation](
                values[-1 - first % len(values)], values[-1 - second % len(values)], k
            )
            values.append(jnp.clip(made, -4, 4))
        return values[-3:]

    return own(function)


def gradient_of(program: list[tuple[int, ...]]) -> Function:
    outputs = function_of(program)
    return own(jax.grad(lambda given, common: sum(v.sum() for v in outputs(given, common)[0])))


def whole(shape: tuple[int, ...], seed: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).integers(-2, 3, size=shape), jnp.float32)


def members_of(count: int, *shapes: tuple[int, ...]) -> list[jax.Array]:
    return [whole((count, *shape), i) for i, shape in enumerate(shapes)]


@settings(max_examples=40)
@given(PROGRAMS, SHAPES, SHAPES, SHAPES, st.integers(2, 5))
def test_a_random_program_is_as_under_vmap(program, first, second, common, count) -> None:
    assert_as_vmap(function_of(program), members_of(count, first, second), whole(common, 2))


@settings(max_examples=30)
@given(PROGRAMS, SHAPES, SHAPES, SHAPES, st.integers(2, 5))
def test_so_is_its_gradient(program, first, second, common, count) -> None:
    assert_as_vmap(gradient_of(program), members_of(count, first, second), whole(common, 2))


def test_programs_are_worth_running() -> None:
    """Every operation changes something."""
    a, b = whole((2, 3), 5), whole((3, 2), 6)
    for operation in OPERATIONS:
        made = [(one, operation(one, other, k)) for one in (a, -a) for other in (a, b) for k in (0, 1, 12)]
        assert any(before.shape != after.shape or (before != after).any() for before, after in made)
