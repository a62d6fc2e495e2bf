"""The order in which a seed's training rows are drawn into batches."""

from __future__ import annotations

import numpy as np


def batch_order(rows: np.ndarray, seed: int, epochs: int) -> np.ndarray:
    """Return the order in which a seed visits its training rows, [epochs, rows], int32.

    Row e is the e-th permutation drawn from `numpy.random.default_rng(seed)`. An epoch's batches are
    consecutive pieces of its row.

    >>> batch_order(np.array([10, 20, 30]), seed=0, epochs=2).tolist()
    [[30, 10, 20], [30, 20, 10]]
    """
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(len(rows)), (epochs, 1)), axis=1)
    return rows[order].astype(np.int32)
