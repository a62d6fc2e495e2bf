"""A part of the training rows, to see what more data are worth, or how the best rate moves with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepsize.checks import is_number
from stepsize.errors import ProblemError


def checked_train_rows(rows: Any) -> float:
    """Return `rows` as a whole number, or as a share between 0 and 1.

    Raises: ProblemError for anything else.

    >>> checked_train_rows(100.0), checked_train_rows(0.25)
    (100, 0.25)
    """
    if is_number(rows) and rows >= 1 and float(rows).is_integer():
        return int(rows)
    if not is_number(rows) or not 0 < rows < 1:
        raise ProblemError(
            f"rows={rows!r} must be a positive whole number of training rows, or a share of them between 0 "
            "and 1"
        )
    return float(rows)


def amount(rows: float) -> str:
    """Return a number or a share of rows as text.

    >>> amount(2000), amount(0.25)
    ('2,000', '25 %')
    """
    return f"{rows:,}" if isinstance(rows, int) else f"{100 * rows:g} %"


def fewer_rows(train: np.ndarray, rows: float, seed: int, latest: bool) -> np.ndarray:
    """Return some of the training rows in their order: the `latest`, or those that the seed draws.

    A smaller number keeps a part of what a larger one keeps.

    Raises: ProblemError if there are not so many.

    >>> fewer_rows(np.arange(8), 0.5, seed=0, latest=True)
    array([4, 5, 6, 7])
    """
    count = rows if isinstance(rows, int) else max(round(rows * len(train)), 1)
    if count > len(train):
        raise ProblemError(f"rows={rows:,} is more than the {len(train):,} rows of the training part")
    if latest:
        return train[len(train) - count :]
    drawn = np.random.default_rng((seed, len(train))).permutation(len(train))[:count]
    return train[np.sort(drawn)]
