"""Where a candidate's learning rate is chosen: the search for it, as a pure function of the finished runs.

`rates_to_try` places the rates, `stepsize.stats.tuning.rate_curve` draws the curve whose peak is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np

from stepsize.stats.tuning.rate_curve import RateCurve, fit_rate_curve
from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.rates_to_try import (
    FINE,
    FINER,
    LATTICE,
    WIDEN,
    beyond,
    edge_at,
    fine_rates,
    first_rates,
    likely_rates,
    short,
)
from stepsize.study.search.knob_search import ChosenKnobs
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study

NEXT = 1.01  # two rates are different if their ratio is larger, whatever their rounding
Tried = tuple[Sequence[float], Sequence[int]]  # the rates of a search, and the seeds that they ran on


@dataclass
class Search:
    """The search for a candidate's best rate: `tried` are its rates so far, in rising order.

    `is_noisy` says whether seeds were added to the coarse search. It remembers its curves, so all calls must
    get the same runs, to which only new ones may be added.
    """

    study: Study
    candidate: Candidate
    is_noisy: bool = False
    tried: list[float] = field(init=False)
    _curves: dict[object, RateCurve] = field(init=False, default_factory=dict[object, RateCurve])

    def __post_init__(self) -> None:
        self.tried = sorted(first_rates(self.allows, self.study.tuning.rates))

    def allows(self, rate: float) -> bool:
        """Return whether the candidate's schedule exists at a rate."""
        return self.study.allows(self.candidate, rate)

    def add(self, rates: Iterable[float]) -> None:
        """Record that rates were tried."""
        self.tried = sorted([*self.tried, *rates])

    def wider(self, runs: Runs) -> tuple[float, ...]:
        """Return two rates beyond the edge if the best rate lies there, as far as the schedule exists."""
        best = self._curve(runs, [self._coarse]).rate
        edge = edge_at(best, self.tried, WIDEN)
        return () if edge is None else beyond(self.allows, edge, self.tried)

    def widen(self, runs: Runs) -> Search:
        """Add the rates beyond the edge of the grid, whose runs are finished, and return the search."""
        for _ in range(self.study.tuning.rounds):
            self.add(self.wider(runs))
        return self

    def coarse(self, runs: Runs) -> Tuned:
        """Return what the coarse search chose."""
        return Tuned(self.candidate, None, (self._coarse,)).moved(self._curve(runs, [self._coarse]))

    def fine(self, runs: Runs) -> tuple[float, ...]:
        """Return the rates of the fine search."""
        return self._around(self._curve(runs, [self._coarse]).rate, FINE)

    def finer(self, runs: Runs) -> tuple[float, ...]:
        """Return the rates of the finer search: those of the fine one if runs diverge close to the best.

        Whether a rate loses a few of its runs takes many seeds to see.
        """
        fine = self.fine(runs)
        curve = self._curve(runs, self._until_fine(runs))
        steady = float(curve.rates[-1])
        if steady < max(*self.tried, *fine) / NEXT and math.log10(steady / curve.rate) < FINE / LATTICE:
            return fine
        return self._around(curve.rate, FINER)

    def likely(self, runs: Runs) -> tuple[float, ...]:
        """Return the rates of the rounds that may be added: five at which the best one may lie.

        They are those of the finer search if runs diverge close to the best.
        """
        draws = self._curve(runs, self._until_finer(runs), regret=True).draws
        if draws is None or self.finer(runs) == self.fine(runs):
            return self.finer(runs)
        return likely_rates(draws.interpolated().peaks(), self.tried[0], self.tried[-1])

    def finish(self, runs: Runs, extra: int = 0) -> Tuned:
        """Return what this widened search chose; `extra` rounds were added after the finer search."""
        searches = self._until_finer(runs)
        if extra:
            searches.append((self.likely(runs), tuple(chain(*self.study.tuning.extra_seeds(extra)))))
        curve = self._curve(runs, searches, regret=True)
        tuned = Tuned(self.candidate, None, tuple(searches))
        tried = tuned.tried
        ends = {edge for edge in (tried[0], tried[-1]) if not beyond(self.allows, edge, tried)}
        return replace(tuned, limits=frozenset(ends)).moved(curve)

    @property
    def _coarse(self) -> Tried:
        return self.tried, self.coarse_seeds

    def _until_fine(self, runs: Runs) -> list[Tried]:
        seeds, _ = self.study.tuning.fine_parts
        return [self._coarse, (self.fine(runs), seeds)] if seeds else [self._coarse]

    def _until_finer(self, runs: Runs) -> list[Tried]:
        _, seeds = self.study.tuning.fine_parts
        return [*self._until_fine(runs), (self.finer(runs), seeds)] if seeds else self._until_fine(runs)

    @property
    def coarse_seeds(self) -> tuple[int, ...]:
        """The seeds of the coarse search."""
        tuning = self.study.tuning
        return (*tuning.seeds, *tuning.extra_coarse_seeds) if self.is_noisy else tuning.seeds

    def _around(self, best: float, spacing: int) -> tuple[float, ...]:
        return fine_rates(best, self.tried[0], self.tried[-1], spacing)

    def _curve(self, runs: Runs, searches: Sequence[Tried], *, regret: bool = False) -> RateCurve:
        """Return the curve through the scores of some searches."""
        key = (tuple((tuple(tried), tuple(seeds)) for tried, seeds in searches), regret)
        if key not in self._curves:
            self._curves[key] = fitted_curve(*self._scores(runs, searches), regret=regret)
        return self._curves[key]

    def _scores(self, runs: Runs, searches: Sequence[Tried]) -> tuple[tuple[float, ...], np.ndarray]:
        """Return the rates of some searches, and their scores [rates, seeds]."""
        rates = tuple(sorted({rate for tried, _ in searches for rate in tried}))
        scores = np.full((len(rates), sum(len(seeds) for _, seeds in searches)), np.nan)
        first = 0
        for tried, seeds in searches:
            for rate in tried:
                name = Job(self.candidate, rate, 0).name
                found = [runs[name, seed].score for seed in seeds]
                signed = [-np.inf if score is None else self.study.sign * score for score in found]
                scores[rates.index(rate), first : first + len(seeds)] = signed
            first += len(seeds)
        return rates, scores


