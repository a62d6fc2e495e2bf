"""Splits that keep groups whole: groups drawn for validation, or assigned to folds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stepsize.errors import ProblemError
from stepsize.number_format import counted

TRIES = 20  # random draws, of which the best is used


def draw_groups(groups: np.ndarray, held: int, seed: int, faults: Callable[[np.ndarray], int]) -> np.ndarray:
    """Return the mask of the validation rows [rows]: whole groups, about `held` rows, drawn by the seed.

    Of a few draws, the one with the fewest `faults(mask)` is used, and of those the one nearest to `held`
    rows. With many groups all seeds then have parts of one size, which matters because each size needs a
    compiled program of its own.

    >>> mask = draw_groups(np.array([0, 0, 1, 1, 2, 2]), held=2, seed=0, faults=lambda mask: 0)
    >>> int(mask.sum())
    2
    """
    names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ProblemError("there is only one group; a split by groups needs at least 2")
    generator = np.random.default_rng(seed)
    best: tuple[int, int, np.ndarray] | None = None
    for _ in range(TRIES):
        chosen, total = [], 0
        for each in generator.permutation(len(names))[:-1]:
            if not chosen or abs(total + counts[each] - held) < abs(total - held):
                chosen.append(each)
                total += int(counts[each])
        mask = np.isin(group, chosen)
        draw = (faults(mask), abs(total - held), mask)
        if best is None or draw[:2] < best[:2]:
            best = draw
        if best[:2] == (0, 0):
            break
    assert best is not None
    return best[2]


def assign_folds(groups: np.ndarray, folds: int, repeat: int) -> np.ndarray:
    """Return the fold of each row: each group, the largest first, goes to the fold with the fewest rows.

    Groups of equal size are shuffled, with `repeat` as the seed.

    >>> assign_folds(np.array([5, 5, 5, 6, 7]), folds=2, repeat=0).tolist()
    [0, 0, 0, 1, 1]
    """
    names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise ProblemError(
            f"{counted(len(names), 'group')} cannot make {folds} folds; use at most as many folds as groups"
        )
    order = np.random.default_rng(repeat).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    fold_of, totals = np.zeros(len(names), int), np.zeros(folds, int)
    for each in order:
        fold_of[each] = totals.argmin()
        totals[fold_of[each]] += counts[each]
    return fold_of[group]
