"""Convolutions in the form that is fastest inside a loop on a CPU.

XLA has a fast convolution for images in one order of the axes: batch, places, channels. Outside a loop it
brings every convolution into that order; inside a loop it does not, and falls back on one that is many times
slower. So a convolution of images is brought into that order here (*ordered*). Of other convolutions XLA's is
not fast in any order, while its products are. They become one product, in the form that makes the least
intermediate:

- *gather*: the pixels under the window are put beside each other, [positions, window * channels], and
  multiplied with the kernel;
- *scatter*: every pixel is multiplied with the kernel, [pixels, window * outputs], and the results are added
  up where they belong; pixels that a dilation would put between the others are never multiplied;
- *correlate*: for few positions and a large window, as in the gradient of a kernel, the shifted images are
  put beside each other, [positions * batch, window * channels], and multiplied with the kernel.

A convolution in JAX includes both its gradients, which are convolutions themselves. The formulas and the
meaning of the parameters are those of `jax.lax.conv_general_dilated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from stepsize.engine.windows.slicing import in_pieces, slices, sum_of_pieces

IMAGE, WINDOW = (0, 3, 1, 2), (3, 2, 0, 1)  # batch, places, channels; window, inputs, outputs
ORDER = lax.ConvDimensionNumbers(IMAGE, WINDOW, IMAGE)
MOST_SLICES = 256  # of one convolution; one that needs more is left to XLA

Axes = tuple[int, ...]
Named = tuple[Any, list[str]]
"""An array and the names of its axes: `batch`, `group`, `feature`, `at` (all positions), or `at0`, ..."""


class Convolution(NamedTuple):
    """The parameters of a convolution; `batch`, `channels`, ... are axes of its operands and its result."""

    batch: int
    channels: int
    spatial: Axes
    outputs: int
    inputs: int
    window: Axes
    result: Axes
    lengths: Axes  # of the window
    positions: Axes
    strides: Axes
    padding: tuple[tuple[int, int], ...]
    spread: Axes  # of the pixels, `lhs_dilation`
    gaps: Axes  # of the window, `rhs_dilation`
    groups: int
    batch_groups: int
    shape: Axes  # of the result
    options: dict[str, Any]  # of the product

    @property
    def taps(self) -> list[Axes]:
        """The places of the window."""
        return list(product(*map(range, self.lengths)))

    @property
    def places(self) -> list[Axes]:
        """The positions of the result."""
        return list(product(*map(range, self.positions)))


def read_convolution(params: dict[str, Any], x: Any, kernel: Any, shape: Sequence[int]) -> Convolution:
    """Return the parameters of a `conv_general_dilated` whose result has this shape."""
    (batch, channels, *spatial), (outputs, inputs, *window), result = params["dimension_numbers"]
    return Convolution(
        batch,
        channels,
        tuple(spatial),
        outputs,
        inputs,
        tuple(window),
        tuple(result),
        tuple(kernel.shape[axis] for axis in window),
        tuple(shape[axis] for axis in result[2:]),
        tuple(params["window_strides"]),
        tuple(params["padding"]),
        tuple(params["lhs_dilation"]),
        tuple(params["rhs_dilation"]),
        params["feature_group_count"],
        params["batch_group_count"],
        tuple(shape),
        {name: params[name] for name in ("precision", "preferred_element_type")},
    )


def is_rewritten(params: dict[str, Any], x: Any, kernel: Any, shape: Sequence[int]) -> bool:
    """Return whether a convolution gets another form: it is not fast, and does not need too many slices."""
    conv = read_convolution(params, x, kernel, shape)
    places, taps = prod(conv.positions), prod(conv.lengths)
    if _can_be_ordered(conv):
        return params["dimension_numbers"] != ORDER
    return (places if conv.batch_groups > 1 else min(taps, places)) <= MOST_SLICES


def convolution(params: dict[str, Any], x: Any, kernel: Any, shape: Sequence[int]) -> Any:
    """Return the result of a `conv_general_dilated` with these parameters."""
    conv = read_convolution(params, x, kernel, shape)
    places, taps = prod(conv.positions), prod(conv.lengths)
    if _can_be_ordered(conv):
        return _arranged(conv, *_ordered(conv, x, kernel))
    if conv.batch_groups > 1 or places < taps:
        return _arranged(conv, *_correlate(conv, x, kernel))
    pixels = prod(x.shape[axis] for axis in conv.spatial)
    gathered, scattered = places * x.shape[conv.channels], pixels * kernel.shape[conv.outputs]
    if conv.groups == 1 and set(conv.strides) == {1} and taps > 1 and scattered <= gathered:
        return _arranged(conv, *_scatter(conv, x, kernel))
    if conv.groups == x.shape[conv.channels] > 1:
        return _arranged(conv, *_depthwise(conv, x, kernel))
    return _arranged(conv, *_gather(conv, x, kernel))


# -- the forms -------------------------------------------------------------------------------------------


def _can_be_ordered(conv: Convolution) -> bool:
    """Return whether XLA has a fast form: for images, in one group, with no pixels put between the others."""
    is_grouped = conv.groups * conv.batch_groups > 1
    return len(conv.spatial) == 2 and not is_grouped and set(conv.spread) == {1} and prod(conv.lengths) > 1


def _ordered(conv: Convolution, x: Any, kernel: Any) -> Named:
    result = lax.conv_general_dilated(
        x.transpose(conv.batch, *conv.spatial, conv.channels),
        kernel.transpose(*conv.window, conv.inputs, conv.outputs),
        conv.strides,
        conv.padding,
        rhs_dilation=conv.gaps,
        dimension_numbers=ORDER,
        **conv.options,
    )
    return result, ["batch", "at0", "at1", "feature"]


def _gather(conv: Convolution, x: Any, kernel: Any) -> Named:
    x, names = _padded(conv, x), _names(conv)
    matrix = kernel.transpose(*conv.window, conv.inputs, conv.outputs)
    matrix = matrix.reshape(-1, conv.groups, kernel.shape[conv.outputs] // conv.groups).swapaxes(0, 1)

    def multiplied(x: Any) -> Any:
        parts = [_split(under(conv, x, tap), conv.channels, conv.groups) for tap in conv.taps]
        columns = beside(parts, conv.channels + 1)
        if conv.groups == 1:
            return _dot(columns.squeeze(conv.channels), matrix[0], ((conv.channels,), (0,)), conv)
        batched = ((conv.channels,), (0,))
        return _dot(columns, matrix, ((conv.channels + 1,), (1,)), conv, batched)

    size = prod(conv.positions) * len(conv.taps) * x.shape[conv.batch] * x.shape[conv.channels]
    if conv.groups > 1:  # the product has the group in front
        return multiplied(x), ["group", *names, "feature"]
    return in_pieces(multiplied, x, conv.batch, size), [*names, "feature"]


def _scatter(conv: Convolution, x: Any, kernel: Any) -> Named:
    outputs = kernel.shape[conv.outputs]
    matrix = kernel.transpose(conv.inputs, *conv.window, conv.outputs).reshape(kernel.shape[conv.inputs], -1)
    names = _names(conv)
    axes = [names.index(f"at{i}") for i in range(len(conv.spatial))]

    def multiplied(x: Any) -> Any:
        everywhere = _dot(x, matrix, ((conv.channels,), (0,)), conv)
        total: Any = 0
        for number, tap in enumerate(conv.taps):
            part = lax.slice_in_dim(everywhere, number * outputs, (number + 1) * outputs, axis=-1)
            edges = [(0, 0, 0)] * part.ndim
            for i, axis in enumerate(axes):
                low = conv.padding[i][0] - tap[i] * conv.gaps[i]
                length = (part.shape[axis] - 1) * conv.spread[i] + 1
                edges[axis] = (low, conv.positions[i] - low - length, conv.spread[i] - 1)
            total = lax.pad(part, jnp.zeros((), part.dtype), edges) + total
        return total

    size = x.size // x.shape[conv.channels] * matrix.shape[1]
    return in_pieces(multiplied, x, conv.batch, size), [*names, "feature"]


def _correlate(conv: Convolution, x: Any, kernel: Any) -> Named:
    x = _padded(conv, x)
    if x.shape[conv.batch] == conv.batch_groups > 1 and conv.groups == 1:
        return _correlate_depthwise(conv, x, kernel)
    grouped = conv.batch if conv.batch_groups > 1 else conv.channels
    groups = conv.groups * conv.batch_groups
    summed = [conv.channels, *conv.spatial]
    after = [axis + (axis > grouped) for axis in range(x.ndim)]  # one axis more from the groups on
    after[grouped] += 1
    order = [conv.outputs + 1] + [axis + (axis > conv.outputs) for axis in (conv.inputs, *conv.window)]

    def multiplied(arrays: tuple[Any, Any]) -> Any:
        x, kernel = arrays
        parts = [_split(window_at(conv, x, place), grouped, groups) for place in conv.places]
        columns, matrix = beside(parts, after[conv.batch]), _split(kernel, conv.outputs, groups)
        over = tuple(after[axis] for axis in summed), tuple(order[1:])
        if groups > 1:
            return _dot(columns, matrix, over, conv, ((grouped,), (conv.outputs,)))
        columns, matrix = columns.squeeze(grouped), matrix.squeeze(conv.outputs)
        return _dot(columns, matrix, (tuple(summed), (conv.inputs, *conv.window)), conv)

    size = len(conv.places) * len(conv.taps) * x.shape[conv.batch] * x.shape[conv.channels]
    if groups == 1 and conv.channels == conv.inputs == 0:
        product = sum_of_pieces(multiplied, (x, kernel), size)
    else:
        product = multiplied((x, kernel))
    rest = (len(conv.places), x.shape[conv.batch] // conv.batch_groups, -1)
    if groups == 1:
        return product.reshape(rest), ["at", "batch", "feature"]
    return product.reshape(groups, *rest), ["group", "at", "batch", "feature"]


def _depthwise(conv: Convolution, x: Any, kernel: Any) -> Named:
    """Return the result of a window for every channel: a sum over the window, without a product."""
    x, names = _padded(conv, x), _names(conv)
    factors = kernel.transpose(*conv.window, conv.inputs, conv.outputs)
    factors = factors.reshape(len(conv.taps), conv.groups, -1)
    total: Any = 0
    for tap, factor in zip(conv.taps, factors, strict=True):
        part = jnp.moveaxis(under(conv, x, tap), conv.channels, -1)
        total = part[..., None] * factor + total
    return total, [*names, "group", "feature"]


def _correlate_depthwise(conv: Convolution, x: Any, kernel: Any) -> Named:
    """Return the gradient of a depthwise kernel: a sum over batch and positions for every channel."""
    factor = _split(
        kernel.transpose(conv.inputs, *conv.window, conv.outputs), kernel.ndim - 1, conv.batch_groups
    )
    order = (conv.channels, *conv.spatial, conv.batch)
    parts = [
        (window_at(conv, x, place).transpose(order)[..., None] * factor).sum(tuple(range(x.ndim - 1)))
        for place in conv.places
    ]
    return jnp.stack(parts)[:, None], ["at", "batch", "group", "feature"]


# -- their parts -----------------------------------------------------------------------------------------


def _padded(conv: Convolution, x: Any) -> Any:
    edges = [(0, 0, 0)] * x.ndim
    for axis, (low, high), spread in zip(conv.spatial, conv.padding, conv.spread, strict=True):
        edges[axis] = (low, high, spread - 1)
    return lax.pad(x, jnp.zeros((), x.dtype), edges) if any(map(any, edges)) else x


def under(conv: Convolution, x: Any, tap: Axes) -> Any:
    """Return the pixels that one place of the window meets at all positions."""
    starts = [at * gap for at, gap in zip(tap, conv.gaps, strict=True)]
    return slices(x, conv.spatial, starts, conv.strides, conv.positions)


def window_at(conv: Convolution, x: Any, place: Axes) -> Any:
    """Return the pixels that the whole window meets at one position."""
    starts = [at * stride for at, stride in zip(place, conv.strides, strict=True)]
    return slices(x, conv.spatial, starts, conv.gaps, conv.lengths)


def _split(x: Any, axis: int, groups: int) -> Any:
    """Return an array with an axis cut into [groups, rest]."""
    return x.reshape(*x.shape[:axis], groups, -1, *x.shape[axis + 1 :])


def beside(parts: list[Any], axis: int) -> Any:
    return parts[0] if len(parts) == 1 else lax.concatenate(parts, axis)


def _dot(a: Any, b: Any, over: Any, conv: Convolution, batched: Any = ((), ())) -> Any:
    return lax.dot_general(a, b, (over, batched), **conv.options)


def _names(conv: Convolution) -> list[str]:
    """Return the names of the axes of the image without its channels, in their order."""
    names = {conv.batch: "batch", **{axis: f"at{i}" for i, axis in enumerate(conv.spatial)}}
    return [names[axis] for axis in sorted(names)]


def _arranged(conv: Convolution, array: Any, names: list[str]) -> Any:
    """Return an array with named axes as the convolution's result has them."""
    if "at" in names:
        at = names.index("at")
        array = array.reshape(*array.shape[:at], *conv.positions, *array.shape[at + 1 :])
        names = [*names[:at], *(f"at{i}" for i in range(len(conv.positions))), *names[at + 1 :]]
    wanted = {conv.result[0]: ["batch"], conv.result[1]: ["group", "feature"]}
    wanted.update({axis: [f"at{i}"] for i, axis in enumerate(conv.result[2:])})
    order = [names.index(name) for axis in sorted(wanted) for name in wanted[axis] if name in names]
    return array.transpose(order).reshape(conv.shape)
