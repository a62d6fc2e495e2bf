"""The one rule: every word, the best set, the recommendation and the note about seeds follow from it.

All pairs of candidates are one family. Each is judged by `compare_pairs` and Holm, at the alpha of the look.
So the chance of any false statement, about the baseline, the best set, a single winner, or what made the
difference, is at most 5 % over all looks, however many candidates are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import StudyError
from stepsize.stats.holm import holm
from stepsize.stats.interval import LEVEL, Interval, as_step
from stepsize.stats.looks import look_alpha
from stepsize.stats.pairs import Pairs, compare_pairs
from stepsize.stats.recommendation import Field, Reason, recommend
from stepsize.stats.scores import Floats, as_scores
from stepsize.stats.tuning_error import TuningError, TuningErrors

Word = Literal["better", "equivalent", "worse", "not shown"]
PAIRS_AT_ONCE = 1024  # their scores stay in the cache


@dataclass(frozen=True)
class Comparison:
    """One candidate minus another over the `n` seeds that both finished; higher is better.

    `mean` and `sd` are of the differences. `estimate`, with standard error `se` and interval `ci95`, is for
    the two at their best rates: the mean corrected for the bias of tuning, with the variance that tuning
    leaves. `p` is two-sided, `p_holm` is p in the family of all pairs. `p_better` is the share of seeds that
    the first wins: a tie counts half, a lost run loses. `lost` says that one lost a run that the other
    finished, `basis` is "lost runs" where p rests on the number of lost runs.
    """

    n: int
    mean: float | None
    sd: float | None
    estimate: float | None
    se: float | None
    ci95: Interval | None
    p: float
    p_holm: float
    p_better: float
    word: Word
    lost: bool
    basis: Literal["scores", "lost runs"]


@dataclass(frozen=True)
class Decision:
    """What the runs of a study show at one look; the names stand in the order of the candidates.

    `alpha` is what p_holm must not exceed for "better" and "worse" at this look, `comparisons` the size of
    the family. `only_one` says that the recommended one is shown to be better than every other. `displaced`
    are the simpler candidates that gave way to it, the last one being shown to be behind it; `reason` is
    explained in `Recommendation`.
    """

    names: tuple[str, ...]
    baseline: str
    seeds: int
    looks: tuple[int, ...]
    margin: float
    alpha: float
    comparisons: int
    best_set: tuple[str, ...]
    recommended: str | None
    reason: Reason | None
    displaced: tuple[str, ...]
    _family: _Family

    @property
    def only_one(self) -> bool:
        """Whether the recommended one is shown to be better than every other candidate."""
        return self.reason == "only one"

    @cached_property
    def vs_baseline(self) -> dict[str, Comparison]:
        """The comparison of every other candidate with the baseline."""
        return {name: self.between(name, self.baseline) for name in self.names if name != self.baseline}

    @cached_property
    def behind(self) -> tuple[str, ...]:
        """The candidates that another one is shown to be better than."""
        beaten = np.flatnonzero(self._family.ahead.any(axis=0))
        return tuple(self.names[i] for i in beaten)

    @cached_property
    def open_rivals(self) -> tuple[str, ...]:
        """The candidates whose comparison with the recommended one matters and shows nothing yet.

        They are among the others of the best set, and the baseline.
        """
        asked = [name for name in self.names if name in {*self.best_set, self.baseline} - {self.recommended}]
        if self.recommended is None:
            return ()
        return tuple(name for name in asked if self.word(name, self.recommended) == "not shown")

    @property
    def is_settled(self) -> bool:
        """Whether more seeds could change nothing that matters: there are no open rivals."""
        return not self.open_rivals

    @property
    def droppable(self) -> tuple[str, ...]:
        """The candidates that need no more seeds: they are shown to be behind, and nothing rests on them.

        The baseline is kept, and so is the simplest candidate that the recommended one displaced: without it,
        a candidate that was never shown to be better could come first at a later look.
        """
        kept = {self.baseline, *self.displaced}
        return tuple(name for name in self.behind if name not in kept)

    def word(self, name: str, rival: str) -> Word:
        """Return what is shown of `name` against `rival`.

        1. The 1 - alpha interval of the difference, with the alpha of a single comparison at this look, lies
           within the margin, and no run is lost by one alone: "equivalent". This comes first, because a
           difference that is real but too small to matter should not be acted on. Fewer than six seeds show
           nothing.
        2. p_holm <= alpha, and the 95 % interval does not lie within the margin: "better" or "worse".
        3. Otherwise "not shown": there may be a difference that matters, but these seeds cannot tell.

        alpha is at most 0.05 and p_holm at least p, so "better" never comes with a 95 % interval that
        contains 0, unless it rests on lost runs, nor with one that lies within the margin, and "equivalent"
        never with one that exceeds it.
        """
        first, second = self._index(name), self._index(rival)
        if self._family.equal[first, second]:
            return "equivalent"
        if self._family.ahead[first, second]:
            return "better"
        return "worse" if self._family.ahead[second, first] else "not shown"

    def between(self, name: str, rival: str) -> Comparison:
        """Return the comparison of any two candidates; the p values and words are those of the one family."""
        first, second = self._index(name), self._index(rival)
        if first == second:
            raise StudyError(f"{name!r} cannot be compared with itself: name two candidates")
        return self._family.comparison(first, second, self.word(name, rival))

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise StudyError(f"{name!r} is not a candidate of this decision; use one of {list(self.names)}")
        return self.names.index(name)


@dataclass(frozen=True, eq=False)
class _Family:
    """All pairs: `ahead` and `equal` are [k, k], `p_holm` lists the pairs i < j row by row."""

    scores: Floats
    tuning: TuningErrors
    step: float
    p_holm: Floats
    ahead: np.ndarray
    equal: np.ndarray

    def comparison(self, first: int, second: int, word: Word) -> Comparison:
        i, j = min(first, second), max(first, second)
        p_holm = float(self.p_holm[i * len(self.scores) - i * (i + 1) // 2 + j - i - 1])
        pair = _rows(self.scores, self.tuning, [first], [second])
        n, many = int(pair.n[0]), pair.n[0] > 1
        low, high = pair.intervals(1 - LEVEL, self.step)
        return Comparison(
            n=n,
            mean=float(pair.mean[0]) if n else None,
            sd=float(pair.sd[0]) if many else None,
            estimate=float(pair.estimate[0]) if n else None,
            se=float(pair.se[0]) if many else None,
            ci95=(float(low[0]), float(high[0])) if many else None,
            p=float(pair.p[0]),
            p_holm=p_holm,
            p_better=float(pair.p_better[0]),
            word=word,
            lost=bool(pair.lost_first[0] or pair.lost_second[0]),
            basis="lost runs" if pair.by_lost[0] else "scores",
        )


def decide(
    scores: ArrayLike,
    *,
    names: Sequence[str],
    baseline: str,
    margin: float,
    simplicity: Sequence[Any] | None = None,
    sample_value: float | None = None,
    tuning: Sequence[TuningError | None] | None = None,
    earlier: Sequence[int] = (),
    dropped: int = 0,
) -> Decision:
    """Return what the scores [candidates, n_seeds] show; higher is better, nan is a lost run.

    `margin` is the smallest difference that matters. `simplicity` ranks the candidates, lower is simpler; by
    default all are equally simple. `sample_value` is the step in which scores come, as in `summarise`.
    `tuning` is what the choice of its learning rate leaves in each candidate's mean: with it, every
    comparison is about the candidates at their best rates. `earlier` lists the seeds of earlier looks, and
    `dropped` counts the candidates of the study that are no longer run: they still count in the family.

    Raises StudyError for scores that are infinite, names that are not distinct, a baseline that is not one of
    them, a margin that is negative, or lists that do not have one entry for each candidate.

    >>> plain = [0.90, 0.91, 0.90, 0.92, 0.91, 0.90, 0.92, 0.91]
    >>> other = [0.95, 0.94, 0.93, 0.95, 0.96, 0.94, 0.95, 0.97]
    >>> decision = decide([plain, other], names=["constant", "cosine"], baseline="constant", margin=0.005)
    >>> decision.best_set, decision.recommended, decision.reason, decision.vs_baseline["cosine"].word
    (('cosine',), 'cosine', 'only one', 'better')
    """
    values = as_scores("scores", scores, "[candidates, n_seeds]", lost=True)
    k, seeds = values.shape
    _check(k, names, baseline, margin, simplicity, dropped)
    comparisons = max(1, (k + dropped) * (k + dropped - 1) // 2)
    alpha = look_alpha(seeds, earlier, comparisons)
    errors = TuningErrors.of(tuning, k)
    family = _judge(values, errors, as_step(sample_value), margin, alpha, comparisons, (seeds, earlier))
    finished = (~np.isnan(values)).sum(axis=1)
    means = np.nansum(values, axis=1) / np.maximum(finished, 1)
    ranks = [0] * k if simplicity is None else list(simplicity)
    lost = seeds - finished
    field = Field(names, family.ahead, lost, finished, means, ranks, list(names).index(baseline), margin)
    choice = recommend(field)
    return Decision(
        names=tuple(names),
        baseline=baseline,
        seeds=seeds,
        looks=(*earlier, seeds),
        margin=margin,
        alpha=alpha,
        comparisons=comparisons,
        best_set=tuple(name for name, is_in in zip(names, field.best_set, strict=True) if is_in),
        recommended=None if choice is None else names[choice.index],
        reason=None if choice is None else choice.reason,
        displaced=() if choice is None else tuple(names[i] for i in choice.displaced),
        _family=family,
    )


def _judge(
    scores: Floats,
    tuning: TuningErrors,
    step: float,
    margin: float,
    alpha: float,
    comparisons: int,
    look: tuple[int, Sequence[int]],
) -> _Family:
    first, second = np.triu_indices(len(scores), 1)  # all pairs, row by row
    single = look_alpha(*look)
    equal, small = np.zeros(len(first), bool), np.zeros(len(first), bool)
    direction, p = np.zeros(len(first), np.int8), np.zeros(len(first))
    for start in range(0, len(first), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        pairs = _rows(scores, tuning, first[part], second[part])
        equal[part] = pairs.equivalent(margin, single, step)
        small[part] = pairs.equivalent(margin, 1 - LEVEL, step)  # by the interval that is shown
        direction[part], p[part] = pairs.direction, pairs.p
    p_holm = holm(p, comparisons)
    shown = (p_holm <= alpha) & ~(equal | small)
    ahead, same = (np.zeros((len(scores), len(scores)), bool) for _ in range(2))
    ahead[first, second], ahead[second, first] = shown & (direction > 0), shown & (direction < 0)
    same[first, second] = same[second, first] = equal
    return _Family(scores, tuning, step, p_holm, ahead, same)


def _rows(scores: Floats, tuning: TuningErrors, first: Any, second: Any) -> Pairs:
    own, common = tuning
    return compare_pairs(scores[first], scores[second], own[first], own[second], common[first, second])


def _check(
    candidates: int,
    names: Sequence[str],
    baseline: str,
    margin: float,
    simplicity: Sequence[Any] | None,
    dropped: int,
) -> None:
    if len(names) != candidates or len(set(names)) != candidates:
        raise StudyError(
            f"names={list(names)!r} must be {candidates} different names, one for each candidate"
        )
    if baseline not in names:
        raise StudyError(f"baseline={baseline!r} is not a candidate; use one of {list(names)}")
    if not 0 <= margin < np.inf:
        raise StudyError(f"margin={margin!r} must be a finite number, 0 or more, in units of the score")
    if simplicity is not None and len(simplicity) != candidates:
        raise StudyError(
            f"simplicity has {len(simplicity)} ranks for {candidates} candidates; give one for each"
        )
    if dropped < 0:
        raise StudyError(f"dropped={dropped!r} must be 0 or more")
