"""Which runs a map of rates makes, as a pure function of the finished ones.

A grid of rates half a decade apart runs on a few seeds. As long as an end is open, two more rates are tried
beyond it; the lower end is found at a rate that scores worse than the good ones, the upper end at one that
does so or diverges. Then come five rates around the best one, a quarter of a decade apart, and finally the
best one itself; if these open an end again, it is widened again. All rates run on the same seeds, those of
tuning, so that a later comparison has fresh ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from stepsize.stats import by_repeat, summarise
from stepsize.stats.tuning.rate_curve import RateCurve
from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.protocol import Round
from stepsize.study.rates_to_try import FINER, beyond, fine_rates, short
from stepsize.study.search.rate_search import fitted_curve
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study

LOWEST, HIGHEST = 1e-8, 1e3  # no rate beyond these is tried
ALIKE = 1.01  # two rates are the same if their ratio is smaller


@dataclass
class MapOfRates:
    """The map of one setting of the optimizer.

    `tried` are its rates so far, in rising order, and `chosen` is the best one, once it is known.
    """

    study: Study
    candidate: Candidate
    tried: list[float] = field(init=False)
    chosen: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.tried = sorted(self.study.tuning.rates)

    def jobs(self, rates: Sequence[float]) -> Iterator[Job]:
        """Yield the runs of some rates, seed by seed."""
        return (Job(self.candidate, rate, seed) for seed in self.study.tuning.seeds for rate in rates)

    def runs_at(self, rate: float, runs: Runs) -> list[Run]:
        """Return the runs of a rate."""
        return [runs[job.key] for job in self.jobs([rate])]

    def curve(self, runs: Runs) -> RateCurve:
        """Return the curve through the scores of the rates tried."""
        return fitted_curve(self.tried, self.scores(runs))

    def scores(self, runs: Runs) -> np.ndarray:
        """Return the scores [rates, seeds], higher is better, -inf where a run diverged."""
        sign = self.study.sign
        scores = [[run.score for run in self.runs_at(rate, runs)] for rate in self.tried]
        return np.array([[-np.inf if s is None else sign * s for s in row] for row in scores])

    def margin(self, runs: Runs) -> float:
        """Return the smallest difference that matters, at the best rate."""
        scores = self.scores(runs)
        best = scores[self._nearest(self.curve(runs).rate)]
        whole = by_repeat(np.where(np.isfinite(best), best, np.nan), self.study.tuning.seeds, self.folds)
        return self.study.margin(whole if np.isfinite(whole).any() else scores[np.isfinite(scores)])

    @property
    def folds(self) -> int | None:
        """The folds of a cross-validation, whose statistics count its repeats."""
        return self.study.facts["protocol"].get("folds")

    def _nearest(self, rate: float) -> int:
        """Return the number of the rate tried that lies nearest to another one."""
        return int(np.abs(np.log(np.array(self.tried) / rate)).argmin())

    def worse(self, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
        """Return which rates lost more runs than the best, and which others score worse than it.

        The interval of the difference, seed by seed, or in a cross-validation repeat by repeat, then lies
        beyond the margin.
        """
        scores, margin = self.scores(runs), self.margin(runs)
        best = scores[self._nearest(self.curve(runs).rate)]
        loses_runs, scores_worse = [], []
        for each in scores:
            both = np.isfinite(best) & np.isfinite(each)
            gaps = np.where(both, best, np.nan) - np.where(both, each, np.nan)
            loss = summarise(by_repeat(gaps, self.study.tuning.seeds, self.folds)).ci95
            loses_runs.append(bool(np.isfinite(each).sum() < np.isfinite(best).sum()))
            scores_worse.append(not loses_runs[-1] and loss is not None and loss[0] > margin)
        return np.array(loses_runs), np.array(scores_worse)

    def all_diverged(self, runs: Runs) -> bool:
        """Return whether no run of any rate has finished."""
        return not np.isfinite(self.scores(runs)).any()

    def good(self, runs: Runs) -> tuple[float, float]:
        """Return the range of good rates: within the margin by the curve, and none of them shown to be worse.

        Nothing is known between rates that the user chose, so only the runs at these rates count.
        """
        best = self._nearest(self.curve(runs).rate)
        worse = np.flatnonzero(np.logical_or(*self.worse(runs)))
        first = max(worse[worse < best] + 1, default=0)
        last = min(worse[worse > best] - 1, default=len(self.tried) - 1)
        if not self.study.tuning.rounds:
            return self.tried[first], self.tried[last]
        low, high = self.curve(runs).within(self.margin(runs))
        if first and low <= self.tried[first - 1]:
            low = math.sqrt(self.tried[first - 1] * self.tried[first])
        if last < len(self.tried) - 1 and high >= self.tried[last + 1]:
            high = math.sqrt(self.tried[last] * self.tried[last + 1])
        return low, high

    def open_ends(self, runs: Runs) -> tuple[bool, bool]:
        """Return whether good rates reach the lowest rate tried, and the highest."""
        if self.all_diverged(runs):
            return True, False
        (low, high), steady = self.good(runs), self.curve(runs).rates[-1]
        above = high * ALIKE >= self.tried[-1] and steady * ALIKE >= self.tried[-1]
        return low <= self.tried[0] * ALIKE, bool(above)

    def wider(self, runs: Runs) -> tuple[float, ...]:
        """Return two more rates beyond every open end, up to the lowest and the highest rate allowed."""
        below, above = self.open_ends(runs)
        ends = [self.tried[0]] * below + [self.tried[-1]] * above
        return tuple(rate for end in ends for rate in beyond(_is_tried, end, self.tried))

    def finer(self, runs: Runs) -> tuple[float, ...]:
        """Return the rates around the best that are not tried yet; none if every run diverged."""
        if self.all_diverged(runs):
            return ()
        around = fine_rates(self.curve(runs).rate, self.tried[0], self.tried[-1], FINER)
        return tuple(r for r in around if all(abs(math.log(r / t)) > math.log(ALIKE) for t in self.tried))

    def choose(self, runs: Runs) -> tuple[float, ...]:
        """Choose the middle of the good rates; return it if it has not been tried yet.

        Where scores hardly differ, the peak of the curve may be anywhere among them. Of rates that the user
        chose, the one nearest to the peak is taken.
        """
        if self.all_diverged(runs):
            return ()
        if self.study.tuning.rounds:
            self.chosen = short(math.sqrt(math.prod(self.good(runs))), self.tried[0], self.tried[-1])
        else:
            self.chosen = self.tried[self._nearest(self.curve(runs).rate)]
        return () if self.chosen in self.tried else (self.chosen,)

    def add(self, rates: Sequence[float]) -> None:
        """Record that rates were tried."""
        self.tried = sorted([*self.tried, *rates])


def maps_of(study: Study) -> list[MapOfRates]:
    """Return the map of every setting before any of its runs counts, in the order of the settings."""
    settings = {candidate.settings_text: candidate.settings for candidate in study.candidates}
    return [MapOfRates(study, Candidate("constant(lr)", **each)) for each in settings.values()]


def map_rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Yield the rounds of a study's maps up to and including the first one that is not finished."""
    for _, stage in _steps(study, runs):
        yield stage


