"""Rows whose loss is not finite before the first update, which no learning rate can help."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from stepsize.engine.batches import Batch, Rows, take_rows
from stepsize.engine.member import Member
from stepsize.engine.row_check import CHUNK, refuse
from stepsize.engine.task import Block, Curves
from stepsize.schedules.plateau_rule import NEUTRAL


def lost_together(curves: Curves, per_epoch: int) -> bool:
    """Return whether all runs of a block were lost in a way that points to a single row, not to their rates.

    Either all of them diverged at the same update of the first epoch, the one that uses the row, or their
    predictions are not finite at the end of that epoch. `per_epoch` is the number of updates per epoch.
    """
    first = curves.diverged_at[0]
    at_one_update = bool((curves.diverged_at == first).all() and 0 <= first < per_epoch)
    return at_one_update or bool(np.isnan(curves.metric[:, 0]).all())


def require_finite_losses(member: Member, data: Rows, block: Block) -> None:
    """Raise ProblemError for the first row of a block whose loss or prediction is not finite at the start."""
    evaluate = _evaluator(member, data, block)
    rows = np.concatenate([block.order[0], block.valid])
    for first in range(0, len(rows), CHUNK):
        chunk = rows[first : first + CHUNK]
        if all(evaluate(np.resize(chunk, CHUNK))):
            continue
        for row in chunk:
            loss, output = evaluate(np.full(CHUNK, row))
            if not (loss and output):
                refuse(int(row), np.asarray(data.y[row]).tolist(), output)


def _evaluator(member: Member, data: Rows, block: Block) -> Callable[[np.ndarray], tuple[bool, bool]]:
    """Return a function that returns whether the mean loss of rows, and all their predictions, are finite."""
    state, shared = member.start(block.seed, block.initial, NEUTRAL)

    @jax.jit
    def are_finite(batch: Batch) -> tuple[jax.Array, jax.Array]:
        loss, predicted = member.predict(state, shared, batch)
        return jnp.isfinite(loss), jnp.isfinite(predicted).all()

    def evaluate(rows: np.ndarray) -> tuple[bool, bool]:
        loss, output = are_finite(take_rows(data, block, rows))
        return bool(loss), bool(output)

    return evaluate