def fitted_curve(rates: Sequence[float], scores: np.ndarray, *, regret: bool = True) -> RateCurve:
    """Return `fit_rate_curve` of rates and scores, remembered."""
    return _fitted(tuple(rates), np.asarray(scores, np.float64).tobytes(), regret)


@lru_cache(4096)  # a study asks for the curve of the same scores again and again
def _fitted(rates: tuple[float, ...], scores: bytes, regret: bool) -> RateCurve:
    return fit_rate_curve(rates, np.frombuffer(scores).reshape(len(rates), -1), regret=regret)


@dataclass(frozen=True)
class Tuned:
    """What tuning chose: a candidate, which runs at the rate `chosen`.

    `searches` are the coarse, the fine and the finer search and the rounds added after them, and `curve` goes
    through their scores.
    `chosen` and `curve` are None where no rate was searched alone: then several `knobs` were, and the
    candidate has their values, or nothing is free. `limits` are the rates tried beyond which the schedule
    allows none.
    """

    candidate: Candidate
    chosen: float | None = None
    searches: tuple[Tried, ...] = ()
    curve: RateCurve | None = None
    limits: frozenset[float] = frozenset()
    knobs: ChosenKnobs | None = None

    @cached_property
    def tried(self) -> list[float]:
        """The rates of all searches, in rising order."""
        return sorted({rate for rates, _ in self.searches for rate in rates})

    @property
    def seeds(self) -> list[int]:
        """The tuning seeds, those of the coarse search first."""
        return [seed for _, seeds in self.searches for seed in seeds]

    def runs_at(self, rate: float, runs: Runs) -> list[Run]:
        """Return the runs of these searches at a rate; those of other studies do not count."""
        seeds = (seed for rates, seeds in self.searches if rate in rates for seed in seeds)
        return [runs[Job(self.candidate, rate, seed).key] for seed in seeds]

    def moved(self, curve: RateCurve) -> Tuned:
        """Return the choice of another curve through the same scores."""
        return replace(self, chosen=short(curve.rate, self.tried[0], self.tried[-1]), curve=curve)

    @property
    def edge(self) -> float | None:
        """The lowest or the highest rate tried if the chosen one lies near it."""
        return edge_at(self.curve.rate, self.tried) if self.curve else None

    @property
    def at_edge(self) -> bool:
        """Whether the chosen rate lies nearest to the lowest or the highest one tried."""
        return self.edge is not None

    @property
    def at_limit(self) -> bool:
        """Whether the schedule allows no rate beyond the edge at which the chosen one lies."""
        return self.edge in self.limits

    def job(self, seed: int) -> Job:
        """Return the run of what was chosen on a seed."""
        return Job(self.candidate, self.chosen, seed)

    def scores(self, runs: Runs) -> np.ndarray:
        """Return the scores at the tried rate nearest to the chosen one, NaN for runs that diverged."""
        chosen = self.chosen
        assert chosen is not None
        nearest = min(self.tried, key=lambda rate: abs(math.log(rate / chosen)))
        scores = [run.score for run in self.runs_at(nearest, runs)]
        return np.array([np.nan if score is None else score for score in scores])

    def within(self, margin: float) -> list[float] | None:
        """Return the range of rates that are as good as the chosen one within the margin, to two digits."""
        if self.curve is None:
            return None
        return [short(end, self.tried[0], self.tried[-1]) for end in self.curve.within(margin)]
