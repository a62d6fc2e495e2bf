"""Looking values up and putting them: slices, indices, embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def along(x: Array, axis: int, place: Any) -> tuple[Any, ...]:
    """Return the index with `place` at one axis, and everything at the others."""
    return (slice(None),) * (axis % x.ndim) + (place,)


def part(x: Array, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Array:
    if start in (None, 0) and step == 1 and (end is None or end >= x.shape[axis]):
        return x
    return x[along(x, axis, slice(start, end, step))]


def slice_scatter(
    x: Array, y: Array, axis: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Array:
    return x.at[along(x, axis, slice(start, end, step))].set(y)


def index(x: Array, indices: Sequence[Array | None]) -> Array:
    return x[tuple(slice(None) if i is None else _known(i) for i in indices)]


def index_put(x: Array, indices: Sequence[Array | None], values: Array, accumulate: bool = False) -> Array:
    if (
        len(indices) == 1
        and indices[0] is not None
        and indices[0].dtype == jnp.bool_
        and jnp.size(values) == 1
    ):
        mask = indices[0].reshape(*indices[0].shape, *[1] * (x.ndim - indices[0].ndim))
        return jnp.where(mask, x + values if accumulate else values, x)
    at = x.at[tuple(slice(None) if i is None else _known(i) for i in indices)]
    return at.add(values) if accumulate else at.set(values)


def _known(indices: Array) -> Array:
    if indices.dtype == jnp.bool_:
        raise ValueError(
            "the number of elements depends on the data; use torch.where or a product with the mask"
        )
    return indices


def gather(x: Array, axis: int, indices: Array, sparse_grad: bool = False) -> Array:
    cut = tuple(slice(None) if i == axis % x.ndim else slice(n) for i, n in enumerate(indices.shape))
    return jnp.take_along_axis(x[cut], indices, axis)


def _places(indices: Array, axis: int) -> tuple[Array, ...]:
    grid = list(jnp.meshgrid(*[jnp.arange(n) for n in indices.shape], indexing="ij"))
    grid[axis % indices.ndim] = indices
    return tuple(grid)


def _values(source: Any, indices: Array) -> Any:
    return source[tuple(slice(n) for n in indices.shape)] if jnp.ndim(source) else source


def scatter(x: Array, axis: int, indices: Array, source: Any) -> Array:
    return x.at[_places(indices, axis)].set(_values(source, indices))


def scatter_add(x: Array, axis: int, indices: Array, source: Array) -> Array:
    return x.at[_places(indices, axis)].add(_values(source, indices))


def index_add(x: Array, axis: int, indices: Array, source: Array, alpha: float = 1) -> Array:
    return x.at[along(x, axis, indices)].add(alpha * source)


def embedding(
    weight: Array, indices: Array, padding: int = -1, scale_by_frequency: bool = False, sparse: bool = False
) -> Array:
    """Return rows of a table; the padding row gets no gradient."""
    if scale_by_frequency:
        raise NotImplementedError("scale_grad_by_freq=True of an embedding is not supported")
    if sparse:
        raise NotImplementedError("sparse=True of an embedding is not supported; leave it out")
    rows = jnp.take(weight, indices, axis=0)
    if padding < 0:
        return rows
    return jnp.where((indices == padding)[..., None], jax.lax.stop_gradient(rows), rows)


def embedding_bag(
    weight: Array,
    indices: Array,
    offsets: Array,
    scale_by_frequency: bool = False,
    mode: int = 0,
    sparse: bool = False,
    shares: Array | None = None,
    include_last_offset: bool = False,
    padding: int | None = None,
) -> tuple[Array]:
    """Return the sum, mean or maximum of each bag; bag i begins at `offsets[i]`, padding does not count."""
    bags = len(offsets) - include_last_offset
    bag = jnp.searchsorted(offsets[:bags], jnp.arange(len(indices)), side="right") - 1
    rows = embedding(weight, indices, -1, scale_by_frequency, sparse)
    counts = jnp.ones(len(indices), bool) if padding is None else indices != padding % len(weight)
    if include_last_offset:
        counts &= jnp.arange(len(indices)) < offsets[-1]
    size = jax.ops.segment_sum(counts.astype(jnp.float32), bag, bags)[:, None]
    if mode == 2:
        highest = jax.ops.segment_max(jnp.where(counts[:, None], rows, -jnp.inf), bag, bags)
        return (jnp.where(size > 0, highest, 0.0),)
    if shares is not None:
        rows = rows * shares[:, None]
    sums = jax.ops.segment_sum(jnp.where(counts[:, None], rows, 0.0), bag, bags)
    return (sums if mode == 0 else sums / jnp.maximum(size, 1.0),)


def one_hot(x: Array, classes: int = -1) -> Array:
    if classes < 0:
        raise ValueError("one_hot needs num_classes, because a graph does not know the data")
    return jax.nn.one_hot(x, classes, dtype=jnp.int32)


def triangle(keep: Callable[..., np.ndarray]) -> Callable[..., Array]:
    def masked(x: Array, diagonal: int = 0) -> Array:
        return jnp.where(keep(np.ones(x.shape[-2:], bool), diagonal), x, jnp.zeros((), x.dtype))

    return masked


def diagonal(x: Array, offset: int = 0, first: int = 0, second: int = 1) -> Array:
    return jnp.diagonal(x, offset, first, second)


INDEXING: Mapping[str, Callable[..., Any]] = {
    "select": lambda x, axis, place: x[along(x, axis, place)],
    "slice": part,
    "narrow": lambda x, axis, start, length: part(x, axis, start, start + length),
    "select_scatter": lambda x, y, axis, place: x.at[along(x, axis, place)].set(y),
    "slice_scatter": slice_scatter,
    "index": index,
    "index_put": index_put,
    "index_select": lambda x, axis, indices: jnp.take(x, indices, axis),
    "index_add": index_add,
    "gather": gather,
    "take_along_dim": lambda x, indices, axis=None: jnp.take_along_axis(x, indices, axis),
    "scatter": scatter,
    "scatter_add": scatter_add,
    "masked_fill": lambda x, mask, value: jnp.where(mask, jnp.asarray(value, x.dtype), x),
    "embedding": embedding,
    "embedding_bag": embedding_bag,
    "one_hot": one_hot,
    "tril": triangle(np.tril),
    "triu": triangle(np.triu),
    "diagonal": diagonal,
}
