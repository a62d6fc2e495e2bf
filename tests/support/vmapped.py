"""What `jax.vmap` computes, compared with what members side by side compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stepsize.engine.batching.batched_value import MEMBERS, Value, to_stored
from stepsize.engine.batching.side_by_side import side_by_side, split_members

Function = Callable[..., Any]


def numbers(*shape: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def drawn(like: Any, members: int = 3) -> Any:
    """Give random arrays with an axis [members] in front."""
    rng = np.random.default_rng(0)

    def array(one: Any) -> jax.Array:
        values = 2 * rng.normal(size=(members, *one.shape))
        return jnp.asarray(values > 0 if one.dtype == bool else values).astype(one.dtype)

    return jax.tree.map(array, like)


def kept(own: Any) -> Any:
    """Give arrays [members, ...] as members are kept side by side."""

    def one(array: jax.Array) -> jax.Array:
        return to_stored(Value(array, (MEMBERS, *range(array.ndim - 1)), array.shape[1:]), len(array))

    return jax.tree.map(one, own)


def beside(function: Function, own: Any, *common: Any) -> Function:
    """Give the compiled own [members, ...] -> (own [members, ...], common), carried out side by side."""
    members = len(jax.tree.leaves(own)[0])
    like = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape[1:], array.dtype), own)
    form, _ = jax.eval_shape(function, like, *common)

    @jax.jit
    def run(own: Any) -> Any:
        found, common_out = side_by_side(function, members, like)(kept(own), *common)
        return split_members(found, members, form), common_out

    return run


def assert_as_vmap(
    function: Function, own: Any, *common: Any, tolerance: float = 2e-5, run: Function | None = None
) -> None:
    """Compare values, shapes and dtypes of all that comes out for members `own`, [members, ...].

    `run` is what `beside` gave for them, if a test has it already.
    """
    found = (run or beside(function, own, *common))(own)
    over = jax.vmap(function, in_axes=(0, *[None] * len(common)), out_axes=(0, None))
    expected = jax.jit(over)(own, *common)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        exact = [np.asarray(value).astype(np.float64) for value in (ours, theirs)]
        np.testing.assert_allclose(*exact, rtol=tolerance, atol=tolerance)


def own(function: Function) -> Function:
    """Give the function as one that returns nothing common."""
    return lambda *arguments: (function(*arguments), ())
