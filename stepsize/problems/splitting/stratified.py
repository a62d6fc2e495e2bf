"""Drawing a stratified part: the very rows that scikit-learn draws, without the second that its import takes.

`sklearn.model_selection.train_test_split(rows, test_size=held, random_state=seed, stratify=labels)` gives
the same; the tests compare the two.
"""

from __future__ import annotations

import numpy as np


def draw_stratified(
    rows: np.ndarray, labels: np.ndarray, held: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Part `rows` by their `labels`: `held` rows for validation, with the share of every class kept.

    Both parts need a row of every class, and every class two rows.

    >>> train, valid = draw_stratified(np.arange(8), np.array([0, 0, 0, 0, 1, 1, 1, 1]), held=2, seed=0)
    >>> sorted(valid.tolist()), len(train)
    ([0, 7], 6)
    """
    generator = np.random.RandomState(seed)
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
    trained = _shared_out(counts, len(rows) - held, generator)
    judged = _shared_out(counts - trained, held, generator)
    drawn = [own[generator.permutation(len(own))] for own in members]
    train = np.concatenate([own[:n] for own, n in zip(drawn, trained, strict=True)])
    valid = np.concatenate([own[n : n + m] for own, n, m in zip(drawn, trained, judged, strict=True)])
    return rows[generator.permutation(train)], rows[generator.permutation(valid)]


def _shared_out(counts: np.ndarray, total: int, generator: np.random.RandomState) -> np.ndarray:
    """Share `total` rows out in proportion to `counts`; the largest fractions are rounded up, ties by lot."""
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
