"""Gradients of look-ups: the rows are added where the optimizer adds them, and the numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from stepsize.engine.look_ups import row_sums_in
from stepsize.engine.rewriting import operations_in, rewritten

WORDS, WIDTH, RATE = 20, 3, 0.1


def loss(table: Array, words: Array) -> Array:
    """Return a loss that looks words up twice, so two gradients of one table meet."""
    return jnp.square(table[words].mean(axis=0)).sum() + jnp.sin(table[words[::2]]).sum()


def momentum(table: Array, speed: Array, words: Array) -> Any:
    speed = 0.9 * speed - RATE * jax.grad(loss)(table, words)
    return table + speed, speed


def torch_momentum(table: Array, speed: Array, words: Array) -> Any:
    speed = 0.9 * speed + jax.grad(loss)(table, words)
    return table - RATE * speed, speed


def plain(table: Array, speed: Array, words: Array) -> Any:
    return table - RATE * jax.grad(loss)(table, words), speed


def negative(table: Array, speed: Array, words: Array) -> Any:
    return table + -(jax.grad(loss)(table, words) * RATE), speed


def decayed(table: Array, speed: Array, words: Array) -> Any:
    speed = 0.9 * speed + (jax.grad(loss)(table, words) + 0.01 * table)
    return table - RATE * (jax.grad(loss)(table, words) + 0.9 * speed), speed


def adam(table: Array, speed: Array, words: Array) -> Any:
    gradient = jax.grad(loss)(table, words)
    speed = speed + (jnp.square(gradient) - speed) * 0.1
    return table - RATE * gradient / (jnp.sqrt(speed) + 1e-3), speed


def clipped(table: Array, speed: Array, words: Array) -> Any:
    gradient = jax.grad(loss)(table, words)
    return table - RATE * gradient / jnp.maximum(1.0, jnp.linalg.norm(gradient)), speed


def by_row(table: Array, speed: Array, words: Array) -> Any:
    return table - jnp.linspace(0, 1, WORDS)[:, None] * jax.grad(loss)(table, words), speed


def shifted(table: Array, speed: Array, words: Array) -> Any:
    return table - (1.0 - jax.grad(loss)(table, words)), jax.grad(loss)(table, words)


def checked(table: Array, speed: Array, words: Array) -> Any:
    jax.jit(lambda: None)()  # an operation without results
    return plain(table, speed, words)


UPDATES = (momentum, torch_momentum, plain, negative, decayed, adam, clipped, by_row, shifted, checked)
DIRECT = (momentum, torch_momentum, plain, negative)


@pytest.mark.parametrize("update", UPDATES)
def test_the_numbers_stay(update: Callable[..., Any]) -> None:
    rng = np.random.default_rng(7)
    table, speed = rng.normal(size=(2, WORDS, WIDTH)).astype(np.float32)
    words = rng.integers(0, WORDS, 30).astype(np.int32)  # some of them twice
    for array, other in zip(jax.jit(rewritten(update))(table, speed, words),
                            jax.jit(update)(table, speed, words), strict=True):  # fmt: skip
        np.testing.assert_allclose(array, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("update", DIRECT)
def test_no_rows_are_added_to_zeros(update: Callable[..., Any]) -> None:
    arguments = jnp.ones((WORDS, WIDTH)), jnp.ones((WORDS, WIDTH)), jnp.arange(5)
    assert sums_of_rows(update, *arguments) == 2
    assert sums_of_rows(rewritten(update), *arguments) == 0


def test_a_gradient_that_is_used_twice_is_made_once() -> None:
    arguments = jnp.ones((WORDS, WIDTH)), jnp.ones((WORDS, WIDTH)), jnp.arange(5)
    names = [each.primitive.name for each in operations_in(jax.make_jaxpr(rewritten(adam))(*arguments).jaxpr)]
    assert names.count("scatter-add") == 2  # one for each look-up


def sums_of_rows(update: Callable[..., Any], *arguments: Array) -> int:
    """Return how many operations add rows to zeros, in the functions that an update calls too."""

    def count(jaxpr: Any) -> int:
        inner = [each.params["jaxpr"].jaxpr for each in jaxpr.eqns if "jaxpr" in each.params]
        return len(row_sums_in(jaxpr)) + sum(map(count, inner))

    return count(jax.make_jaxpr(update)(*arguments).jaxpr)
