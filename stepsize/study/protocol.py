"""The protocol of a study, as a pure function from finished runs to the next runs.

A training function is checked first: one of its runs is made twice. Then every free learning rate is tuned.
In a coarse search a grid of rates runs on a few tuning seeds, on more if scores differ much from seed to
seed, and two more rates beyond its edge while the best one lies there. In a fine search a few rates around
the best run on many more tuning seeds, and in a finer one a few that lie closer to it on twice as many again.
While the rates may still lose much, rates at which the best one may lie run on more seeds. The rate is chosen
from a smooth curve through all of these scores (`stepsize.stats.tuning`). Several free knobs of a candidate
are searched together (`knob_search`). Then all candidates, with what was chosen for them, are compared on
fresh seeds. Only the finished runs decide what comes next, so a study that was killed resumes as if nothing
had happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.rates_to_try import FINE_RATES
from stepsize.study.search.chosen_rates import (
    is_noisy,
    leaves_much,
    most_extra_rounds,
    tuned_candidates,
)
from stepsize.study.search.knob_search import KnobSearch, knob_budget
from stepsize.study.search.rate_search import Search
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study
from stepsize.study.tuning import TUNING_SEEDS

BEYOND = "beyond the edge"
LONGER_COARSE, LONGER = "coarse search, more seeds", "the likeliest rates"


@dataclass(frozen=True)
class Round:
    """Jobs that can be trained together; `judge` is true if the verdict uses their runs."""

    name: str
    jobs: tuple[Job, ...]
    judge: bool

    def without(self, others: tuple[Job, ...]) -> Round:
        """Return the round without the jobs of another one."""
        keys = {job.key for job in others}
        return replace(self, jobs=tuple(job for job in self.jobs if job.key not in keys)) if keys else self


def rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Yield the rounds of a study up to and including the first one that is not finished.

    Runs added to `runs` during the iteration count: once a round's runs are there, the next round follows.
    """
    checked, stage = checked_jobs(study), None
    if checked:
        stage = Round("checking that a seed repeats", checked, judge=checked[0].seed < TUNING_SEEDS)
        yield stage
        if not _is_finished(stage, runs):
            return
    for stage in _tuning_rounds(study, runs):
        yield stage.without(checked)
    if stage is not None and not _is_finished(stage, runs):
        return
    chosen = tuned_candidates(study, runs).values()
    jobs = tuple(each.job(seed) for seed in study.seeds for each in chosen)
    yield Round("comparing on fresh seeds", jobs, judge=True).without(checked)


def checked_jobs(study: Study) -> tuple[Job, ...]:
    """Return the run that is made twice to check user code that trains, and its repetition; else none.

    It is a run that the study makes anyway: of the first schedule that is not constant, at its lowest rate.
    """
    first = study.steps[0]
    if not first.facts.get("repeats_first_run"):
        return ()
    varied = (each for each in first.candidates if not is_constant(each))
    candidate = next(varied, first.candidates[0])
    if candidate in first.joint:
        proposed = next(KnobSearch(first, candidate).batches({}))
        job = Job(proposed[0], None, first.tuning.seeds[0])
    elif candidate in first.tuned:
        job = Job(candidate, Search(first, candidate).tried[0], first.tuning.seeds[0])
    else:
        job = Job(candidate, None, first.seeds[0])
    return job, job._replace(again=True)


def is_constant(candidate: Candidate) -> bool:
    """Return whether a candidate's schedule is `constant` and nothing else."""
    return type(candidate.schedule).__name__ == "constant"


