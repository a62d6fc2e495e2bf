"""Batches: the data's rows as a compiled program takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from stepsize.engine.task import Array, Block


class Rows(NamedTuple):
    """All rows of the data: inputs by name, targets for the loss and for the metric, weights or None."""

    inputs: Mapping[str, Array]
    y: Array
    scored: Array
    weights: Array | None


class Batch(NamedTuple):
    """Some of the rows, as the model takes them."""

    x: Any
    y: Array
    scored: Array
    weights: Array | None


def take_rows(data: Rows, block: Block, rows: Array) -> Batch:
    """Take rows by number, filled and scaled, with quantities in the block's standardised units."""
    inputs = {}
    for name, array in data.inputs.items():
        x, prepared = array[rows], block.prepared.get(name)
        if prepared is not None:
            fill, shift, scale = prepared
            x = ((x if fill is None else jnp.where(jnp.isnan(x), fill, x)) - shift) / scale
        inputs[name] = x
    y, scored = data.y[rows], data.scored[rows]
    if block.target is not None:
        shift, scale = block.target
        y = (y - shift) / scale
    x = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    return Batch(x, y, scored, None if data.weights is None else data.weights[rows])
