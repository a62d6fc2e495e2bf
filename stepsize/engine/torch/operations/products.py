"""Products of matrices and vectors, and attention's parts that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array

from stepsize.engine.torch.operations.elementwise import absolute
from stepsize.engine.torch.operations.reductions import norm


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    y = x @ weight.T
    return y if bias is None else y + bias


def bilinear(x: Array, y: Array, weight: Array, bias: Array | None = None) -> Array:
    z = jnp.einsum("...i,oij,...j->...o", x, weight, y)
    return z if bias is None else z + bias


def added(x: Array, first: Array, second: Array, beta: float = 1, alpha: float = 1) -> Array:
    return beta * x + alpha * (first @ second)


def einsum(equation: str, operands: Sequence[Array], path: Any = None) -> Array:
    return jnp.einsum(equation, *operands)


def cosine_similarity(x: Array, y: Array, axis: int = 1, eps: float = 1e-8) -> Array:
    sizes = [jnp.maximum(norm(v, 2, axis, True), eps) for v in (x, y)]
    return jnp.sum((x / sizes[0]) * (y / sizes[1]), axis)


def pairwise_distance(x: Array, y: Array, p: float = 2, eps: float = 1e-6, keep: bool = False) -> Array:
    return norm(x - y + eps, p, -1, keep)


def cdist(x: Array, y: Array, p: float = 2, mode: Any = None) -> Array:
    return norm(x[..., :, None, :] - y[..., None, :, :], p, -1)


def weight_norm(direction: Array, size: Array, axis: int = 0) -> Array:
    others = [i for i in range(direction.ndim) if i != axis % direction.ndim] if axis != -1 else None
    length = absolute(direction) if others == [] else norm(direction, 2, others, True)
    return direction * (size / length)


PRODUCTS: Mapping[str, Callable[..., Any]] = {
    "linear": linear,
    "matmul": jnp.matmul,
    "mm": jnp.matmul,
    "bmm": jnp.matmul,
    "mv": jnp.matmul,
    "dot": jnp.dot,
    "vdot": jnp.dot,
    "outer": jnp.outer,
    "addmm": added,
    "addmv": added,
    "baddbmm": added,
    "bilinear": bilinear,
    "einsum": einsum,
    "cosine_similarity": cosine_similarity,
    "pairwise_distance": pairwise_distance,
    "cdist": cdist,
    "_weight_norm": weight_norm,
}
