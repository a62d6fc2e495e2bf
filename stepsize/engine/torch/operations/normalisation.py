"""Normalisations over a batch, a layer, groups or instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from stepsize.errors import ProblemError


def over_channels(values: Array, x: Array) -> Array:
    """Return one number a channel, in the shape that fits x [rows, channels, ...]."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


def scaled(x: Array, weight: Array | None, bias: Array | None) -> Array:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


def standardised(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array, Array]:
    """Return x with mean 0 and variance 1, the mean, and the biased variance."""
    mean = jnp.mean(x, axes, keepdims=True)
    centred = x - mean
    variance = jnp.mean(centred * centred, axes, keepdims=True)
    return centred / jnp.sqrt(variance + eps), mean, variance


def batch_norm(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, ...]:
    """Return the normalised batch, its mean and 1 / deviation, and the new running statistics."""
    if not training:
        return (
            *normalised(x, weight, bias, running_mean, running_var, momentum, eps),
            running_mean,
            running_var,
        )
    axes = (0, *range(2, x.ndim))
    count = prod(x.shape[i] for i in axes)
    if count == 1:
        raise ProblemError(
            "batch normalisation needs more than one value a channel, and this batch has one row; choose a "
            "batch_size whose last batch has at least two"
        )
    y, mean, variance = standardised(x, axes, eps)
    flat_mean, flat_variance = mean.reshape(-1), variance.reshape(-1)
    new_mean, new_var = running_mean, running_var
    if running_mean is not None and running_var is not None:
        new_mean = momentum * flat_mean + (1 - momentum) * running_mean
        new_var = momentum * (flat_variance * np.float32(count / (count - 1))) + (1 - momentum) * running_var
    y = scaled(y, *(None if v is None else over_channels(v, x) for v in (weight, bias)))
    return y, flat_mean, 1 / jnp.sqrt(flat_variance + eps), new_mean, new_var


def normalised(
    x: Array, weight: Any, bias: Any, mean: Any, variance: Any, momentum: float, eps: float
) -> tuple[Array, Array, Array]:
    """Return a batch normalised by the running statistics."""
    centre, scale = (over_channels(v, x) for v in (mean, 1 / jnp.sqrt(variance + eps)))
    y = scaled((x - centre) * scale, *(None if v is None else over_channels(v, x) for v in (weight, bias)))
    return y, jnp.zeros(0), jnp.zeros(0)


def without_statistics(
    x: Array, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, ...]:
    return batch_norm(x, weight, bias, None, None, True, momentum, eps)[:3]


def layer_norm(
    x: Array,
    shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn: bool = True,
) -> Array:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return scaled(standardised(x, axes, eps)[0], weight, bias)


def rms_norm(x: Array, shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Array:
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    eps = float(np.finfo(np.float32).eps) if eps is None else eps
    return scaled(x / jnp.sqrt(jnp.mean(x * x, axes, keepdims=True) + eps), weight, None)


def group_norm(
    x: Array, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn: bool = True
) -> Array:
    split = x.reshape(x.shape[0], groups, -1)
    y = standardised(split, (2,), eps)[0].reshape(x.shape)
    return scaled(y, *(None if v is None else over_channels(v, x) for v in (weight, bias)))


def instance_norm(
    x: Array,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input: bool,
    momentum: float,
    eps: float,
    cudnn: bool = True,
) -> Array:
    """Return every image of every channel normalised by itself, or by given statistics."""
    if not use_input:
        return normalised(x, weight, bias, running_mean, running_var, momentum, eps)[0]
    if running_mean is not None:
        raise NotImplementedError("track_running_stats=True of an instance normalisation is not supported")
    y = standardised(x, tuple(range(2, x.ndim)), eps)[0]
    return scaled(y, *(None if v is None else over_channels(v, x) for v in (weight, bias)))


NORMALISATION: Mapping[str, Callable[..., Any]] = {
    "_native_batch_norm_legit_functional": batch_norm,
    "_native_batch_norm_legit_no_training": normalised,
    "_native_batch_norm_legit.no_stats": without_statistics,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
}