def finished_maps(study: Study, runs: Runs) -> list[MapOfRates]:
    """Return the maps with all of their rates; every run must be in `runs`."""
    *_, (maps, _) = _steps(study, runs)
    return maps


def count_runs(study: Study, runs: Runs) -> int:
    """Return how many runs the maps take, as far as the finished runs show."""
    return sum(len(stage.jobs) for stage in map_rounds(study, runs))


def _steps(study: Study, runs: Runs) -> Iterator[tuple[list[MapOfRates], Round]]:
    """Yield every round with the maps, whose rates are those of the rounds so far."""
    maps, left, is_refined, is_chosen = maps_of(study), study.tuning.rounds, not study.tuning.rounds, False
    stage = _round("mapping rates", {id(each): tuple(each.tried) for each in maps}, maps)
    yield maps, stage
    while _is_finished(stage, runs):
        wider = {id(each): each.wider(runs) if left else () for each in maps}
        if any(wider.values()):
            stage, left = _added("mapping rates beyond the ends", wider, maps), left - 1
            is_chosen = False
        elif not is_refined:
            finer = {id(each): each.finer(runs) for each in maps}
            stage, is_refined = _added("mapping rates around the best", finer, maps), True
        elif not is_chosen:
            best = {id(each): each.choose(runs) for each in maps}
            stage, is_chosen = _added("training at the best rate", best, maps), True
        else:
            return
        yield maps, stage


def _added(name: str, rates: Mapping[int, Sequence[float]], maps: Sequence[MapOfRates]) -> Round:
    """Return the round of more rates, which the maps record."""
    for each in maps:
        each.add(rates[id(each)])
    return _round(name, rates, maps)


def _round(name: str, rates: Mapping[int, Sequence[float]], maps: Sequence[MapOfRates]) -> Round:
    return Round(name, tuple(job for each in maps for job in each.jobs(rates[id(each)])), judge=False)


def _is_finished(stage: Round, runs: Runs) -> bool:
    return all(job.key in runs for job in stage.jobs)


def _is_tried(rate: float) -> bool:
    return LOWEST <= rate <= HIGHEST
