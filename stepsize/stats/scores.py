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


def from_the_middle(scores: Floats) -> Floats:
    """Return scores counted from their median if float32 would not keep them apart; else as they are.

    That is for scores measured in float64, such as 1e9 + 0.126: what is small beside them is no rounding.

    >>> from_the_middle(np.array([1e9, 1e9 + 0.25, 1e9 + 0.75])).tolist()
    [-0.25, 0.0, 0.5]
    >>> from_the_middle(np.array([0.25, 0.5])).tolist()
    [0.25, 0.5]
    """
    finished = scores[~np.isnan(scores)]
    if not len(finished):
        return scores
    middle = np.median(finished)
    spread, lost = np.ptp(finished), np.abs(finished - finished.astype(np.float32)).max()
    is_rounding = spread <= 8 * np.finfo(np.float64).eps * abs(middle)
    return scores if is_rounding or lost <= 1e-3 * spread else scores - middle


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
