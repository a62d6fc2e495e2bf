"""A metric of the user's own: the mean over rows of an exported function of outputs and targets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from stepsize.engine.torch.interpreter import run
from stepsize.problems.torch.graph import Graph


class GraphMetric:
    """A `RunningMetric` of a graph that has one number for each row.

    `output_shape` is that of a row's outputs as the model returns them.
    """

    def __init__(self, graph: Graph, output_shape: tuple[int, ...]) -> None:
        self._graph, self._shape = graph, output_shape

    def start(self, rows: int) -> list[jax.Array]:
        """Return the sum over no rows, and their number."""
        return [jnp.float32(0), jnp.float32(0)]

    def add(self, state: list[jax.Array], y: jax.Array, predicted: jax.Array, target: Any) -> list[jax.Array]:
        """Add rows."""
        outputs = predicted.reshape(len(predicted), *self._shape)
        values, _, _ = run(self._graph, {}, {}, [outputs, y], jax.random.key(0))
        return [state[0] + values.astype(jnp.float32).sum(), state[1] + len(y)]

    def result(self, state: list[jax.Array]) -> jax.Array:
        """Return the mean."""
        return state[0] / state[1]
