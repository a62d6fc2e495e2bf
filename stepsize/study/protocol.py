"""The protocol of a study, as a pure function from finished runs to the next runs.

First every free learning rate is tuned. In a coarse search a grid of rates runs on a few tuning seeds, and
two more rates beyond its edge while the best one lies there. In a fine search a few rates around the best
run on many more tuning seeds. The rate is chosen from a smooth curve through all of these scores
(`stepsize.stats.rate_curve`). Then all candidates, at their chosen rates, meet on fresh seeds.
Only the finished runs decide what comes next, so a study that was killed resumes as if nothing had
happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from stepsize.stats.rate_curve import RateCurve, fit_rate_curve
from stepsize.study.candidates import Candidate
from stepsize.study.rate_search import FINE_RATES, WIDEN, beyond, edge_at, fine_rates, first_rates, short
from stepsize.study.store import Runs
from stepsize.study.study import Study

BEYOND = "beyond the edge"


class Job(NamedTuple):
    """A run to make: a candidate, its rate (None if it has no free rate) and a seed."""

    candidate: Candidate
    rate: float | None
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """The name of the run in the store."""
        return self.candidate.key(self.rate), self.seed


@dataclass(frozen=True)
class Round:
    """Jobs that can be trained together; `judge` is true if the verdict uses their runs."""

    name: str
    jobs: tuple[Job, ...]
    judge: bool


def rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Yield the rounds of a study up to and including the first one that is not finished.

    Runs added to `runs` during the iteration count: once a round's runs are there, the next round follows.
    """
    stage = None
    for stage in _tuning_rounds(study, runs):
        yield stage
    if stage is not None and not _is_finished(stage, runs):
        return
    chosen = [(candidate, tuned(study, candidate, runs).chosen) for candidate in study.candidates]
    jobs = tuple(Job(candidate, rate, seed) for seed in study.seeds for candidate, rate in chosen)
    yield Round("comparing on fresh seeds", jobs, judge=True)


def _tuning_rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Return the rounds that tune, up to the first that is not finished."""
    if not study.tuned:
        return
    tuning = study.tuning
    searches = {candidate.name: Search(study, candidate) for candidate in study.tuned}

    def stage(name: str, rates: Mapping[str, Sequence[float]], seeds: Sequence[int]) -> Round:
        each = [(candidate, rate) for candidate in study.tuned for rate in rates[candidate.name]]
        jobs = tuple(Job(candidate, rate, seed) for seed in seeds for candidate, rate in each)
        return Round(f"tuning rates, {name}", jobs, judge=False)

    latest = stage("coarse search", {name: search.tried for name, search in searches.items()}, tuning.seeds)
    yield latest
    for _ in range(tuning.rounds):
        if not _is_finished(latest, runs):
            return
        wider = {name: search.wider(runs) for name, search in searches.items()}
        if not any(wider.values()):
            break
        latest = stage(BEYOND, wider, tuning.seeds)
        yield latest
        for name, search in searches.items():
            search.add(wider[name])
    if tuning.fine_seeds and _is_finished(latest, runs):
        fine = {name: search.fine(runs) for name, search in searches.items()}
        yield stage("fine search", fine, tuning.fine_seeds)


def finished_runs(study: Study, runs: Runs) -> int:
    """Return the number of the study's runs that are in `runs`."""
    return sum(job.key in runs for each in rounds(study, runs) for job in each.jobs)


def total_runs(study: Study, runs: Runs | None = None) -> int:
    """Return how many runs the whole study makes, as far as the finished ones tell.

    Rates beyond the edge of the grid add to it once it is known that they are needed.
    """
    tuning = study.tuning
    each = len(tuning.rates) * len(tuning.seeds) + FINE_RATES * len(tuning.fine_seeds)
    beyond = sum(len(stage.jobs) for stage in _tuning_rounds(study, runs or {}) if BEYOND in stage.name)
    return len(study.tuned) * each + beyond + len(study.candidates) * len(study.seeds)


