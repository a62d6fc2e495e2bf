"""The word for a rate, such as "too small" or "unstable", from the curves of its runs.

The rules compare the runs of a rate with those of the best one, in this order:

1. A run whose loss is not finite has diverged. A rate **diverges** if it lost more runs than the best rate.
2. The rate that was chosen is **best**; rates within the margin of it are **good**.
3. Below the good rates, training is not finished. "The way" leads from the training loss of the first epoch
   at the lowest rate to that of the last epoch at the best rate. A rate that covers less than half of the
   way is **too small**, others are **slow**.
4. Above the good rates, a rate is **too large** if it covers less than a tenth of the way. It is **unstable**
   if its validation loss changes from epoch to epoch, or its scores spread over the seeds, more than twice as
   much as at the best rate; it **overfits** if its validation loss has risen by a tenth of the way since an
   epoch in the first three quarters, while its training loss is as low as that of the best rate. Otherwise
   it is **too large**.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BEST, GOOD, SLOW, TOO_SMALL = "best", "good", "slow", "too small"
UNSTABLE, OVERFITS, TOO_LARGE, DIVERGES = "unstable", "overfits", "too large", "diverges"
HALF, LEAST = 0.5, 0.1  # shares of the way
RISE = 0.1  # of the way, by which a validation loss rises if a run overfits
EARLY = 0.75  # of the epochs: overfitting begins before
SWINGS = 2.0  # times as much as at the best rate is unstable
STEADY = 0.01  # of the way: smaller changes from epoch to epoch are not a swing

Floats = np.ndarray


class Lost(NamedTuple):
    """Where a run diverged: its update, counted from 0, and its epoch, from 1."""

    update: int
    epoch: int


class RateRuns(NamedTuple):
    """The runs of one rate: curves [finished runs, epochs], and where the others diverged."""

    rate: float
    train_loss: Floats
    valid_loss: Floats
    score: Floats
    lost: Sequence[Lost]

    @property
    def runs(self) -> int:
        """All runs, finished or diverged."""
        return len(self.score) + len(self.lost)


@dataclass(frozen=True)
class Behaviour:
    """What the runs of a rate show, as numbers.

    `way` is the share of the way that the training loss covers, `doubled` what twice the epochs would add to
    it if each doubling of the epochs gained in proportion to the doubling before it. `swing` and `spread` are
    multiples of those at the best rate; `overfits_after` is an epoch, counted from 1, or None.
    """

    way: float
    doubled: float
    swing: float
    spread: float
    overfits_after: int | None


def word_of(
    runs: RateRuns, best: RateRuns, lowest: RateRuns, good: tuple[float, float]
) -> tuple[str, Behaviour | None]:
    """Return the word for a rate, and the behaviour that it rests on; None if a run diverged.

    `best` are the runs of the chosen rate, `lowest` those of the lowest one, `good` the range of good rates.

    >>> epochs = np.arange(1, 21)
    >>> def runs(rate):
    ...     loss = np.exp(-rate * epochs)[None].repeat(3, axis=0)
    ...     return RateRuns(rate, loss, loss, 1 - loss, ())
    >>> word_of(runs(0.01), runs(0.3), runs(0.001), (0.2, 0.4))[0]
    'too small'
    >>> word_of(runs(0.1), runs(0.3), runs(0.001), (0.2, 0.4))[0]
    'slow'
    """
    if len(runs.lost) > len(best.lost) or not len(runs.score):
        return DIVERGES, None
    seen = behaviour(runs, best, lowest)
    low, high = good
    if runs.rate == best.rate:
        return BEST, seen
    if low <= runs.rate <= high:
        return GOOD, seen
    if runs.rate < best.rate:
        return (TOO_SMALL if seen.way < HALF else SLOW), seen
    if seen.way < LEAST:
        return TOO_LARGE, seen
    if seen.swing > SWINGS or seen.spread > SWINGS:
        return UNSTABLE, seen
    return (OVERFITS if seen.overfits_after and seen.way > 1 - LEAST else TOO_LARGE), seen


def behaviour(runs: RateRuns, best: RateRuns, lowest: RateRuns) -> Behaviour:
    """Return what the runs of a rate show beside those of the best and of the lowest rate."""
    start, end = _median(lowest.train_loss)[0], _median(best.train_loss)[-1]
    whole = max(start - end, 1e-12)
    curve = _median(runs.train_loss)
    return Behaviour(
        way=float((start - curve[-1]) / whole),
        doubled=_doubled(curve) / whole,
        swing=_swing(runs.valid_loss) / max(_swing(best.valid_loss), STEADY * whole),
        spread=_spread(runs.score) / max(_spread(best.score), 1e-12),
        overfits_after=_overfits_after(_median(runs.valid_loss), whole),
    )


def _median(curves: Floats) -> Floats:
    """Return the median curve over runs."""
    return np.median(curves, axis=0)


def _doubled(curve: Floats) -> float:
    """Return how much lower a loss would be with twice the epochs, if each doubling gains like the last."""
    epochs = len(curve)
    if epochs < 4:
        return 0.0
    quarter, half, last = curve[epochs // 4 - 1], curve[epochs // 2 - 1], curve[-1]
    before, after = quarter - half, half - last
    if before <= 0 or after <= 0:
        return max(float(after), 0.0)
    return float(after * min(after / before, 1.0))


def _swing(curves: Floats) -> float:
    """Return how much a curve goes up and down from epoch to epoch in the second half, in the typical run."""
    late = curves[:, curves.shape[1] // 2 :]
    if late.shape[1] < 3:
        return 0.0
    return float(np.median(np.abs(np.diff(late, 2, axis=1)).mean(axis=1)))


def _spread(scores: Floats) -> float:
    """Return the standard deviation of the last scores over the runs."""
    return float(scores[:, -1].std(ddof=1)) if len(scores) > 1 else 0.0


def _overfits_after(curve: Floats, whole: float) -> int | None:
    """Return the epoch, from 1, after which a validation loss rises for good; None if it does not."""
    lowest = int(curve.argmin())
    rises = curve[-1] - curve[lowest] > RISE * whole
    return lowest + 1 if rises and lowest + 1 <= EARLY * len(curve) else None
