"""The state of a call between two segments as named arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

Series = tuple[np.ndarray, ...]


def arrays_of(carried: Any, parts: Sequence[Series], epochs: int) -> dict[str, np.ndarray]:
    """Return what a call carries after so many epochs, and the series of these epochs, as arrays."""
    series = [np.concatenate(each, axis=-1) for each in zip(*parts, strict=True)]
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(carried)]
    return {
        "epochs": np.array(epochs),
        **{f"state{number}": leaf for number, leaf in enumerate(leaves)},
        **{f"series{number}": each for number, each in enumerate(series)},
    }


def restored(arrays: Mapping[str, np.ndarray] | None, carried: Any) -> tuple[int, Any, list[Series]] | None:
    """Return epochs, state and series of `arrays`; None if there are none, or they are of another program.

    `carried` is the state before the first epoch, which has the same structure.
    """
    leaves, structure = jax.tree.flatten(carried)
    names = [f"state{number}" for number in range(len(leaves))]
    if arrays is None or not {"epochs", *names} <= arrays.keys() or f"state{len(leaves)}" in arrays:
        return None
    values = [arrays[name] for name in names]
    for number, (value, leaf) in enumerate(zip(values, leaves, strict=True)):
        if value.dtype.kind == "V" and value.dtype.itemsize == leaf.dtype.itemsize:
            values[number] = value.view(leaf.dtype)  # such as bfloat16, which NumPy does not name
        if values[number].shape != leaf.shape or values[number].dtype != leaf.dtype:
            return None
    placed = [jax.device_put(value, leaf.sharding) for value, leaf in zip(values, leaves, strict=True)]
    count = sum(name.startswith("series") for name in arrays)
    series = tuple(arrays[f"series{number}"] for number in range(count))
    return int(arrays["epochs"]), jax.tree.unflatten(structure, placed), [series]
