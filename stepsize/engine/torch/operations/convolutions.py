"""Convolutions along one to three axes, and their transposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Sizes = int | Sequence[int]


def per_axis(value: Sizes, axes: int) -> tuple[int, ...]:
    """Return a size for each axis, from one for all or a list."""
    sizes = (value,) if isinstance(value, int) else tuple(value)
    return sizes * axes if len(sizes) == 1 else sizes


def convolution(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Return a convolution of x [rows, in, ...] with a kernel [out, in / groups, ...]."""
    axes = weight.ndim - 2
    dilation = per_axis(dilation, axes)
    if padding == "same":  # where the sum is odd, the larger half comes last
        sums = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        pads = [(s // 2, s - s // 2) for s in sums]
    elif padding == "valid":
        pads = [(0, 0)] * axes
    else:
        pads = [(p, p) for p in per_axis(padding, axes)]  # pyright: ignore[reportArgumentType]
    return _convolved(x, weight, bias, per_axis(stride, axes), pads, (1,) * axes, dilation, groups)


def transposed(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Array:
    """Return the transpose of a convolution, with its kernel [in, out / groups, ...]."""
    axes = weight.ndim - 2
    dilation, sizes = per_axis(dilation, axes), weight.shape[2:]
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:]).swapaxes(1, 2)
    kernel = kernel.reshape(-1, weight.shape[0] // groups, *sizes)
    kernel = jnp.flip(kernel, tuple(range(2, 2 + axes)))
    extra = per_axis(output_padding, axes)
    edges = [d * (k - 1) - p for d, k, p in zip(dilation, sizes, per_axis(padding, axes), strict=True)]
    pads = [(edge, edge + more) for edge, more in zip(edges, extra, strict=True)]
    return _convolved(x, kernel, bias, (1,) * axes, pads, per_axis(stride, axes), dilation, groups)


def either(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    is_transposed: bool,
    output_padding: Sizes,
    groups: int,
) -> Array:
    """Return what ATen's one name for all convolutions stands for."""
    if is_transposed:
        return transposed(x, weight, bias, stride, padding, output_padding, groups, dilation)
    return convolution(x, weight, bias, stride, padding, dilation, groups)


def _convolved(
    x: Array,
    kernel: Array,
    bias: Array | None,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    spread: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Array:
    unbatched = x.ndim == kernel.ndim - 1
    y = jax.lax.conv_general_dilated(
        x[None] if unbatched else x,
        kernel,
        strides,
        pads,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        feature_group_count=groups,
    )
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * (kernel.ndim - 2))
    return y[0] if unbatched else y


def with_bias(function: Callable[..., Array], x: Array, weight: Array, bias: Any = None, *args: Any) -> Array:
    return function(x, weight, bias, *args)


CONVOLUTIONS: Mapping[str, Callable[..., Any]] = {
    "convolution": either,
    **{f"conv{axes}d": partial(with_bias, convolution) for axes in (1, 2, 3)},
    **{f"conv_transpose{axes}d": partial(with_bias, transposed) for axes in (1, 2, 3)},
}
