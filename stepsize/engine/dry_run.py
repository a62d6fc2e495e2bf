"""Trace one update of a model before planning: for one member, and for two at once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from stepsize.engine.batches import Rows, take_rows
from stepsize.engine.batching.side_by_side import replicated, side_by_side
from stepsize.engine.population import Population
from stepsize.engine.task import Block
from stepsize.engine.windows.rewriting import has_convolutions
from stepsize.errors import InputError, ProblemError, first_line, save_traceback


def reason_for_series(population: Population) -> str | None:
    """Return why the members of a population must train one after another, or None if they need not.

    Nothing is computed, only traced.

    Raises: ProblemError if the update of a single member cannot be traced.
    """
    task = population.task
    if task.is_text:
        return None
    rows = jax.ShapeDtypeStruct((min(task.batch_size, task.train_rows),), jnp.int32)
    data = population.member.rows()
    block = Block(rows, rows, rows, {}, None, rows, rows, rows)
    run, shared = population.one()

    def alone(run: Any, shared: Any, data: Rows, rows: jax.Array) -> Any:
        return population.member.update(run, shared, take_rows(data, block, rows))

    def two(runs: Any, shared: Any, data: Rows, rows: jax.Array) -> Any:
        return side_by_side(population.update, 2, run)(runs, shared, take_rows(data, block, rows))

    try:
        traced = jax.make_jaxpr(alone)(run, shared, data, rows)
    except InputError:
        raise
    except Exception as error:  # a user's layer may raise anything
        raise ProblemError(
            f"the model cannot be trained on JAX: {type(error).__name__}: {first_line(error)}; the whole "
            f"message is in {save_traceback()}"
        ) from error
    if has_convolutions(traced.jaxpr):  # side by side they take longer
        return "convolutions"
    try:
        jax.eval_shape(two, _two_of(run), shared, data, rows)
    except Exception as error:  # an operation without a batching rule may raise anything
        return f"not side by side: {first_line(error)[:100]}"
    return None


def _two_of(run: Any) -> Any:
    """Return the shapes of two runs side by side."""
    return jax.eval_shape(
        lambda: replicated(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), run), 2)
    )