def _tuning_rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Return the rounds that tune, up to the first that is not finished."""
    stage = None
    for stage in _rate_rounds(study, runs):
        yield stage
    if study.joint and (stage is None or _is_finished(stage, runs)):
        yield from _knob_rounds(study, runs)


def _knob_rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Return the rounds that search several knobs together, up to the first that is not finished."""
    searches = [KnobSearch(study, candidate) for candidate in study.joint]
    budget = knob_budget(study.tuning)

    def stage(name: str, batches: Iterable[Sequence[Candidate]], seeds: Sequence[int]) -> Round:
        proposed = [each for batch in batches for each in batch]
        jobs = {job.key: job for seed in seeds for each in proposed for job in [Job(each, None, seed)]}
        return Round(f"tuning knobs, {name}", tuple(jobs.values()), judge=False)

    for number, batches in enumerate(zip(*(search.batches(runs) for search in searches), strict=True)):
        latest = stage(f"batch {number + 1} of {budget.batches}", batches, budget.seeds)
        yield latest
        if not _is_finished(latest, runs):
            return
    if searches:
        yield stage("the leading ones", [each.leading(runs) for each in searches], budget.more_seeds)


def _rate_rounds(study: Study, runs: Runs) -> Iterator[Round]:
    """Return the rounds that search for learning rates, up to the first that is not finished."""
    if not study.tuned:
        return
    tuning = study.tuning

    def stage(name: str, rates: Mapping[str, Sequence[float]], seeds: Sequence[int]) -> Round:
        each = [(candidate, rate) for candidate in study.tuned for rate in rates[candidate.name]]
        jobs = tuple(Job(candidate, rate, seed) for seed in seeds for candidate, rate in each)
        return Round(f"tuning rates, {name}", jobs, judge=False)

    grid = {each.name: Search(study, each).tried for each in study.tuned}
    latest = stage("coarse search", grid, tuning.seeds)
    yield latest
    if not _is_finished(latest, runs):
        return
    noisy = is_noisy(study, runs)
    if noisy:
        latest = stage(LONGER_COARSE, grid, tuning.extra_coarse_seeds)
        yield latest
    searches = {each.name: Search(study, each, noisy) for each in study.tuned}
    coarse_seeds = next(iter(searches.values())).coarse_seeds
    for _ in range(tuning.rounds):
        if not _is_finished(latest, runs):
            return
        wider = {name: search.wider(runs) for name, search in searches.items()}
        if not any(wider.values()):
            break
        latest = stage(BEYOND, wider, coarse_seeds)
        yield latest
        for name, search in searches.items():
            search.add(wider[name])
    first, second = tuning.fine_parts
    for name, seeds in (("fine search", first), ("finer search", second)):
        if not seeds or not _is_finished(latest, runs):
            return
        rates = {
            each: search.fine(runs) if seeds is first else search.finer(runs)
            for each, search in searches.items()
        }
        latest = stage(name, rates, seeds)
        yield latest
    for extra in range(most_extra_rounds(study)):
        if not _is_finished(latest, runs) or not leaves_much(study, searches, runs, extra):
            return
        rates = {each: search.likely(runs) for each, search in searches.items()}
        latest = stage(LONGER, rates, tuning.extra_seeds(extra + 1)[-1])
        yield latest


def finished_runs(study: Study, runs: Runs) -> int:
    """Return the number of the study's runs that are in `runs`."""
    return sum(job.key in runs for each in rounds(study, runs) for job in each.jobs)


def total_runs(study: Study, runs: Runs | None = None, extra: int = 0) -> int:
    """Return how many runs the whole study makes, as far as the finished ones show.

    Rates beyond the edge of the grid, and rounds added to a search, count once it is known that they are
    needed; at least `extra` rounds are expected to be added after the finer search.
    """
    tuning = study.tuning
    each = len(tuning.rates) * len(tuning.seeds) + FINE_RATES * len(tuning.fine_seeds)
    stages = list(_tuning_rounds(study, runs or {}))
    beyond = sum(len(stage.jobs) for stage in stages if BEYOND in stage.name or LONGER_COARSE in stage.name)
    longer = max(extra, sum(LONGER in stage.name for stage in stages))
    each += FINE_RATES * sum(map(len, tuning.extra_seeds(longer)))
    repeated = len(checked_jobs(study)) // 2
    tuning_runs = len(study.tuned) * each + len(study.joint) * knob_budget(tuning).runs
    return repeated + tuning_runs + beyond + len(study.candidates) * len(study.seeds)


def _is_finished(stage: Round, runs: Runs) -> bool:
    return all(job.key in runs for job in stage.jobs)
