"""Whole studies, replayed: the package's own protocol and decision on runs drawn from a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from replay.population import Population, Trainer
from replay.tables import SCHEDULES

from stepsize.stats import Decision, TuningError, decide
from stepsize.study.protocol import rounds
from stepsize.study.search.chosen_rates import tuned_candidates
from stepsize.study.study import Study, make_study
from stepsize.study.tuning import Tuning, usual_tuning

PAIRS = tuple(combinations(range(len(SCHEDULES)), 2))
NONE = TuningError()


class Score(NamedTuple):
    """All that the protocol asks of a run."""

    score: float | None


@dataclass(frozen=True, eq=False)
class Replay:
    """The answer of one study: words and intervals of all pairs, and the rates that it chose."""

    rates: np.ndarray  # [schedules]
    words: np.ndarray  # [pairs], of the first against the second
    low: np.ndarray
    high: np.ndarray
    runs: float  # that tuning made for each candidate


def plan(problem, seeds: int, margin: float, quarter: bool = False) -> Study:
    """Return the study that is replayed; `quarter` tunes as for a training function."""
    tuning = Tuning.of(usual_tuning(problem, seeds).rates, 6, 3, round(1.5 * seeds**0.5)) if quarter else None
    return make_study(problem, SCHEDULES, seeds=seeds, margin=margin, tuning=tuning)


def replay(study: Study, population: Population, trainer: Trainer, earlier: Sequence[int] = ()) -> Replay:
    """Return the answer of the study with the runs of a trainer."""
    runs: dict = {}
    place = {candidate.name: i for i, candidate in enumerate(study.candidates)}
    verdict = tuning = 0
    for stage in rounds(study, runs):
        for job in stage.jobs:
            assert job.rate is not None
            runs[job.key] = Score(trainer.score(place[job.candidate.name], job.rate, job.seed))
        verdict += len(stage.jobs) * stage.judge
        tuning += len(stage.jobs) * (not stage.judge)
    choices = tuned_candidates(study, runs).values()
    rates = np.array([choice.chosen for choice in choices])
    errors = [
        TuningError(curve.regret_sd**2, curve.regret, slopes=tuple(curve.slopes))
        for curve in (choice.curve for choice in choices)
        if curve
    ]
    return _judged(study, population, trainer, rates, errors, earlier, tuning / len(SCHEDULES))


def oracle(study: Study, population: Population, trainer: Trainer, earlier: Sequence[int] = ()) -> Replay:
    """Return the answer of the study with every schedule at its best rate, known beforehand."""
    rates = np.array([population.best(schedule) for schedule in range(len(SCHEDULES))])
    return _judged(study, population, trainer, rates, [NONE] * len(rates), earlier, 0.0)


def _judged(
    study: Study,
    population: Population,
    trainer: Trainer,
    rates: np.ndarray,
    errors: Sequence[TuningError],
    earlier: Sequence[int],
    runs: float,
) -> Replay:
    scores = [
        [trainer.score(schedule, float(rate), seed) for seed in study.seeds]
        for schedule, rate in enumerate(rates)
    ]
    decision = decide(
        np.array([[np.nan if score is None else score for score in row] for row in scores]),
        names=SCHEDULES,
        baseline=SCHEDULES[0],
        margin=population.margin,
        sample_value=population.step or None,
        tuning=errors,
        earlier=earlier,
    )
    return Replay(rates, *_pairs(decision), runs)


def _pairs(decision: Decision) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs = [decision.between(SCHEDULES[i], SCHEDULES[j]) for i, j in PAIRS]
    ends = np.array([pair.ci95 or (-np.inf, np.inf) for pair in pairs])
    return np.array([pair.word for pair in pairs]), ends[:, 0], ends[:, 1]
