"""What tuning leaves in the mean of a candidate, and how much of it two candidates have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stepsize.errors import StudyError
from stepsize.stats.scores import Floats

LEAST_COMMON = 6  # tuning seeds of two candidates; fewer show nothing that they have in common


@dataclass(frozen=True)
class TuningError:
    """What the choice of a learning rate leaves in a candidate's mean.

    `variance` is that of the mean at the chosen rate about the mean at the best rate, `df` are its degrees of
    freedom, and `bias` is the expected loss: the score at the best rate is about mean + bias. `slopes` is,
    for each tuning seed of the study, how much more than on average the scores rise with the rate near the
    chosen one, nan if not known: what they show in common with those of another candidate, the errors of the
    two have in common.
    """

    variance: float = 0.0
    bias: float = 0.0
    df: float = np.inf
    slopes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.variance < np.inf and np.isfinite(self.bias) and self.df > 0):
            raise StudyError(
                f"TuningError(variance={self.variance!r}, bias={self.bias!r}, df={self.df!r}): the variance "
                "must be finite and 0 or more, the bias finite, the degrees of freedom positive"
            )


class TuningErrors(NamedTuple):
    """What tuning leaves in all candidates: see `tuning_columns` and `tuning_covariance`."""

    columns: Floats
    covariance: Floats

    @classmethod
    def of(cls, tuning: Sequence[TuningError | None] | None, candidates: int) -> TuningErrors:
        """Return what tuning leaves in each candidate and in each two of them; None: not tuned."""
        return cls(tuning_columns(tuning, candidates), tuning_covariance(tuning, candidates))


def tuning_columns(tuning: Sequence[TuningError | None] | None, candidates: int) -> Floats:
    """Return variance, bias and degrees of freedom of each candidate, [candidates, 3]; None: not tuned."""
    return np.array([(each.variance, each.bias, each.df) for each in _errors(tuning, candidates)])


def tuning_covariance(tuning: Sequence[TuningError | None] | None, candidates: int) -> Floats:
    """Return the covariance of what tuning leaves in each two candidates, [candidates, candidates].

    A rate is chosen too high or too low as far as the slopes of its tuning seeds err, and what it loses grows
    with the square of that. So the losses of two candidates, whose slopes have the correlation r over their
    common tuning seeds, have the correlation r^2, as the squares of two normal variables have:

        covariance = r^2 sqrt(v_1 v_2)

    r^2 is corrected for chance (adjusted R^2), and 0 if r is negative or six seeds are not in common.
    """
    errors = _errors(tuning, candidates)
    lengths = {len(each.slopes) for each in errors if each.slopes}
    if len(lengths) != 1:
        return np.zeros((candidates, candidates))
    slopes = np.full((candidates, lengths.pop()), np.nan)
    for row, each in zip(slopes, errors, strict=True):
        if each.slopes:
            row[:] = each.slopes
    deviations = np.sqrt([each.variance for each in errors])
    return _adjusted_squares(slopes) * np.outer(deviations, deviations)


def _adjusted_squares(slopes: Floats) -> Floats:
    """Return the adjusted square of the correlation of each two rows over the columns that both have."""
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
    return np.where(enough, np.maximum(adjusted, 0.0), 0.0)


def _errors(tuning: Sequence[TuningError | None] | None, candidates: int) -> list[TuningError]:
    errors = [None] * candidates if tuning is None else tuning
    if len(errors) != candidates:
        raise StudyError(f"tuning has {len(errors)} entries for {candidates} candidates; give one for each")
    plain = TuningError()
    return [each or plain for each in errors]
