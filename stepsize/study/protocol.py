"""The protocol of a study, as a pure function from finished runs to the next runs.

First every free learning rate is tuned: a grid of rates on the tuning seeds, then rounds of two more
rates for each candidate, beyond the edge while the best rate sits on one, else beside the best. Rates
that its schedule does not allow are replaced by others that it does. So every candidate is tuned at the
same cost. Then all candidates, at their chosen rates, meet on fresh seeds.
Only the finished runs decide what comes next, so a study that was killed resumes as if nothing had
happened.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from stepsize.study.candidates import Candidate
from stepsize.study.rate_search import first_rates, furthest, rounded
from stepsize.study.store import Runs
from stepsize.study.study import Study

STEP = math.sqrt(10)  # between the rates of the grid


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
    last = study.tuning.rounds + 1
    tried: dict[str, list[float]] = {candidate.name: [] for candidate in study.tuned}
    for number in range(last if study.tuned else 0):
        rates = {c.name: next_rates(study, c, tried[c.name], runs) for c in study.tuned}
        jobs = tuple(
            Job(candidate, rate, seed)
            for seed in study.tuning.seeds
            for candidate in study.tuned
            for rate in rates[candidate.name]
        )
        yield Round(f"tuning rates, round {number + 1} of {last}", jobs, judge=False)
        if any(job.key not in runs for job in jobs):
            return
        tried = {name: sorted([*before, *rates[name]]) for name, before in tried.items()}
    chosen = [(candidate, tuned(study, candidate, runs).chosen) for candidate in study.candidates]
    jobs = tuple(Job(candidate, rate, seed) for seed in study.seeds for candidate, rate in chosen)
    yield Round("comparing on fresh seeds", jobs, judge=True)


def finished_runs(study: Study, runs: Runs) -> int:
    """Return the number of the study's runs that are in `runs`."""
    return sum(job.key in runs for each in rounds(study, runs) for job in each.jobs)


def total_runs(study: Study) -> int:
    """Return the number of runs of the whole study."""
    tuning = len(study.tuned) * study.tuning.rates_per_candidate * len(study.tuning.seeds)
    return tuning + len(study.candidates) * len(study.seeds)


def next_rates(study: Study, candidate: Candidate, tried: Sequence[float], runs: Runs) -> tuple[float, ...]:
    """Return the rates that a candidate tries next, after those `tried`, in rising order."""
    if not tried:
        return first_rates(partial(study.allows, candidate), study.tuning.rates)
    best = best_rate(study, candidate, tried, runs)
    at = tried.index(best)
    if best in (tried[0], tried[-1]):
        return _beyond(study, candidate, tried, best)
    return rounded(math.sqrt(tried[at - 1] * best)), rounded(math.sqrt(best * tried[at + 1]))


def _beyond(study: Study, candidate: Candidate, tried: Sequence[float], best: float) -> tuple[float, float]:
    """Return two rates beyond the `best`, or two beside it if its schedule exists no further."""
    step, inner = (1 / STEP, tried[1]) if best == tried[0] else (STEP, tried[-2])
    wanted = rounded(best * step**2)
    end = furthest(partial(study.allows, candidate), best, wanted)
    half = rounded(best * step) if end == wanted else rounded(math.sqrt(best * end))
    if half in (best, end):
        half, end = (rounded(best * (inner / best) ** share) for share in (1 / 3, 2 / 3))
    return min(half, end), max(half, end)


def best_rate(study: Study, candidate: Candidate, rates: Sequence[float], runs: Runs) -> float:
    """Return the best of `rates`: by fewest diverged, best mean score, lowest loss, lowest rate, in turn."""

    def merit(rate: float) -> tuple[float, ...]:
        tried = [runs[Job(candidate, rate, seed).key] for seed in study.tuning.seeds]
        scores = [run.score for run in tried if run.score is not None]
        losses = [run.valid_loss for run in tried if run.score is not None]
        losses = [
            math.inf if math.isnan(loss) else loss for loss in losses
        ]  # a training function may not report losses
        if not scores:
            return (-len(tried), -math.inf, -math.inf, -rate)
        mean_score, mean_loss = (sum(values) / len(values) for values in (scores, losses))
        return (len(scores) - len(tried), round(study.sign * mean_score, 9), -mean_loss, -rate)

    return max(rates, key=merit)


class Tuned(NamedTuple):
    """The result of tuning a candidate's free rate: the rates tried, in rising order, and the chosen one."""

    tried: list[float]
    chosen: float | None
    at_limit: bool = False  # the schedule allows no rate beyond the chosen one

    @property
    def at_edge(self) -> bool:
        """Whether the chosen rate is the lowest or the highest that was tried."""
        return self.chosen is not None and self.chosen in (self.tried[0], self.tried[-1])


def tuned(study: Study, candidate: Candidate, runs: Runs) -> Tuned:
    """Return the rates of a candidate and the choice among them; nothing is chosen if no rate is free."""
    if not candidate.schedule.knobs:
        return Tuned([], None)
    tried: list[float] = []
    for _ in range(study.tuning.rounds + 1):
        tried = sorted([*tried, *next_rates(study, candidate, tried, runs)])
    chosen = best_rate(study, candidate, tried, runs)
    beyond = [chosen / STEP] * (chosen == tried[0]) + [chosen * STEP] * (chosen == tried[-1])
    limits = [furthest(partial(study.allows, candidate), chosen, rounded(rate)) for rate in beyond]
    return Tuned(tried, chosen, chosen in limits)
