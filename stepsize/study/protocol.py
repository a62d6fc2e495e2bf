"""The protocol of a study, as a pure function from finished runs to the next runs.

First every free learning rate is tuned. In a coarse search a grid of rates runs on a few tuning seeds, and
two more rates beyond its edge while the best one lies there. In a fine search a few rates around the best
run on many more tuning seeds. The rate is chosen from a smooth curve through all of these scores
(`stepsize.stats.rate_curve`). Then all candidates, at their chosen rates, are compared on fresh seeds.
Only the finished runs decide what comes next, so a study that was killed resumes as if nothing had
happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stepsize.study.jobs import Job
from stepsize.study.rate_search import Search, tuned
from stepsize.study.rates_to_try import FINE_RATES
from stepsize.study.store import Runs
from stepsize.study.study import Study

BEYOND = "beyond the edge"


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
    """Return how many runs the whole study makes, as far as the finished ones show.

    Rates beyond the edge of the grid add to it once it is known that they are needed.
    """
    tuning = study.tuning
    each = len(tuning.rates) * len(tuning.seeds) + FINE_RATES * len(tuning.fine_seeds)
    beyond = sum(len(stage.jobs) for stage in _tuning_rounds(study, runs or {}) if BEYOND in stage.name)
    return len(study.tuned) * each + beyond + len(study.candidates) * len(study.seeds)


def _is_finished(stage: Round, runs: Runs) -> bool:
    return all(job.key in runs for job in stage.jobs)
