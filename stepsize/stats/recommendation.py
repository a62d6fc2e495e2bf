"""From "who is shown to be better than whom" to the set of those that may be the best, and the one to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from stepsize.stats.scores import NOISE, Floats

Reason = Literal[
    "no rival", "only one", "unbeaten", "only finisher", "shown better", "fewest lost", "simplest"
]


@dataclass(frozen=True)
class Field:
    """What the recommendation knows of k candidates.

    `ahead[i, j]` says that i is shown to be better than j. `lost` counts the lost runs, `finished` the
    others, `means` are over the finished runs, and a lower `simplicity` is simpler.
    """

    names: Sequence[str]
    ahead: np.ndarray
    lost: np.ndarray
    finished: np.ndarray
    means: Floats
    simplicity: Sequence[Any]
    baseline: int
    margin: float

    @property
    def best_set(self) -> np.ndarray:
        """Where a candidate may be the best: it finished a run, and no other is shown to be better."""
        finishers = self.finished > 0
        unbeaten = finishers & ~self.ahead[finishers].any(axis=0)
        return unbeaten if unbeaten.any() else finishers


@dataclass(frozen=True)
class Recommendation:
    """The candidate to use, by its index, and why; `displaced` are the simpler ones that gave way, in order.

    | reason | it is recommended because |
    |---|---|
    | no rival | it is the only candidate |
    | only one | it is shown to be better than every other |
    | unbeaten | it alone is not shown to be behind another |
    | only finisher | of those not shown to be behind, it alone finished a run |
    | shown better | it is shown to be better than the simpler one that it displaced |
    | fewest lost | one as simple or simpler that may be the best lost more runs |
    | simplest | it is the simplest |
    """

    index: int
    reason: Reason
    displaced: tuple[int, ...] = ()


def recommend(field: Field) -> Recommendation | None:
    """Return the candidate to use, None if no run of any candidate finished.

    The simplest candidate is the recommended one until another is shown to be better: then the simplest of
    those of the best set that are shown to be better takes its place. So neither a higher mean nor "may be
    the best" displaces a simpler candidate. Of the best set, only those with the fewest lost runs count. Of
    equally simple ones, the one with the highest mean is recommended; if several lie within the margin of it,
    the baseline, or else the first by name.
    """
    best = field.best_set
    if not best.any():
        return None
    fewest = field.lost[best].min()
    allowed = np.flatnonzero((field.lost <= fewest) & (field.finished > 0))
    chosen, displaced = _simplest(field, allowed), []
    while not best[chosen]:
        displaced.append(chosen)
        beaters = np.setdiff1d(np.flatnonzero(field.ahead[:, chosen]), displaced)
        good = beaters[best[beaters]] if best[beaters].any() else beaters
        chosen = _simplest(field, good if len(good) else allowed[best[allowed]])
    return Recommendation(chosen, _reason(field, chosen, bool(displaced)), tuple(displaced))


def _simplest(field: Field, among: np.ndarray) -> int:
    indices = among.tolist()
    simplest = min(field.simplicity[i] for i in indices)
    equals = [i for i in indices if field.simplicity[i] == simplest]
    highest = max(field.means[i] for i in equals)
    rounding = NOISE * abs(highest)
    alike = [i for i in equals if field.means[i] >= highest - field.margin - rounding]
    return min(alike, key=lambda i: (i != field.baseline, field.names[i]))


def _reason(field: Field, chosen: int, has_displaced: bool) -> Reason:
    others = np.arange(len(field.names)) != chosen
    best = field.best_set
    if not others.any():
        return "no rival"
    if field.ahead[chosen, others].all():
        return "only one"
    if best.sum() == 1:
        beaten = field.ahead.any(axis=0) | ~others
        return "unbeaten" if beaten.all() else "only finisher"
    if has_displaced:
        return "shown better"
    rivals = np.flatnonzero(best & (field.lost > field.lost[chosen]))
    gave_way = any(field.simplicity[int(i)] <= field.simplicity[chosen] for i in rivals)
    return "fewest lost" if gave_way else "simplest"
