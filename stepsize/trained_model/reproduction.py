"""Whether a rebuilt model is the one that was scored: it returns the same for the validation rows.

A model may keep something else than its weights from one batch to the next, which a rebuilt one lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

SPREAD, ROUNDING = 0.02, 1e-5  # of an output's standard deviation, and of the largest output: differ no more
STRAY = 0.01  # of the rows may differ all the same: rounding may turn a choice within the model

Outputs = Sequence[np.ndarray]
"""Of the validation rows, in the pieces in which they were judged."""


def returned(
    call: Callable[[Mapping[str, np.ndarray]], np.ndarray], inputs: Mapping[str, np.ndarray], like: Outputs
) -> Outputs:
    """Return what a model returns for rows in the pieces that `like` has."""
    ends = np.cumsum([len(each) for each in like])
    pieces = zip([0, *ends[:-1]], ends, strict=True)
    return [call({name: rows[first:end] for name, rows in inputs.items()}) for first, end in pieces]


def differing_rows(outputs: Outputs, expected: Outputs) -> int:
    """Return how many rows have other outputs; 0 if they are no more than rounding explains.

    >>> expected = [np.arange(6.0).reshape(3, 2)]
    >>> differing_rows([expected[0] + 1e-4], expected), differing_rows([expected[0] + 1], expected)
    (0, 3)
    """
    found, right = (
        np.concatenate([each.reshape(len(each), -1) for each in some]).astype(np.float64)
        for some in (outputs, expected)
    )
    allowed = SPREAD * right.std(axis=0) + ROUNDING * np.abs(right).max()
    count = int((~(np.abs(found - right) <= allowed)).any(axis=1).sum())
    return count if count > max(STRAY * len(right), 1) or count == len(right) else 0
