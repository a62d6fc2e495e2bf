"""What the errors of two tunings have in common, read from the slopes of their scores over common seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stepsize.stats.scores import Floats

LEAST_COMMON = 6  # tuning seeds of two candidates; fewer show nothing that they have in common


def slope_correlations(slopes: Sequence[Floats]) -> Floats:
    """Return how much of what each two chosen rates err by is the same, as correlations [rows, rows].

    A rate is chosen too high or too low as far as the slopes of its tuning seeds err. The correlation of two
    rows of slopes is corrected for chance (adjusted R^2), and 0 if it is negative, if six seeds are not in
    common, or if the rows are of different studies. What is returned is a correlation matrix again.
    """
    if len({len(each) for each in slopes}) != 1:
        return np.eye(len(slopes))
    values, vectors = np.linalg.eigh(_adjusted(np.array(slopes)))
    correlations = (vectors * np.maximum(values, 0.0)) @ vectors.T
    scale = np.sqrt(np.diag(correlations))
    return correlations / np.outer(scale, scale)


def _adjusted(slopes: Floats) -> Floats:
    """Return the adjusted correlation of each two rows over the columns that both have; 1 with itself."""
    known = ~np.isnan(slopes)
    values, counted = np.where(known, slopes, 0.0), known.astype(float)
    n = counted @ counted.T
    sums = values @ counted.T  # of a row over the columns that the other one has too
    squares = values**2 @ counted.T
    size = np.maximum(n, 1)
    covariance = values @ values.T - sums * sums.T / size
    spread = (squares - sums**2 / size) * (squares.T - sums.T**2 / size)
    enough = (n >= LEAST_COMMON) & (covariance > 0) & (spread > 0)
    square = np.divide(covariance**2, spread, out=np.zeros_like(n), where=enough)
    adjusted = 1 - (1 - np.minimum(square, 1.0)) * (n - 1) / np.maximum(n - 2, 1)
    correlations = np.sqrt(np.where(enough, np.maximum(adjusted, 0.0), 0.0))
    np.fill_diagonal(correlations, 1.0)
    return correlations
