"""Cross-validation: the repeat is what the statistics count, not the fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.scores import Floats, as_scores


def by_repeat(scores: ArrayLike, seeds: Sequence[int], folds: int | None) -> Floats:
    """Return the mean over the folds of each repeat, given one score per run; seed = repeat * folds + fold.

    The folds of a repeat divide one table between them and share most of their training rows, so their scores
    depend on each other, and an interval that took them for independent runs could be wrong either way
    (Nadeau and Bengio, Machine Learning 52, 2003). Repeats shuffle the table anew. Without `folds` every run
    counts. A repeat that lost a run is lost: nan.

    Raises StudyError when the seeds are not whole repeats.

    >>> by_repeat(np.array([0.8, 1.0, 0.6, 0.7]), seeds=[0, 1, 2, 3], folds=2)
    array([0.9 , 0.65])
    """
    values = as_scores("scores", scores, "[n_seeds]", lost=True)
    if not folds:
        return values
    repeat = np.asarray(seeds) // folds
    counts = np.unique(repeat, return_counts=True)[1]
    if len(seeds) != len(values) or (counts != folds).any():
        raise StudyError(
            f"{len(seeds)} seeds with {len(values)} scores are not whole repeats of {folds} folds"
        )
    return values[np.argsort(repeat, kind="stable")].reshape(-1, folds).mean(axis=1)


def in_whole_repeats(scores: ArrayLike, seeds: Sequence[int], folds: int | None) -> Floats:
    """Return the score of each run that counts in `by_repeat`; nan for every run of a repeat that lost one.

    Raises StudyError when the seeds are not whole repeats.

    >>> in_whole_repeats(np.array([0.8, 1.0, np.nan, 0.7]), seeds=[0, 1, 2, 3], folds=2)
    array([0.8, 1. , nan, nan])
    """
    values = as_scores("scores", scores, "[n_seeds]", lost=True)
    if not folds:
        return values
    means = by_repeat(values, seeds, folds)
    of_run = np.unique(np.asarray(seeds) // folds, return_inverse=True)[1]
    return np.where(np.isnan(means[of_run]), np.nan, values)
