"""The area under the ROC curve inside compiled programs, exact: Keras' own takes it from 200 thresholds."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from stepsize.engine.task import Array


class RocArea:
    """A `RunningMetric`: how often a right output is above a wrong one, where ties count half.

    Of two classes it is the second one's; of more, and of labels, all outputs of all rows are one list.
    `columns` is the number of outputs of a row that count. `link` is as in `Scorer`.
    """

    def __init__(self, kind: str, columns: int, link: str | None) -> None:
        self._columns = 1 if kind == "binary" else columns
        self._link = link

    def start(self, rows: int) -> list[jax.Array]:
        """Return the state that keeps outputs and targets of so many rows."""
        shape = rows, self._columns
        return [jnp.zeros(shape, jnp.float32), jnp.zeros(shape, bool)]

    def add(
        self, state: list[jax.Array], y: jax.Array, predicted: jax.Array, target: tuple[Array, Array] | None
    ) -> list[jax.Array]:
        """Add rows behind the others; as many leave at the front."""
        if self._link is not None:
            predicted = getattr(jax.nn, self._link)(predicted)
        new: tuple[Any, Any] = predicted.astype(jnp.float32), y > 0.5
        return [
            jnp.concatenate([old[len(rows) :], rows[:, -self._columns :]])
            for old, rows in zip(state, new, strict=True)
        ]

    def result(self, state: list[jax.Array]) -> jax.Array:
        """Return the area; NaN if all outputs are right, or all wrong."""
        outputs, are_right = (values.ravel() for values in state)
        outputs, are_right = jax.lax.sort((outputs, are_right), num_keys=1)
        begins = jnp.concatenate([jnp.array([True]), outputs[1:] != outputs[:-1]])  # a value; then its ties
        ends = jnp.concatenate([begins[1:], jnp.array([True])])
        wrong = jnp.cumsum(~are_right, dtype=jnp.int32)
        total, most = wrong[-1], jnp.iinfo(jnp.int32).max
        below = jax.lax.cummax(jnp.where(begins, wrong - ~are_right, 0))
        upto = jax.lax.cummin(jnp.where(ends, wrong, most), reverse=True)
        beaten = (below + upto) / (2 * total)
        return jnp.where(are_right, beaten, 0).sum() / are_right.sum()
