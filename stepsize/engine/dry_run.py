"""Trace one update of a model before planning: for one member, and for two at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr

from stepsize.engine.batches import Rows, take_rows
from stepsize.engine.batching.side_by_side import replicated, side_by_side
from stepsize.engine.population import Population
from stepsize.engine.rewriting import CONVOLUTION, operations_in
from stepsize.engine.task import Block
from stepsize.errors import InputError, NoPopulation, ProblemError, first_line, save_traceback


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
        refusal = NoPopulation if "torch" in task.model else ProblemError
        raise refusal(
            f"the model cannot be trained on JAX: {type(error).__name__}: {first_line(error)}; the whole "
            f"message is in {save_traceback()}"
        ) from error
    slower = _slower_side_by_side(traced.jaxpr, {leaf.shape for leaf in jax.tree.leaves(run)})
    if slower:
        return slower
    try:
        jax.eval_shape(two, _two_of(run), shared, data, rows)
    except Exception as error:  # an operation without a batching rule may raise anything
        return f"not side by side: {first_line(error)[:100]}"
    return None


def _slower_side_by_side(jaxpr: Jaxpr, weights: Collection[tuple[int, ...]]) -> str | None:
    """Return which operations of an update take longer for several members at once than one after another.

    `weights` are the shapes of the member's values, in which the gradient of a look-up is added up.
    """
    for operation in operations_in(jaxpr):
        name = operation.primitive.name
        if name == CONVOLUTION:
            return "convolutions"
        if name == "scatter-add" and cast(Any, operation.invars[0].aval).shape in weights:
            return "look-ups"
        if name == "dot_general" and operation.params["dimension_numbers"][1][0]:
            return "attention"  # a product of its own for each row
    return None


def _two_of(run: Any) -> Any:
    """Return the shapes of two runs side by side."""
    return jax.eval_shape(
        lambda: replicated(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), run), 2)
    )
