"""The protocol of a study, as a pure function from finished runs to the next runs.

First every free learning rate is tuned: a grid of rates on the tuning seeds, then rounds of two more
rates for each candidate, beyond the edge while the best rate sits on one, else beside the best. So every
candidate is tuned at the same cost. Then all candidates, at their chosen rates, meet on fresh seeds.
Nothing but the finished runs decides what comes next, so a study that was killed continues as if it had
not been.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stepsize.study.candidates import Candidate
from stepsize.study.store import Runs
from stepsize.study.study import Study

STEP = math.sqrt(10)  # between the rates of the grid


class Job(NamedTuple):
    """A run to make: which candidate, at which rate (None: it has no free one), on which seed."""

    candidate: Candidate
    rate: float | None
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """Name the run in the store."""
        return self.candidate.key(self.rate), self.seed


@dataclass(frozen=True)
class Round:
    """Jobs that can be trained together; `judge` is true for those that feed the verdict."""

    name: str
    jobs: tuple[Job, ...]
    judge: bool


def rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Give the rounds of a study up to the first that is not finished, that one included."""
    last = study.tuning.rounds + 1
    for number in range(last if study.tuned else 0):
        jobs = tuple(
            Job(candidate, rate, seed)
            for seed in study.tuning.seeds
            for candidate in study.tuned
            for rate in rates_of_round(study, candidate, number, runs)
        )
        yield Round(f"tuning rates, round {number + 1} of {last}", jobs, judge=False)
        if any(job.key not in runs for job in jobs):
            return
    jobs = tuple(
        Job(candidate, chosen_rate(study, candidate, runs), seed)
        for seed in study.seeds
        for candidate in study.candidates
    )
    yield Round("comparing on fresh seeds", jobs, judge=True)


def next_round(study: Study, runs: Runs) -> Round | None:
    """Give the first round that is not finished, whole; None when the study is complete."""
    unfinished = (each for each in rounds(study, runs) if any(job.key not in runs for job in each.jobs))
    return next(unfinished, None)


def finished_runs(study: Study, runs: Runs) -> int:
    """Count the runs of the study that are in the store."""
    return sum(job.key in runs for each in rounds(study, runs) for job in each.jobs)


def total_runs(study: Study) -> int:
    """Count the runs that the whole study makes."""
    tuning = len(study.tuned) * study.tuning.rates_per_candidate * len(study.tuning.seeds)
    return tuning + len(study.candidates) * len(study.seeds)


def rates_of_round(study: Study, candidate: Candidate, number: int, runs: Runs) -> tuple[float, ...]:
    """Give the rates that a candidate tries in a tuning round, counted from 0."""
    if number == 0:
        return study.tuning.rates
    tried = tried_rates(study, candidate, number, runs)
    best = best_rate(study, candidate, tried, runs)
    at = tried.index(best)
    if at == 0:
        return _rounded(best / STEP**2), _rounded(best / STEP)
    if at == len(tried) - 1:
        return _rounded(best * STEP), _rounded(best * STEP**2)
    return _rounded(math.sqrt(tried[at - 1] * best)), _rounded(math.sqrt(best * tried[at + 1]))


def tried_rates(study: Study, candidate: Candidate, rounds: int, runs: Runs) -> list[float]:
    """Give the rates tried in the first `rounds` rounds, in rising order."""
    rates: list[float] = []
    for number in range(rounds):
        rates += rates_of_round(study, candidate, number, runs)
    return sorted(rates)


def best_rate(study: Study, candidate: Candidate, rates: Sequence[float], runs: Runs) -> float:
    """Give the best of `rates`: fewest diverged, best mean score, lowest loss, lowest rate in turn."""

    def merit(rate: float) -> tuple[float, ...]:
        tried = [runs[Job(candidate, rate, seed).key] for seed in study.tuning.seeds]
        scores = [run.score for run in tried if run.score is not None]
        losses = [run.valid_loss for run in tried if run.score is not None]
        losses = [math.inf if math.isnan(loss) else loss for loss in losses]  # a function may report none
        if not scores:
            return (-len(tried), -math.inf, -math.inf, -rate)
        mean_score, mean_loss = (sum(values) / len(values) for values in (scores, losses))
        return (len(scores) - len(tried), round(study.sign * mean_score, 9), -mean_loss, -rate)

    return max(rates, key=merit)


def chosen_rate(study: Study, candidate: Candidate, runs: Runs) -> float | None:
    """Give the rate that tuning chose for a candidate; None where none is free."""
    if not candidate.schedule.knobs:
        return None
    return best_rate(study, candidate, tried_rates(study, candidate, study.tuning.rounds + 1, runs), runs)


def at_edge(study: Study, candidate: Candidate, runs: Runs) -> bool:
    """Say whether the chosen rate is the lowest or the highest that was tried."""
    tried = tried_rates(study, candidate, study.tuning.rounds + 1, runs)
    return chosen_rate(study, candidate, runs) in (tried[0], tried[-1])


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")
