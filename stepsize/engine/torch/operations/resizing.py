"""Up-sampling, padding, and channels that become pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

Factors = Sequence[float] | None


def targets(
    x: Array, axes: int, size: Sequence[int] | None, factors: Factors
) -> list[tuple[int, int, float]]:
    """Return the length of each axis before and after, and how far one step of the result goes."""
    lengths = x.shape[-axes:]
    if size is not None:
        return [(n, m, n / m) for n, m in zip(lengths, size, strict=True)]
    return [(n, int(n * f), 1 / f) for n, f in zip(lengths, factors or (), strict=True)]


def nearest(shift: float, axes: int, x: Array, size: Any = None, factors: Factors = None) -> Array:
    for axis, (length, target, step) in enumerate(targets(x, axes, size, factors), x.ndim - axes):
        if shift == 0 and axes < 3 and target in (length, 2 * length):
            step = length / target  # whatever the factor is; PyTorch does so in one and two dimensions
        places = np.floor((np.arange(target, dtype=np.float32) + np.float32(shift)) * np.float32(step))
        x = jnp.take(x, np.minimum(places.astype(int), length - 1), axis)
    return x


def centres(length: int, target: int, step: float, align_corners: bool) -> np.ndarray:
    """Return where each element of the result lies on the axis of the input."""
    if align_corners:
        return np.arange(target, dtype=np.float32) * np.float32((length - 1) / max(target - 1, 1))
    return (np.arange(target, dtype=np.float32) + np.float32(0.5)) * np.float32(step) - np.float32(0.5)


def combined(x: Array, axis: int, places: np.ndarray, shares: np.ndarray) -> Array:
    """Return sums of elements along an axis: `shares` [target, n] of the elements at `places`."""
    matrix = np.zeros((len(places), x.shape[axis]), np.float32)
    for column in range(places.shape[1]):
        np.add.at(matrix, (np.arange(len(places)), places[:, column]), shares[:, column])
    return jnp.moveaxis(jnp.tensordot(x, matrix, ([axis], [1])), -1, axis)


def linear(axes: int, x: Array, size: Any, align_corners: bool, factors: Factors = None) -> Array:
    for axis, (length, target, step) in enumerate(targets(x, axes, size, factors), x.ndim - axes):
        at = np.maximum(centres(length, target, step, align_corners), 0)
        low = np.minimum(at.astype(int), length - 1)
        share = np.clip(at - low, 0, 1)
        places = np.stack([low, np.minimum(low + 1, length - 1)], axis=1)
        x = combined(x, axis, places, np.stack([1 - share, share], axis=1))
    return x


def cubic(x: Array, size: Any, align_corners: bool, factors: Factors = None, a: float = -0.75) -> Array:
    for axis, (length, target, step) in enumerate(targets(x, 2, size, factors), x.ndim - 2):
        at = centres(length, target, step, align_corners)
        low = np.floor(at).astype(int)
        distance = np.abs((at - low)[:, None] - np.arange(-1, 3))
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * a - 4 * a
        places = np.clip(low[:, None] + np.arange(-1, 3), 0, length - 1)
        x = combined(x, axis, places, np.where(distance <= 1, near, far).astype(np.float32))
    return x


def pad(x: Array, sizes: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """Return x with padding; PyTorch lists the last axis first, and negative sizes cut."""
    pairs = [(0, 0)] * (x.ndim - len(sizes) // 2)
    pairs += [(sizes[i], sizes[i + 1]) for i in range(len(sizes) - 2, -1, -2)]
    cuts = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True)]
    x, pairs = x[tuple(cuts)], [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode == "constant":
        return jnp.pad(x, pairs, constant_values=jnp.asarray(value or 0, x.dtype))
    return jnp.pad(x, pairs, {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode])


def pixel_shuffle(x: Array, factor: int) -> Array:
    *lead, channels, height, width = x.shape
    y = x.reshape(*lead, channels // factor**2, factor, factor, height, width)
    n = len(lead)
    y = y.transpose(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return y.reshape(*lead, channels // factor**2, height * factor, width * factor)


def pixel_unshuffle(x: Array, factor: int) -> Array:
    *lead, channels, height, width = x.shape
    y = x.reshape(*lead, channels, height // factor, factor, width // factor, factor)
    n = len(lead)
    y = y.transpose(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return y.reshape(*lead, channels * factor**2, height // factor, width // factor)


def channel_shuffle(x: Array, groups: int) -> Array:
    rows, channels, *rest = x.shape
    return x.reshape(rows, groups, channels // groups, *rest).swapaxes(1, 2).reshape(x.shape)


RESIZING: Mapping[str, Callable[..., Any]] = {
    **{f"upsample_nearest{axes}d": partial(nearest, 0.0, axes) for axes in (1, 2, 3)},
    **{f"_upsample_nearest_exact{axes}d": partial(nearest, 0.5, axes) for axes in (1, 2, 3)},
    "upsample_linear1d": partial(linear, 1),
    "upsample_bilinear2d": partial(linear, 2),
    "upsample_trilinear3d": partial(linear, 3),
    "upsample_bicubic2d": cubic,
    "pad": pad,
    "constant_pad_nd": lambda x, sizes, value=0: pad(x, sizes, "constant", value),
    **{f"reflection_pad{axes}d": partial(pad, mode="reflect") for axes in (1, 2, 3)},
    **{f"replication_pad{axes}d": partial(pad, mode="replicate") for axes in (1, 2, 3)},
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
}
