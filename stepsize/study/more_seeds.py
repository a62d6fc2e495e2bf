"""Adding seeds until a study is decided: its next step, as a pure function of its finished runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from stepsize.checks import is_number, shown
from stepsize.errors import StudyError
from stepsize.stats import Decision
from stepsize.study.jobs import Job
from stepsize.study.protocol import rounds, total_runs
from stepsize.study.search.chosen_rates import extra_rounds
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study
from stepsize.study.tuning import TUNING_SEEDS, Tuning

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600}
GROWTH = 2  # every step has twice the seeds


@dataclass(frozen=True)
class Budget:
    """The most that a study may cost: a number of runs, or seconds of training and compiling."""

    runs: float = math.inf
    seconds: float = math.inf


def read_budget(value: Any) -> Budget:
    """Return the budget of a number of runs, or of a time such as `"90s"`, `"10m"` or `"2h"`.

    Raises: StudyError for anything else.

    >>> read_budget("10m"), read_budget(5000)
    (Budget(runs=inf, seconds=600.0), Budget(runs=5000, seconds=inf))
    """
    text = str(value).strip().lower().replace(",", "") if isinstance(value, str) else ""
    time = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)", text)
    if time and float(time[1]) > 0:
        return Budget(seconds=float(time[1]) * SECONDS[time[2]])
    runs = int(text) if text.isdecimal() else value
    if is_number(runs) and float(runs).is_integer() and float(runs) >= 1:
        return Budget(runs=int(runs))
    raise StudyError(
        f'budget={shown(value)} must be a time or a number of runs; write for example budget="10m" or '
        "budget=5000"
    )


def next_step(study: Study, decision: Decision, runs: Runs, budget: Budget) -> Study | None:
    """Return the study with twice the seeds, without the candidates that need no more; None to stop.

    It stops if the decision is settled, or if the next step, with as many rounds added to its tuning as this
    one, may not fit into the budget. Runs of a tuned rate are taken to be new, because more tuning seeds may
    choose another one. The budget counts everything that the study has cost so far, in
    whichever process that was.
    """
    if decision.is_settled:
        return None
    following = with_more_seeds(study, decision.droppable)
    known = {key: runs[key] for key in _keys(study.steps, runs)}
    likely = total_runs(following, known, extra_rounds(study, runs))
    cost, spent = likely - len(_keys((following,), known) | _fixed(following, known)), spent_on(study, runs)
    if spent.runs + cost > budget.runs or spent.seconds * (1 + cost / spent.runs) > budget.seconds:
        return None
    return following if max(following.seeds) < TUNING_SEEDS else None


def _fixed(study: Study, runs: Runs) -> set[tuple[str, int]]:
    """Return the keys of the finished verdict runs of candidates with nothing to tune."""
    free = (*study.tuned, *study.joint)
    jobs = (Job(each, None, seed) for each in study.candidates if each not in free for seed in study.seeds)
    return {job.key for job in jobs if job.key in runs}


def spent_on(study: Study, runs: Runs) -> Budget:
    """Return what a study has cost so far, in whichever process: its finished runs, and their seconds."""
    keys = _keys(study.steps, runs)
    return Budget(runs=len(keys), seconds=sum(runs[key].seconds for key in keys))


def with_more_seeds(study: Study, without: Iterable[str] = ()) -> Study:
    """Return the next step of a study: twice the seeds, and as much more tuning as their root asks for."""
    dropped = set(without)
    count, first = GROWTH * len(study.seeds), study.steps[0]
    start = max(study.seeds) + 1
    tuning = first.tuning
    fine = round(len(tuning.fine_seeds) * math.sqrt(count / len(first.seeds)))
    return replace(
        study,
        candidates=tuple(each for each in study.candidates if each.name not in dropped),
        seeds=(*study.seeds, *range(start, start + count - len(study.seeds))),
        tuning=Tuning.of(tuning.rates, tuning.rounds, len(tuning.seeds), fine, tuning.extra_rounds),
        previous=study,
    )


def _keys(steps: Iterable[Study], runs: Runs) -> set[tuple[str, int]]:
    """Return the keys of the runs of some steps that are finished."""
    jobs = (job for step in steps for each in rounds(step, runs) for job in each.jobs)
    return {job.key for job in jobs if job.key in runs}
