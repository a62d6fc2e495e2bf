"""Shapes: views, joins and splits, and new tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array


def flatten(x: Array, first: int = 0, last: int = -1) -> Array:
    first, last = first % max(x.ndim, 1), last % max(x.ndim, 1)
    return x.reshape(*x.shape[:first], -1, *x.shape[last + 1 :])


def unflatten(x: Array, axis: int, sizes: Sequence[int]) -> Array:
    axis %= x.ndim
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])


def squeeze(x: Array, axes: int | Sequence[int] | None = None) -> Array:
    axes = range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    return x.squeeze(tuple(i for i in axes if x.shape[i] == 1))


def expand(x: Array, sizes: Sequence[int], implicit: bool = False) -> Array:
    own = (1,) * (len(sizes) - x.ndim) + x.shape
    return jnp.broadcast_to(x, [n if size == -1 else size for size, n in zip(sizes, own, strict=True)])


def repeat(x: Array, counts: Sequence[int]) -> Array:
    return jnp.tile(x, tuple(counts))


def split(x: Array, size: int | Sequence[int], axis: int = 0) -> list[Array]:
    length = x.shape[axis]
    if isinstance(size, int):
        return jnp.split(x, list(range(size, length, size)), axis)
    return jnp.split(x, np.cumsum(size)[:-1], axis)


def chunk(x: Array, count: int, axis: int = 0) -> list[Array]:
    return split(x, max(-(-x.shape[axis] // count), 1), axis)


def unbind(x: Array, axis: int = 0) -> list[Array]:
    return list(jnp.moveaxis(x, axis, 0))


def roll(x: Array, shifts: Sequence[int], axes: Sequence[int] = ()) -> Array:
    if not axes:
        return jnp.roll(x.reshape(-1), shifts[0] if not isinstance(shifts, int) else shifts).reshape(x.shape)
    return jnp.roll(x, tuple(shifts), tuple(axes))


def repeat_interleave(
    x: Array, counts: int, axis: int | None = None, output_size: int | None = None
) -> Array:
    return jnp.repeat(x, counts, axis)


def movedim(x: Array, source: Any, target: Any) -> Array:
    return jnp.moveaxis(x, source, target)


def concatenate(arrays: Sequence[Array], axis: int = 0) -> Array:
    arrays = [a for a in arrays if a.shape != (0,)] or list(arrays)
    return jnp.concatenate(arrays, axis)


def arange(*bounds: float, dtype: Any = None) -> Array:
    whole = all(isinstance(bound, int) for bound in bounds)
    return jnp.arange(*bounds, dtype=dtype or (jnp.int32 if whole else jnp.float32))


def full(shape: Sequence[int], value: Any, dtype: Any = None) -> Array:
    return jnp.full(tuple(shape), value, dtype or _type_of(value))


def _type_of(value: Any) -> Any:
    return jnp.bool_ if isinstance(value, bool) else jnp.int32 if isinstance(value, int) else jnp.float32


def filled(value: float, shape: Sequence[int], dtype: Any = None) -> Array:
    return jnp.full(tuple(shape), value, dtype or jnp.float32)


def filled_like(value: float, x: Array, dtype: Any = None) -> Array:
    return jnp.full(x.shape, value, dtype or x.dtype)


def new_filled(value: float, x: Array, shape: Sequence[int], dtype: Any = None) -> Array:
    return jnp.full(tuple(shape), value, dtype or x.dtype)


def meshgrid(arrays: Sequence[Array], indexing: str = "ij") -> list[Array]:
    return jnp.meshgrid(*arrays, indexing=indexing)


SHAPES: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(
        ("view", "reshape", "_unsafe_view", "view_copy"), lambda x, shape: x.reshape(tuple(shape))
    ),
    "view_as": lambda x, other: x.reshape(other.shape),
    "flatten": flatten,
    "unflatten": unflatten,
    "squeeze": squeeze,
    "unsqueeze": lambda x, axis: jnp.expand_dims(x, axis),
    "permute": lambda x, axes: x.transpose(tuple(axes)),
    "transpose": jnp.swapaxes,
    "t": lambda x: x.T,
    "numpy_T": lambda x: x.T,
    "mT": lambda x: x.swapaxes(-1, -2),
    "movedim": movedim,
    "moveaxis": movedim,
    "expand": expand,
    "expand_as": lambda x, other: jnp.broadcast_to(x, other.shape),
    "broadcast_to": lambda x, shape: expand(x, shape),
    "broadcast_tensors": lambda arrays: jnp.broadcast_arrays(*arrays),
    "repeat": repeat,
    "tile": repeat,
    "repeat_interleave": repeat_interleave,
    "cat": concatenate,
    "concat": concatenate,
    "stack": lambda arrays, axis=0: jnp.stack(arrays, axis),
    "hstack": jnp.hstack,
    "vstack": jnp.vstack,
    "split": split,
    "split_with_sizes": split,
    "chunk": chunk,
    "unbind": unbind,
    "flip": lambda x, axes: jnp.flip(x, tuple(axes)),
    "roll": roll,
    "meshgrid": meshgrid,
    "sym_size": lambda x, axis: x.shape[axis],
    "sym_numel": lambda x: prod(x.shape),
    "numel": lambda x: prod(x.shape),
    "arange": arange,
    "linspace": lambda start, end, count, dtype=None: jnp.linspace(start, end, count, dtype=jnp.float32),
    "eye": lambda rows, columns=None, dtype=None: jnp.eye(rows, columns, dtype=dtype or jnp.float32),
    "full": full,
    "scalar_tensor": lambda value, dtype=None: jnp.asarray(value, dtype or jnp.float32),
    "full_like": lambda x, value, dtype=None: filled_like(value, x, dtype),
    "fill": lambda x, value: filled_like(value, x),
    "new_full": lambda x, shape, value, dtype=None: new_filled(value, x, shape, dtype),
    **{name: partial(filled, value) for name, value in (("zeros", 0), ("ones", 1), ("empty", 0))},
    **{f"{name}_like": partial(filled_like, v) for name, v in (("zeros", 0), ("ones", 1), ("empty", 0))},
    **{f"new_{name}": partial(new_filled, v) for name, v in (("zeros", 0), ("ones", 1), ("empty", 0))},
}
