"""Stratified splits: exactly the rows that scikit-learn draws, without the second that its import takes.

`sklearn.model_selection.train_test_split(rows, test_size=held, random_state=seed, stratify=labels)` returns
the same; the tests compare the two.
"""

from __future__ import annotations

import numpy as np


def draw_stratified(
    rows: np.ndarray, labels: np.ndarray, held: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows and `held` validation rows, with the same share of every class in both.

    Both parts must have room for a row of every class, and every class needs two rows.

    >>> train, valid = draw_stratified(np.arange(8), np.array([0, 0, 0, 0, 1, 1, 1, 1]), held=2, seed=0)
    >>> sorted(valid.tolist()), len(train)
    ([0, 7], 6)
    """
    generator = np.random.RandomState(seed)
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
    train_counts = _apportion(counts, len(rows) - held, generator)
    valid_counts = _apportion(counts - train_counts, held, generator)
    drawn = [places[generator.permutation(len(places))] for places in members]
    train = np.concatenate([places[:n] for places, n in zip(drawn, train_counts, strict=True)])
    valid = np.concatenate(
        [places[n : n + m] for places, n, m in zip(drawn, train_counts, valid_counts, strict=True)]
    )
    return rows[generator.permutation(train)], rows[generator.permutation(valid)]


def _apportion(counts: np.ndarray, total: int, generator: np.random.RandomState) -> np.ndarray:
    """Divide `total` rows in proportion to `counts`; the largest fractions round up, ties at random."""
    exact = counts / counts.sum() * total
    whole = np.floor(exact)
    fraction, missing = exact - whole, int(total - whole.sum())
    for value in np.unique(fraction)[::-1]:
        if missing <= 0:
            break
        equal = np.flatnonzero(fraction == value)
        chosen = generator.choice(equal, size=min(len(equal), missing), replace=False)
        whole[chosen] += 1
        missing -= len(chosen)
    return whole.astype(int)
