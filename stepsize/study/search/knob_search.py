"""Where several knobs of a candidate are chosen together, as a pure function of the finished runs.

Batches of proposals (`proposals`) run on the same few tuning seeds. Then the leading ones run on many more,
and the one with the best mean over these is chosen: the scores that made it a leader, which are the lucky
ones, do not count again. The search makes as many runs as the search for a learning rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.knobs.free_knobs import axes_of
from stepsize.study.knobs.knob_ranges import Axis
from stepsize.study.knobs.proposals import BATCH, Values, proposals
from stepsize.study.rates_to_try import FINE_RATES
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study
from stepsize.study.tuning import Tuning

SEEDS, FEW_SEEDS = 3, 2  # of every proposal, the latter in a search of few runs
FEW_RUNS = 120
SHARE = 0.6  # of the runs that go into proposals; the rest goes to the leading ones
LEADING = 5
LOST = 1e9  # what a run that diverged costs: more than any score


@dataclass(frozen=True)
class KnobBudget:
    """The runs of a search: batches of proposals on `seeds`, then the leading ones on `more_seeds`."""

    batches: int
    seeds: tuple[int, ...]
    more_seeds: tuple[int, ...]

    @property
    def runs(self) -> int:
        """All runs of the search."""
        return self.batches * BATCH * len(self.seeds) + LEADING * len(self.more_seeds)


def knob_budget(tuning: Tuning) -> KnobBudget:
    """Return the budget of a search: about the runs of the search for a learning rate.

    >>> [(each.batches, len(each.seeds), len(each.more_seeds), each.runs)
    ...  for each in (knob_budget(Tuning()), knob_budget(Tuning.of((0.01, 0.1, 1), 6, 3, 8)))]
    [(6, 3, 26, 274), (1, 2, 6, 46)]
    """
    total = len(tuning.rates) * len(tuning.seeds) + FINE_RATES * len(tuning.fine_seeds)
    seeds = (*tuning.seeds, *tuning.fine_seeds)
    count = SEEDS if total >= FEW_RUNS else FEW_SEEDS
    few, more = seeds[:count], seeds[count:]
    batches = max(1, int(SHARE * total / (BATCH * len(few))))
    left = (total - batches * BATCH * len(few)) // LEADING
    return KnobBudget(batches, few, more[: max(1, left)])


@dataclass(frozen=True)
class ChosenKnobs:
    """What the search chose: the `values` of the knobs, the candidate with them, and what it saw of it.

    `promised` is the mean score of the runs that it was chosen by, in units of the metric, None if all of
    them diverged. `at_edge` names the knobs whose value lies at an end of their range.
    """

    values: Mapping[str, float]
    candidate: Candidate
    promised: float | None
    at_edge: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class KnobSearch:
    """The search for the best values of a candidate's knobs."""

    study: Study
    candidate: Candidate

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The knobs of the candidate, in alphabetical order."""
        return axes_of(self.candidate, self.study.knobs)

    @property
    def budget(self) -> KnobBudget:
        """The runs of the search."""
        return knob_budget(self.study.tuning)

    def batches(self, runs: Runs) -> Iterator[tuple[Candidate, ...]]:
        """Yield the proposals of every batch; its runs must be finished before the next one is asked for."""
        for values in self._values(runs):
            yield tuple(map(self._at, values))

    def tried(self, runs: Runs) -> dict[str, dict[str, float]]:
        """Return the values of the knobs of every proposal, by the name of its runs in the store."""
        names = [axis.name for axis in self.axes]
        return {
            self._at(each).key(None): dict(zip(names, each, strict=True))
            for batch in self._values(runs)
            for each in batch
        }

    def leading(self, runs: Runs) -> tuple[Candidate, ...]:
        """Return the proposals with the best scores, the best one first; all batches are finished."""
        proposed = {each.key(None): each for batch in self.batches(runs) for each in batch}
        scores = {key: self._score(each, self.budget.seeds, runs) for key, each in proposed.items()}
        order = sorted(scores, key=lambda key: (-scores[key], key))
        return tuple(proposed[key] for key in order[:LEADING])

    def finish(self, runs: Runs) -> ChosenKnobs:
        """Return what the search chose, from the finished runs."""
        seeds = self.budget.more_seeds
        best = max(self.leading(runs), key=lambda each: self._score(each, seeds, runs))  # the first of equals
        values = self.tried(runs)[best.key(None)]
        finished = [score for seed in seeds if (score := runs[Job(best, None, seed).key].score) is not None]
        at_edge = (axis.name for axis in self.axes if axis.range.nearest_end(values[axis.name]) is not None)
        return ChosenKnobs(values, best, float(np.mean(finished)) if finished else None, tuple(at_edge))

    def _values(self, runs: Runs) -> Iterator[tuple[Values, ...]]:
        scores: tuple[tuple[float, ...], ...] = ()
        for _ in range(self.budget.batches):
            batch = proposals(self.axes, self.budget.seeds[0], scores)
            yield batch
            scores += (tuple(self._score(self._at(each), self.budget.seeds, runs) for each in batch),)

    def _at(self, values: Values) -> Candidate:
        return self.candidate.bind(dict(zip([axis.name for axis in self.axes], values, strict=True)))

    def _score(self, candidate: Candidate, seeds: Sequence[int], runs: Runs) -> float:
        """Return the mean score on some seeds, higher is better, less `LOST` for each run that diverged."""
        scores = [runs[Job(candidate, None, seed).key].score for seed in seeds]
        finished = [self.study.sign * score for score in scores if score is not None]
        return float(np.mean(finished or [0.0])) - LOST * (len(scores) - len(finished))
