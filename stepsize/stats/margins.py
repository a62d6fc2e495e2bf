"""The smallest difference that matters, if the caller does not set one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.scores import as_scores

HALF_A_POINT = 0.005
RELATIVE = 0.01  # of the typical score
OF_SPREAD = 0.05  # of the spread over seeds
NORMAL = 1.4826  # the sd of normal numbers in units of their median distance from the median


def practical_margin(sample_value: float | None = None) -> float:
    """Return the smallest difference in an accuracy that matters: half a point or one sample's worth.

    The larger of the two counts; `sample_value` is what one sample of the evaluated part is worth, 1/rows.

    Raises StudyError for a sample_value that is not positive.

    >>> practical_margin(), practical_margin(1 / 116) == 1 / 116
    (0.005, True)
    """
    if sample_value is None:
        return HALF_A_POINT
    if not 0 < sample_value < math.inf:
        raise StudyError(f"sample_value={sample_value!r} must be a positive number, such as 1/rows")
    return max(HALF_A_POINT, float(sample_value))


def relative_margin(baseline: ArrayLike) -> float:
    """Return the smallest difference that matters in a metric that is not a share.

    With medians over the finished runs of the `baseline` [n_seeds], nan being a lost run,

        margin = max(1 % of |median|, 5 % of spread),   spread = 1.4826 median(|score - median|)

    This is a hundredth of the typical score, but no less than a twentieth of what another seed changes, so it
    does not vanish for a metric that can be 0, such as R^2 or a reward. Medians do not follow a single wild
    run (Hampel, J. Am. Stat. Assoc. 69, 1974). It is 0.01 if both terms are 0, or no run finished.

    Raises StudyError for scores that are empty or infinite.

    >>> round(relative_margin([0.30, 0.29, 0.31, 0.30]), 6)
    0.003
    >>> round(relative_margin([0.30, 0.29, 0.31, -900.0]), 6)
    0.00295
    >>> round(relative_margin([-0.1, 0.1, 0.0, 0.2, -0.2]), 5)
    0.00741
    """
    values = as_scores("baseline", baseline, "[n_seeds]", lost=True)
    finished = values[~np.isnan(values)]
    if not len(finished):
        return RELATIVE
    median = float(np.median(finished))
    spread = NORMAL * float(np.median(np.abs(finished - median)))
    return max(RELATIVE * abs(median), OF_SPREAD * spread) or RELATIVE
