"""Rows that no learning rate can help, because a model that has not been trained is not finite for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from stepsize.engine.row_check import CHUNK, refuse

Evaluate = Callable[[np.ndarray], tuple[torch.Tensor | None, torch.Tensor]]
"""From the numbers of rows to their loss and their outputs."""


def check_rows(evaluate: Evaluate, rows: np.ndarray, targets: torch.Tensor) -> None:
    """Raise ProblemError for the first of some rows whose loss or output is not finite before training."""
    for first in range(0, len(rows), CHUNK):
        chunk = rows[first : first + CHUNK]
        if all(_are_finite(evaluate, chunk)):
            continue
        for row in chunk:
            loss, output = _are_finite(evaluate, np.array([row]))
            if not (loss and output):
                refuse(int(row), targets[int(row)].tolist(), output)


def _are_finite(evaluate: Evaluate, rows: np.ndarray) -> tuple[bool, bool]:
    """Return whether the loss of rows, and all their outputs, are finite."""
    loss, outputs = evaluate(rows)
    return loss is not None and bool(loss.isfinite()), bool(outputs.isfinite().all())
