"""Scores come in as plain arrays, higher is better, one per seed: check them and take their differences.

Scores are measured in float32 or coarser, so two of them that agree to the last bits of a float32 are a tie.
A test that counts sign flips has to know this: a tie broken by rounding would look like evidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stepsize.errors import StudyError

Floats = NDArray[np.float64]

NOISE = 2.0**-22  # relative; two units in the last place of a float32


def as_scores(name: str, values: ArrayLike, shape: str, *, lost: bool = False) -> Floats:
    """Return `values` as a float64 array whose axes are those named in `shape`, none of them empty.

    The scores must be finite; with `lost`, nan stands for a lost run.
    """
    try:
        scores = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StudyError(f"{name} must be numbers in an array of shape {shape}: {error}") from None
    if scores.ndim != shape.count(",") + 1 or scores.size == 0:
        raise StudyError(
            f"{name} has shape {scores.shape}; it must be {shape} with at least one value; "
            "pass one score per seed"
        )
    usable = ~np.isinf(scores) if lost else np.isfinite(scores)
    if not usable.all():
        count = int((~usable).sum())
        raise StudyError(
            f"{name} holds {count} value{'' if count == 1 else 's'} not finite; "
            "write nan for the score of a run that diverged"
        )
    return scores