def _is_finished(stage: Round, runs: Runs) -> bool:
    return all(job.key in runs for job in stage.jobs)


@dataclass
class Search:
    """The search for a candidate's best rate: `tried` are its rates so far, in rising order."""

    study: Study
    candidate: Candidate
    tried: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.tried = sorted(first_rates(self.allows, self.study.tuning.rates))

    def allows(self, rate: float) -> bool:
        """Return whether the candidate's schedule exists at a rate."""
        return self.study.allows(self.candidate, rate)

    def add(self, rates: Iterable[float]) -> None:
        """Note that rates were tried."""
        self.tried = sorted([*self.tried, *rates])

    def wider(self, runs: Runs) -> tuple[float, ...]:
        """Return two rates beyond the edge if the best rate lies there, as far as the schedule exists."""
        best = self.curve(runs, self.tried).rate
        edge = edge_at(best, self.tried, WIDEN)
        return () if edge is None else beyond(self.allows, edge, self.tried)

    def fine(self, runs: Runs) -> tuple[float, ...]:
        """Return the rates of the fine search."""
        return fine_rates(self.curve(runs, self.tried).rate, self.tried[0], self.tried[-1])

    def curve(self, runs: Runs, first: Sequence[float], fine: Sequence[float] = ()) -> RateCurve:
        """Return the curve through the scores of rates that ran on the first and on the fine seeds."""
        tuning = self.study.tuning
        rates = tuple(sorted({*first, *fine}))
        scores = np.full((len(rates), len(tuning.seeds) + len(tuning.fine_seeds)), np.nan)
        for row, rate in enumerate(rates):
            for column, seed in enumerate((*tuning.seeds, *tuning.fine_seeds)):
                if rate in (first if column < len(tuning.seeds) else fine):
                    score = runs[Job(self.candidate, rate, seed).key].score
                    scores[row, column] = -np.inf if score is None else self.study.sign * score
        return _curve(rates, scores.tobytes())

    def finish(self, runs: Runs) -> Tuned:
        """Return what tuning chose, from the finished runs."""
        for _ in range(self.study.tuning.rounds):
            self.add(self.wider(runs))
        fine = self.fine(runs) if self.study.tuning.fine_seeds else ()
        curve = self.curve(runs, self.tried, fine)
        rates = sorted({*self.tried, *fine})
        edge = edge_at(curve.rate, rates)
        at_limit = edge is not None and not beyond(self.allows, edge, rates)
        return Tuned(rates, short(curve.rate, rates[0], rates[-1]), curve, edge is not None, at_limit)


@lru_cache(4096)  # a study asks for the curve of the same scores again and again
def _curve(rates: tuple[float, ...], scores: bytes) -> RateCurve:
    return fit_rate_curve(rates, np.frombuffer(scores).reshape(len(rates), -1))


@dataclass(frozen=True)
class Tuned:
    """What tuning chose for a candidate: the rates `tried`, rising, and the curve through their scores.

    `chosen` and `curve` are None where no rate is free. `at_edge` says that the chosen rate lies nearest to
    the lowest or the highest one tried, `at_limit` that the schedule allows no rate beyond that one.
    """

    tried: list[float]
    chosen: float | None
    curve: RateCurve | None = None
    at_edge: bool = False
    at_limit: bool = False

    def within(self, margin: float) -> list[float] | None:
        """Return the range of rates that are as good as the chosen one within the margin, to two digits."""
        if self.curve is None:
            return None
        return [short(end, self.tried[0], self.tried[-1]) for end in self.curve.within(margin)]


def tuned(study: Study, candidate: Candidate, runs: Runs) -> Tuned:
    """Return the rates of a candidate, chosen from the finished runs; none where none is free."""
    return Search(study, candidate).finish(runs) if candidate.schedule.knobs else Tuned([], None)
