"""What the statistics of a study count, in words: seeds, or repeats of a cross-validation."""

from __future__ import annotations


def unit(folds: int | None) -> str:
    """Return what the statistics count: a seed, or a repeat of a cross-validation."""
    return "repeat" if folds else "seed"


def units(runs: int, folds: int | None) -> int:
    """Return how many seeds, or repeats of a cross-validation, so many runs are."""
    return runs // (folds or 1)


def replication(finished: int, runs: int, folds: int | None) -> str:
    """Return over what a mean of `runs` is taken, of which `finished` seeds or repeats count.

    A repeat that lost a run has no mean.

    >>> replication(29, 30, folds=None), replication(3, 30, folds=10)
    ('29 seeds', '3 repeats')
    >>> replication(2, 30, folds=10)
    'the 2 of 3 repeats that finished whole'
    """
    many = units(runs, folds)
    if folds and finished < many:
        return f"the {finished:,} of {many:,} repeats that finished whole"
    return f"{finished:,} {unit(folds)}{'' if finished == 1 else 's'}"
