"""95 % intervals for a mean over seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.scores import Floats, as_scores

LEVEL = 0.95
Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """The scores of one candidate; `sd` is of the sample. One seed has neither sd nor ci95."""

    n: int
    mean: float
    sd: float | None
    ci95: Interval | None


def summarise(scores: ArrayLike, *, sample_value: float | None = None) -> Summary:
    """Return mean, standard deviation and 95 % interval of one candidate's scores [n_seeds].

    The interval is mean +- t(n - 1) * sd / sqrt(n). With `sample_value`, the step in which the scores come
    (1/116 for the accuracy on 116 rows), it also allows for values between two steps that no seed happened to
    show: see `bounds`.

    Raises StudyError for scores that are empty, not finite, or not one number a seed.

    >>> found = summarise([0.75, 1.0, 1.25])
    >>> found.mean, found.sd, [round(end, 3) for end in found.ci95]
    (1.0, 0.25, [0.379, 1.621])
    >>> summarise([0.90])
    Summary(n=1, mean=0.9, sd=None, ci95=None)
    """
    values = as_scores("scores", scores, "[n_seeds]")
    step = as_step(sample_value)
    if len(values) == 1:
        return Summary(1, float(values[0]), None, None)
    mean, sd = values.mean(), values.std(ddof=1)
    low, high = bounds(mean, sd, len(values), step)
    return Summary(len(values), float(mean), float(sd), (float(low), float(high)))


def as_step(sample_value: float | None) -> float:
    """Return the step between possible scores, 0 for scores that can be any number."""
    step = 0.0 if sample_value is None else float(sample_value)
    if sample_value is not None and not 0 < step < np.inf:
        raise StudyError(
            f"sample_value={sample_value!r} must be a positive number: "
            "type 1/rows for an accuracy, None for a score without steps"
        )
    return step


def bounds(mean: Floats, sd: Floats, n: int, step: float) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % intervals of `mean`, given n >= 2 seeds.

    A mean `mu` belongs to the interval if |mean - mu| <= t * s / sqrt(n). A score that moves in steps and has
    its mean a share f of the way between two of them has at least the variance f (1 - f) step^2, whatever the
    seeds showed; s^2 is the sample variance or that, whichever is larger. Without this, thirty equal scores
    would claim certainty. It is Wilson's interval for a share, widened to the t-interval where the sample
    varies more (Wilson, J. Am. Stat. Assoc. 22, 1927).
    """
    t = _t_quantile(n)
    half = t * sd / np.sqrt(n)
    low, high = mean - half, mean + half
    if step:
        high = np.maximum(high, _wilson_high(mean, n, t, step))
        low = np.minimum(low, -_wilson_high(-mean, n, t, step))
    return low, high


def _wilson_high(mean: Floats, n: int, t: float, step: float) -> Floats:
    """Return the largest mu up to the next step above `mean` with n (mean - mu)^2 <= t^2 f (1 - f) step^2."""
    below = np.floor(mean / step + 1e-6)  # a mean that rounding put just under its step stands on it
    share = np.clip(mean / step - below, 0.0, 1.0)
    root = t * np.sqrt(t**2 + 4 * n * share * (1 - share))
    return step * (below + (2 * n * share + t**2 + root) / (2 * (n + t**2)))


def _t_quantile(n: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + LEVEL) / 2))
