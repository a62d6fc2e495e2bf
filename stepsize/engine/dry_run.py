"""Trace one update of a model before planning: for one member, and for two at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from stepsize.engine.batches import Rows, all_rows, take_rows
from stepsize.engine.batching.side_by_side import replicated, side_by_side
from stepsize.engine.population import Population
from stepsize.engine.task import Block
from stepsize.errors import InputError, ProblemError, first_line, save_traceback


def reason_for_series(population: Population) -> str | None:
    """Return why the members of a population must train one after another; None if they need not.

    Nothing is computed, only traced.

    Raises: ProblemError if the update of a single member cannot be traced.
    """
    task = population.task
    convolves = any(len(variable.shape) > 3 for variable in population.member.model.trainable_variables)
    reason = "convolutions" if convolves else None  # side by side they take up to 1.4 times as long
    if "text" in task.model:
        return reason
    rows = jax.ShapeDtypeStruct((min(task.batch_size, task.train_rows),), jnp.int32)
    data = all_rows(task, population.member.built)
    block = Block(rows, rows, rows, {}, None, rows, rows, rows)
    run, generators = population.one()

    def update(members: int, runs: Any, generators: Any, data: Rows, rows: jax.Array) -> Any:
        together = side_by_side(population.member.update, members, run)
        return together(runs, generators, take_rows(data, block, rows))

    def trace(members: int) -> None:
        runs = jax.eval_shape(
            lambda: replicated(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), run), members)
        )
        jax.eval_shape(partial(update, members), runs, generators, data, rows)

    try:
        trace(1)
    except InputError:
        raise
    except Exception as error:  # a user's layer may raise anything
        raise ProblemError(
            f"the model cannot be trained on JAX: {type(error).__name__}: {first_line(error)}; the whole "
            f"message is in {save_traceback()}"
        ) from error
    try:
        trace(2)
    except Exception as error:  # an operation without a batching rule may raise anything
        return f"not side by side: {first_line(error)[:100]}"
    return reason
