"""What tuning leaves in the mean of a candidate, and how much of it two candidates have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stepsize.errors import StudyError
from stepsize.stats.common_slopes import slope_correlations
from stepsize.stats.scores import Floats


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

    r is corrected for chance: see `slope_correlations`.
    """
    errors = _errors(tuning, candidates)
    known = [k for k, each in enumerate(errors) if each.slopes]
    r = np.zeros((candidates, candidates))
    if known:
        r[np.ix_(known, known)] = slope_correlations([np.array(errors[k].slopes) for k in known])
    deviations = np.sqrt([each.variance for each in errors])
    return r**2 * np.outer(deviations, deviations)


def _errors(tuning: Sequence[TuningError | None] | None, candidates: int) -> list[TuningError]:
    errors = [None] * candidates if tuning is None else tuning
    if len(errors) != candidates:
        raise StudyError(f"tuning has {len(errors)} entries for {candidates} candidates; give one for each")
    plain = TuningError()
    return [each or plain for each in errors]
