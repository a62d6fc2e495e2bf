"""Convolutions and poolings with the rows of the batch in the last axis: [channels, places, batch].

A convolution is then one product of its kernel [outputs, window * channels] with the pixels under the window
[window * channels, places * batch], whose rows are long and are copied whole. Its result has the same order,
so nothing is transposed from one layer to the next, forward and backward.

This is up to ten times as fast for few channels, with which XLA's own convolution is slow. With many it is
not faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from stepsize.engine.axis_order import Ordered, in_order, in_place
from stepsize.engine.windows import poolings
from stepsize.engine.windows.convolutions import Convolution, beside, under, window_at

FEWEST_ROWS = 16  # of a batch; shorter rows are not faster
FEW_CHANNELS = 8  # of the images or of the result, up to which this order is faster
LARGEST = 64 << 20  # bytes of the pixels under the window


def suits(conv: Convolution, x: Sequence[int], kernel: Sequence[int]) -> bool:
    """Return whether a convolution of arrays of these shapes is fastest in this order."""
    if conv.groups * conv.batch_groups > 1 or set(conv.spread) != {1} or len(conv.spatial) < 2:
        return False
    rows, channels = x[conv.batch], x[conv.channels]
    if _is_kernel_gradient(conv):
        rows, channels = channels, rows
    pixels = prod(conv.lengths) * prod(conv.positions) * channels * rows
    few = min(channels, kernel[conv.outputs]) <= FEW_CHANNELS
    return few and rows >= FEWEST_ROWS and 4 * pixels <= LARGEST and prod(conv.lengths) > 1


def convolution(conv: Convolution, x: Any, kernel: Any) -> Any:
    """Return the result of a convolution."""
    if _is_kernel_gradient(conv):
        return _kernel_gradient(conv, x, kernel)
    gathered = prod(conv.positions) * x.shape[conv.channels]
    scattered = prod(x.shape[axis] for axis in conv.spatial) * kernel.shape[conv.outputs]
    x = in_order(x, (conv.channels, *conv.spatial, conv.batch))
    kernel = in_order(kernel, (conv.outputs, *conv.window, conv.inputs))
    conv = _last(conv)
    if set(conv.strides) == {1} and scattered <= gathered:
        result = _scattered(conv, x, kernel)
    else:
        result = _gathered(conv, x, kernel)
    return Ordered(result, (conv.result[1], *conv.result[2:], conv.result[0]))


def _is_kernel_gradient(conv: Convolution) -> bool:
    """Return whether a convolution has few positions and a large window, as the gradient of a kernel has.

    There the rows of the batch are the channels, and the channels are the batch.
    """
    return prod(conv.positions) < prod(conv.lengths)


def _last(conv: Convolution) -> Convolution:
    """Return a convolution whose operands have the order of this module."""
    count = len(conv.spatial)
    return conv._replace(batch=count + 1, channels=0, spatial=tuple(range(1, count + 1)))


def _gathered(conv: Convolution, x: Any, kernel: Any) -> Any:
    x = _padded(conv, x)
    columns = beside([under(conv, x, tap) for tap in conv.taps], 0)
    matrix = kernel.reshape(len(kernel), -1)
    return _dot(matrix, columns, ((1,), (0,)), conv)


def _scattered(conv: Convolution, x: Any, kernel: Any) -> Any:
    matrix = jnp.moveaxis(kernel, 0, -2).reshape(-1, kernel.shape[-1])  # [window * outputs, inputs]
    parts = _dot(matrix, x, ((1,), (0,)), conv)
    total: Any = 0
    for part, tap in zip(parts.reshape(len(conv.taps), -1, *x.shape[1:]), conv.taps, strict=True):
        edges = [(0, 0, 0)] * part.ndim
        for i, axis in enumerate(conv.spatial):
            low = conv.padding[i][0] - tap[i] * conv.gaps[i]
            edges[axis] = (low, conv.positions[i] - low - part.shape[axis], 0)
        total = lax.pad(part, jnp.zeros((), part.dtype), edges) + total
    return total


def _kernel_gradient(conv: Convolution, x: Any, kernel: Any) -> Any:
    x = in_order(x, (conv.batch, *conv.spatial, conv.channels))
    kernel = in_order(kernel, (conv.outputs, *conv.window, conv.inputs))
    count = len(conv.spatial)
    there = conv._replace(batch=0, channels=count + 1, spatial=tuple(range(1, count + 1)))
    x = _padded(there, x)
    columns = beside([window_at(there, x, place) for place in conv.places], 0)
    over = tuple(range(1, count + 2))
    result = _dot(columns, kernel, (over, over), conv)  # XLA transposes the second of them
    result = result.reshape(*conv.positions, -1, len(kernel))
    return in_place(Ordered(result, (*conv.result[2:], conv.result[0], conv.result[1])))


def _dot(a: Any, b: Any, over: Any, conv: Convolution) -> Any:
    """Return a product; its name tells that a program has convolutions."""

    def convolution(a: Any, b: Any) -> Any:
        return lax.dot_general(a, b, (over, ((), ())), **conv.options)

    return jax.jit(convolution)(a, b)


def _padded(conv: Convolution, x: Any) -> Any:
    edges = [(0, 0, 0)] * x.ndim
    for axis, (low, high) in zip(conv.spatial, conv.padding, strict=True):
        edges[axis] = (low, high, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), edges) if any(map(any, edges)) else x


def pooling(name: str, params: dict[str, Any], x: Ordered, shape: Sequence[int]) -> Ordered:
    """Return the result of a pooling, in the order of `x`."""
    there = _permuted(params, x.order)
    return Ordered(poolings.pooling(name, there, x.array, [shape[axis] for axis in x.order]), x.order)


def pooling_gradient(params: dict[str, Any], source: Any, x: Ordered) -> Ordered:
    """Return the gradient of a pooling, in the order of `x` unless its windows would be read in another."""
    moved = [axis for axis in x.order if params["window_dimensions"][axis] > 1]
    if moved != sorted(moved):
        x = Ordered(in_place(x), tuple(range(len(x.order))))
    there, source = _permuted(params, x.order), in_order(source, x.order)
    return Ordered(poolings.pooling_gradient(there, source, x.array), x.order)


BY_AXIS = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")


def _permuted(params: dict[str, Any], order: Sequence[int]) -> dict[str, Any]:
    """Return the parameters of a pooling for axes in an order."""
    changed = {name: tuple(params[name][axis] for axis in order) for name in BY_AXIS if name in params}
    return {**params, **changed}
