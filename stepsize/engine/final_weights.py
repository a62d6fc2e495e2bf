"""The weights that a run ends with, and what its model then returns for the validation rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from stepsize.engine.batches import Rows, take_rows
from stepsize.engine.population import Population
from stepsize.engine.scoring import CHUNK
from stepsize.engine.task import Block, Ending


def final_weights(
    population: Population,
    block: Block,
    member: int,
    on_segment: Callable[[float], None] = lambda share: None,
) -> Ending:
    """Train a block as `Population.train` does; return how run number `member` of it ends."""
    (curves,), states = population.run([block], on_segment)
    own = population.member
    state = own.finished(jax.tree.map(lambda leaf: leaf[0, member], states))
    _, shared = own.start(block.seed, block.initial, block.rules)

    @jax.jit
    def outputs(state: Any, shared: Any, data: Rows, block: Block, rows: Any) -> jax.Array:
        return own.predict(state, shared, take_rows(data, block, rows))[1]

    data, size = jax.device_put(own.rows()), max(population.task.batch_size, CHUNK)
    pieces = [block.valid[first : first + size] for first in range(0, len(block.valid), size)]
    with jax.default_matmul_precision("highest"):  # for another framework to compare
        returned = [np.asarray(outputs(state, shared, data, block, rows)) for rows in pieces]
    return Ending(curves, jax.tree.map(np.asarray, own.own_weights(state)), returned)
