"""The scores that a verdict counts, from the runs of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stepsize.stats import by_repeat, in_whole_repeats
from stepsize.study.search.chosen_rates import tuned_candidates
from stepsize.study.search.rate_search import Tuned
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study
from stepsize.study.used_rates import UsedRates


class Divergence(NamedTuple):
    """The first diverged run of a candidate: its update, and the highest rate up to there."""

    update: int
    highest_rate: float


@dataclass(frozen=True, eq=False)
class Scores:
    """What a study's runs scored, by candidate name.

    `by_run` [seeds] is in units of the metric, nan for a diverged run. `counted` is the same without the
    other runs of a repeat of a cross-validation that lost one: every mean is over these runs. `replicates`
    [seeds, or repeats] is what the statistics count: higher is better, so a loss has its sign turned.
    """

    rates: Mapping[str, Tuned]
    runs: Mapping[str, Sequence[Run]]
    by_run: Mapping[str, np.ndarray]
    counted: Mapping[str, np.ndarray]
    replicates: Mapping[str, np.ndarray]

    @property
    def any_finished(self) -> bool:
        """Whether a run of any candidate finished."""
        return any(bool(np.isfinite(each).any()) for each in self.by_run.values())

    def diverged(self, name: str) -> int:
        """Return how many runs of a candidate diverged."""
        return sum(run.score is None for run in self.runs[name])

    def divergence(self, study: Study, name: str) -> Divergence | None:
        """Return the earliest divergence of a candidate of the study, None if it has none."""
        lost = [(run.diverged_at, run) for run in self.runs[name] if run.diverged_at is not None]
        if not lost:
            return None
        update, run = min(lost, key=lambda pair: pair[0])
        return Divergence(update, UsedRates.of(study, self.rates[name]).highest(run))


def scores_of(study: Study, runs: Runs) -> Scores:
    """Return the scores of a finished study."""
    rates = tuned_candidates(study, runs)
    final = {name: final_runs(study, chosen, runs) for name, chosen in rates.items()}
    folds = study.facts["protocol"].get("folds")
    by_run = {name: run_scores(each) for name, each in final.items()}
    counted = {name: counted_scores(each, folds) for name, each in final.items()}
    replicates = {name: by_repeat(study.sign * values, study.seeds, folds) for name, values in by_run.items()}
    return Scores(rates, final, by_run, counted, replicates)


def final_runs(study: Study, chosen: Tuned, runs: Runs) -> list[Run]:
    """Return the runs of what was chosen for a candidate on the seeds of the verdict."""
    return [runs[chosen.job(seed).key] for seed in study.seeds]


def run_scores(runs: Sequence[Run]) -> np.ndarray:
    """Return the score of each run, nan for one that diverged."""
    return np.array([np.nan if run.score is None else run.score for run in runs])


def counted_scores(runs: Sequence[Run], folds: int | None) -> np.ndarray:
    """Return the score of each run that a mean counts, nan for the runs of a repeat that lost one."""
    return in_whole_repeats(run_scores(runs), [run.seed for run in runs], folds)
