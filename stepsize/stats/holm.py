"""The p values of a family of comparisons, adjusted to bound the chance of any false finding in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.scores import Floats


def holm(p_values: ArrayLike, comparisons: int | None = None) -> Floats:
    """Return the p values adjusted so that alpha bounds the chance of any false finding among them.

    The i-th smallest of k becomes the largest of (k - j + 1) p_(j) over j <= i, at most 1
    (Holm, Scand. J. Stat. 6, 1979). `comparisons` is k if the family has more members than are
    listed, none of which was found. The order of the list is kept.

    Raises StudyError for a value outside [0, 1] or a family smaller than the list.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist(), holm([0.01], comparisons=4).tolist()
    ([0.03, 0.06, 0.06], [0.04])
    """
    p = np.asarray(p_values, dtype=np.float64)
    k = p.size if comparisons is None else comparisons
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise StudyError(f"p_values={p_values!r} must be a list of probabilities between 0 and 1")
    if k < p.size:
        raise StudyError(f"comparisons={k!r} must be at least the number of p values, {p.size}")
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(k, k - p.size, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
