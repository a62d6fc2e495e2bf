"""Operations that draw from a key: dropout, noise, and attention with its own dropout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def kept(key: Array, shape: tuple[int, ...], p: float) -> Array:
    """Return a mask that keeps a share 1 - p, scaled by 1 / (1 - p)."""
    if p >= 1:
        return jnp.zeros(shape)
    return jnp.where(jax.random.bernoulli(key, 1 - p, shape), np.float32(1 / (1 - p)), 0.0)


def dropout(key: Array, x: Array, p: float, train: bool | None = True) -> Array:
    return x * kept(key, x.shape, p) if train and p > 0 else x


def native_dropout(key: Array, x: Array, p: float, train: bool | None = True) -> tuple[Array]:
    return (dropout(key, x, p, train),)


def feature_dropout(key: Array, x: Array, p: float, train: bool = True) -> Array:
    shape = x.shape[:2] + (1,) * (x.ndim - 2)
    return x * kept(key, shape, p) if train and p > 0 else x


def bernoulli(key: Array, x: Array, p: float | Array | None = None, generator: Any = None) -> Array:
    return jax.random.bernoulli(key, x if p is None else p, x.shape).astype(x.dtype)


def rrelu(
    key: Array, x: Array, low: float = 1 / 8, high: float = 1 / 3, train: bool = False, _: Any = None
) -> Array:
    slope = jax.random.uniform(key, x.shape, minval=low, maxval=high) if train else (low + high) / 2
    return jnp.where(x > 0, x, x * slope)


def attention(
    key: Array,
    query: Array,
    keys: Array,
    values: Array,
    mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    """Return scaled dot-product attention; a query whose keys are all masked gets 0."""
    if enable_gqa:
        times = query.shape[-3] // keys.shape[-3]
        keys, values = (jnp.repeat(v, times, axis=-3) for v in (keys, values))
    scores = (query @ keys.swapaxes(-1, -2)) * (1 / sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = jnp.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -jnp.inf)
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf) if mask.dtype == jnp.bool_ else scores + mask
    lost = jnp.all(scores == -jnp.inf, axis=-1, keepdims=True)
    weights = jnp.where(lost, 0.0, jax.nn.softmax(jnp.where(lost, 0.0, scores), axis=-1))
    return dropout(key, weights, dropout_p) @ values


def normal(key: Array, x: Array, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Array:
    return mean + std * jax.random.normal(key, x.shape)


def uniform(key: Array, x: Array, low: float = 0.0, high: float = 1.0, generator: Any = None) -> Array:
    return jax.random.uniform(key, x.shape, minval=low, maxval=high)


def exponential(key: Array, x: Array, rate: float = 1.0, generator: Any = None) -> Array:
    return jax.random.exponential(key, x.shape) / rate


def shaped(draw: Callable[..., Array]) -> Callable[..., Array]:
    return lambda key, shape, dtype=None, **_: draw(key, tuple(shape))


def like(draw: Callable[..., Array]) -> Callable[..., Array]:
    return lambda key, x, dtype=None, **_: draw(key, x.shape)


RANDOMNESS: Mapping[str, Callable[..., Any]] = {
    "dropout": dropout,
    "native_dropout": native_dropout,
    "feature_dropout": feature_dropout,
    "bernoulli": bernoulli,
    "rrelu": rrelu,
    "scaled_dot_product_attention": attention,
    "normal_functional": normal,
    "normal": normal,
    "uniform": uniform,
    "exponential": exponential,
    "rand": shaped(jax.random.uniform),
    "randn": shaped(jax.random.normal),
    "rand_like": like(jax.random.uniform),
    "randn_like": like(jax.random.normal),
}
