"""Try one update of a model before planning: alone, and for several members at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from stepsize.engine.batches import Rows, rows_of, taken
from stepsize.engine.batching.side_by_side import replicated, side_by_side
from stepsize.engine.population import Population
from stepsize.engine.task import Block
from stepsize.errors import InputError, ProblemError
from stepsize.problems.models.model_transport import first_line, kept_traceback


def why_series(population: Population) -> str | None:
    """Say why a user's model cannot train side by side with others; None when it can.

    Nothing is computed, only traced. Raises ProblemError when an update alone cannot be traced.
    """
    task = population.task
    convolves = any(len(variable.shape) > 3 for variable in population.member.model.trainable_variables)
    usual = "convolutions" if convolves else None  # side by side they take up to 1.4 times as long
    if "text" in task.model:
        return usual
    rows = jax.ShapeDtypeStruct((min(task.batch_size, task.train_rows),), jnp.int32)
    data = rows_of(task, population.member.built)
    block = Block(rows, rows, rows, {}, None, rows, rows, rows)
    own, generators = population.one()

    def update(members: int, own: Any, generators: Any, data: Rows, rows: jax.Array) -> Any:
        together = side_by_side(population.member.update, members, population.one()[0])
        return together(own, generators, taken(data, block, rows))

    def traced(members: int) -> None:
        several = jax.eval_shape(
            lambda: replicated(jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), own), members)
        )
        jax.eval_shape(partial(update, members), several, generators, data, rows)

    try:
        traced(1)
    except InputError:
        raise
    except Exception as error:  # a user's layer may raise anything
        raise ProblemError(
            f"the model cannot be trained on JAX: {type(error).__name__}: {first_line(error)}; the whole "
            f"message is in {kept_traceback()}"
        ) from error
    try:
        traced(2)
    except Exception as error:  # whatever an operation raises that has no rule for several at once
        return f"not side by side: {first_line(error)[:100]}"
    return usual
