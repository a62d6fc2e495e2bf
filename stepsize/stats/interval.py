"""95 % intervals for a mean over seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.scores import Floats, as_scores

LEVEL = 0.95
SINGLE = 1.2e-7  # a share of a score: the precision of float32, in which it is computed
Interval = tuple[float, float]


@dataclass(frozen=True)
class Summary:
    """The scores of one candidate: `n` runs finished and `lost` did not; the rest is over the finished ones.

    `sd` is of the sample. With one finished run there is no sd or ci95; with none there is no mean either.
    """

    n: int
    lost: int
    mean: float | None
    sd: float | None
    ci95: Interval | None


def summarise(scores: ArrayLike, *, sample_value: float | None = None) -> Summary:
    """Return mean, sd and 95 % interval of one candidate's scores [n_seeds]; nan is a lost run.

    The interval is mean +- t(n - 1) * sd / sqrt(n). With `sample_value`, the step in which the scores come
    (1/116 for the accuracy on 116 rows), it also allows for values between two steps that no seed happened to
    show: see `bounds`.

    Raises StudyError for scores that are empty, infinite, or not one number per seed.

    >>> summary = summarise([0.75, 1.0, 1.25])
    >>> summary.mean, summary.sd, [round(end, 3) for end in summary.ci95]
    (1.0, 0.25, [0.379, 1.621])
    >>> summarise([0.90, float("nan")])
    Summary(n=1, lost=1, mean=0.9, sd=None, ci95=None)
    """
    values = as_scores("scores", scores, "[n_seeds]", lost=True)
    step = as_step(sample_value)
    finished = values[~np.isnan(values)]
    n, lost = len(finished), int(np.isnan(values).sum())
    if n < 2:
        return Summary(n, lost, float(finished[0]) if n else None, None, None)
    mean, sd = finished.mean(), finished.std(ddof=1)
    low, high = bounds(mean, sd / n**0.5, n - 1, n, step=step)
    return Summary(n, lost, float(mean), float(sd), (float(low), float(high)))


def as_step(sample_value: float | None) -> float:
    """Return the step between possible scores, 0 for scores that can be any number."""
    step = 0.0 if sample_value is None else float(sample_value)
    if sample_value is not None and not 0 < step < np.inf:
        raise StudyError(
            f"sample_value={sample_value!r} must be a positive number: "
            "write 1/rows for an accuracy, None for a score without steps"
        )
    return step


def bounds(
    mean: ArrayLike, se: ArrayLike, df: ArrayLike, n: ArrayLike, alpha: float = 1 - LEVEL, step: float = 0.0
) -> tuple[Floats, Floats]:
    """Return the ends of the 1 - alpha intervals of `mean`, given its standard error, from n seeds.

    A mean `mu` belongs to the interval if |mean - mu| <= t(df) * se. A score that moves in steps and has its
    mean a share f of the way between two of them has at least the variance f (1 - f) step^2, whatever the
    seeds showed, so mu also belongs to it if n (mean - mu)^2 <= t^2 f (1 - f) step^2. Without this, thirty
    equal scores would claim certainty. It is Wilson's interval for a share, widened to the t-interval where
    the sample varies more (Wilson, J. Am. Stat. Assoc. 22, 1927).
    """
    mean, se, n = (np.asarray(each, np.float64) for each in (mean, se, n))
    t = t_quantile(np.asarray(df, np.float64), alpha)
    low, high = mean - t * se, mean + t * se
    if step:
        high = np.maximum(high, _wilson_high(mean, n, t, step))
        low = np.minimum(low, -_wilson_high(-mean, n, t, step))
    return low, high


def _wilson_high(mean: Floats, n: Floats, t: Floats, step: float) -> Floats:
    """Return the largest mu up to the next step above `mean` with n (mean - mu)^2 <= t^2 f (1 - f) step^2."""
    rounding = 1e-6 + SINGLE * np.abs(mean) / step  # which puts a mean just under the step that it stands on
    below = np.floor(mean / step + rounding)
    share = np.clip(mean / step - below, 0.0, 1.0)
    root = t * np.sqrt(t**2 + 4 * n * share * (1 - share))
    return step * (below + (2 * n * share + t**2 + root) / (2 * (n + t**2)))


def t_quantile(df: Floats, alpha: float) -> Floats:
    """Return how many standard errors a 1 - alpha interval reaches on each side."""
    from scipy.special import stdtrit

    if df.size > 1 and (df == df.flat[0]).all():  # the usual case, and a slow function
        return np.full(df.shape, stdtrit(df.flat[0], 1 - alpha / 2))
    return np.asarray(stdtrit(df, 1 - alpha / 2))
