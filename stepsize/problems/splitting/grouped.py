"""Whole groups on one side: drawn for validation, or dealt out to folds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stepsize.errors import ProblemError

TRIES = 20  # draws of groups, of which the best is taken


def draw_groups(groups: np.ndarray, held: int, seed: int, faults: Callable[[np.ndarray], int]) -> np.ndarray:
    """Give the mask of the validation rows [rows]: whole groups, about `held` rows, drawn by the seed.

    Of a few draws the one with the fewest `faults(mask)` is taken, then the one nearest to `held`. So with
    many groups all seeds have parts of one size; the sizes that remain are few, and each is a program to
    compile.

    >>> mask = draw_groups(np.array([0, 0, 1, 1, 2, 2]), held=2, seed=0, faults=lambda mask: 0)
    >>> int(mask.sum())
    2
    """
    names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ProblemError("there is one group only; a split by groups needs at least 2")
    generator = np.random.default_rng(seed)
    best: tuple[int, int, np.ndarray] | None = None
    for _ in range(TRIES):
        chosen, total = [], 0
        for each in generator.permutation(len(names))[:-1]:
            if not chosen or abs(total + counts[each] - held) < abs(total - held):
                chosen.append(each)
                total += int(counts[each])
        mask = np.isin(group, chosen)
        found = (faults(mask), abs(total - held), mask)
        if best is None or found[:2] < best[:2]:
            best = found
        if best[:2] == (0, 0):
            break
    assert best is not None
    return best[2]


def deal_groups(groups: np.ndarray, folds: int, repeat: int) -> np.ndarray:
    """Give the fold of each row: groups are dealt out, the largest first, to the fold with the fewest rows.

    Groups of one size are shuffled by the repeat.

    >>> deal_groups(np.array([5, 5, 5, 6, 7]), folds=2, repeat=0).tolist()
    [0, 0, 0, 1, 1]
    """
    names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise ProblemError(
            f"there are {len(names)} groups, fewer than the {folds} folds; use at most {len(names)} folds"
        )
    order = np.random.default_rng(repeat).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    fold_of, totals = np.zeros(len(names), int), np.zeros(folds, int)
    for each in order:
        fold_of[each] = totals.argmin()
        totals[fold_of[each]] += counts[each]
    return fold_of[group]
