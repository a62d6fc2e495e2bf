"""Try one update of a model before planning: alone, and for several members at once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stepsize.engine.population import MEMBER_AXES, Driven, Population, State, alone
from stepsize.engine.rows import Rows, rows_of, taken
from stepsize.engine.task import Block
from stepsize.errors import InputError, ProblemError
from stepsize.problems.travel import first_line, kept_traceback
from stepsize.schedules import metric


def why_series(population: Population) -> str | None:
    """Say why a user's model cannot train side by side with others; None when it can.

    Nothing is computed, only traced. Raises ProblemError when an update alone cannot be traced.
    """
    task = population.task
    if "text" in task.model:
        return None
    rows = jax.ShapeDtypeStruct((min(task.batch_size, task.train_rows),), jnp.int32)
    rules = metric.PlateauRule(*np.array(metric.NEUTRAL, np.float32)[:, None])
    data = rows_of(task, population.built)
    block = Block(rows, rows, rows, {}, None, rows, rules, rows)

    def update(state: State, rate: jax.Array, data: Rows, rows: jax.Array) -> Any:
        return population.update(taken(data, block, rows), state, Driven(rate, None))

    state = jax.eval_shape(population.start_block, np.uint32(0), rules)
    rates = jax.ShapeDtypeStruct((1,), jnp.float32)
    try:
        jax.eval_shape(lambda s, r, *feed: update(alone(s), r[0], *feed), state, rates, data, rows)
    except InputError:
        raise
    except Exception as error:  # a user's layer may raise anything
        raise ProblemError(
            f"the model cannot be trained on JAX: {type(error).__name__}: {first_line(error)}; the whole "
            f"message is in {kept_traceback()}"
        ) from error
    try:
        jax.eval_shape(
            jax.vmap(update, (MEMBER_AXES, 0, None, None), (MEMBER_AXES, 0)), state, rates, data, rows
        )
    except Exception as error:  # whatever an operation raises that has no rule for several at once
        return f"not side by side: {first_line(error)[:100]}"
    return None
