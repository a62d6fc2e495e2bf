"""The learning rates of a study, chosen together, and how many runs it takes to choose them.

Each candidate's rate is searched alone (`rate_search`). What the schedules of a study have in common then
helps each of them (`stepsize.stats.tuning.common_peaks`). Where scores differ much from seed to seed, the
coarse search may mistake the place of the best rate: then it runs on more seeds. The rates chosen in the end
may still lose much: then rates at which the best one may lie run on more seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from stepsize.schedules import Schedule
from stepsize.schedules.operators import planned_part
from stepsize.stats.tuning.common_peaks import Relative, with_common_peaks
from stepsize.stats.tuning.rate_curve import RateCurve
from stepsize.study.candidates import Candidate
from stepsize.study.search.knob_search import KnobSearch
from stepsize.study.search.rate_search import Search, Tuned
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study

MUCH = 0.12  # of the margin, over the root of the verdict's seeds: a larger expected loss asks for more seeds


def tuned_candidates(study: Study, runs: Runs) -> dict[str, Tuned]:
    """Return what is chosen for every candidate from the finished runs, by name; itself if nothing is free.

    All runs of tuning are finished.
    """
    _, rates = _settled(study, runs)
    return {each.name: rates.get(each.name) or _without_rate(study, each, runs) for each in study.candidates}


def last_tuned(study: Study, runs: Runs) -> dict[str, Tuned]:
    """Return what is chosen for every candidate, by name, in the last step of a study that ran it."""
    return {name: each for step in study.steps for name, each in tuned_candidates(step, runs).items()}


def is_noisy(study: Study, runs: Runs) -> bool:
    """Return whether scores differ so much from seed to seed that the coarse search needs more seeds.

    They do if the standard error of the mean score of a rate near the best, without what a seed does to all
    rates, is more than the margin on average over the candidates. Then another rate may seem the best, and
    the finer searches would look in the wrong place. The grid of the coarse search is finished.
    """
    if not _may_add_seeds(study):
        return False
    chosen = {each.name: Search(study, each).coarse(runs) for each in study.tuned}
    errors = [each.curve.standard_error for each in chosen.values() if each.curve is not None]
    return bool(np.mean(errors) > _margin(study, runs, chosen))


def _may_add_seeds(study: Study) -> bool:
    """Return whether a search may run on more seeds.

    None does beside candidates with several knobs, which get as many runs as those with a rate.
    """
    return bool(study.tuned and not study.joint and study.tuning.extra_rounds)


def extra_rounds(study: Study, runs: Runs) -> int:
    """Return how many rounds were added after the finer search; all runs of tuning are finished."""
    return _settled(study, runs)[0]


def most_extra_rounds(study: Study) -> int:
    """Return how many rounds may be added after the finer search: none if there is no such search."""
    return study.tuning.extra_rounds if _may_add_seeds(study) and study.tuning.fine_parts[1] else 0


def leaves_much(study: Study, searches: Mapping[str, Search], runs: Runs, extra: int) -> bool:
    """Return whether rates may lose much after so many rounds were added after the finer search.

    `searches` are the widened ones of all candidates with a free rate. Rates may lose much if the
    mean of what they are expected to lose to the best rates is more than

        MUCH margin / sqrt(seeds of the verdict)

    because the error of a verdict falls with the root of its seeds, and what tuning leaves must fall with it.
    """
    return _lose_much(study, runs, rates_after(study, searches, runs, extra))


def _lose_much(study: Study, runs: Runs, chosen: Mapping[str, Tuned]) -> bool:
    loss = np.mean([each.curve.regret for each in chosen.values() if each.curve is not None])
    return bool(loss > MUCH * _margin(study, runs, chosen) / math.sqrt(len(study.seeds)))


def _margin(study: Study, runs: Runs, chosen: Mapping[str, Tuned]) -> float:
    """Return the margin as far as tuning shows it."""
    typical = chosen.get(study.baseline) or chosen[min(chosen)]
    return study.margin(typical.scores(runs))


def _settled(study: Study, runs: Runs) -> tuple[int, dict[str, Tuned]]:
    """Return how many rounds were added after the finer search, and what is chosen after them."""
    noisy = is_noisy(study, runs)
    searches = {each.name: Search(study, each, noisy).widen(runs) for each in study.tuned}
    chosen, most = rates_after(study, searches, runs, 0), most_extra_rounds(study)
    for extra in range(most):
        if not _lose_much(study, runs, chosen):
            return extra, chosen
        chosen = rates_after(study, searches, runs, extra + 1)
    return most, chosen


def rates_after(study: Study, searches: Mapping[str, Search], runs: Runs, extra: int) -> dict[str, Tuned]:
    """Return what is chosen where a rate is free after so many rounds were added after the finer search."""
    alone = {name: search.finish(runs, extra) for name, search in searches.items()}
    curves = tuple(each.curve for each in alone.values() if each.curve is not None)
    relatives = tuple(_relative(study, each) for each in alone.values())
    joined = _together(curves, relatives)
    return {name: each.moved(curve) for (name, each), curve in zip(alone.items(), joined, strict=True)}


def _without_rate(study: Study, candidate: Candidate, runs: Runs) -> Tuned:
    if candidate not in study.joint:
        return Tuned(candidate)
    knobs = KnobSearch(study, candidate).finish(runs)
    return Tuned(knobs.candidate, knobs=knobs)


def _relative(study: Study, alone: Tuned) -> Relative:
    """Return how the rates of a candidate relate to the one that was chosen for it alone."""
    candidate, rate = alone.candidate, alone.chosen
    assert rate is not None
    plan = planned_part(candidate.schedule).bind(lr=rate)
    highest, mean, end = _heights(plan, study.epochs_of(candidate), study.updates_per_epoch(candidate))
    is_planned = candidate.schedule.metric_factor is None
    return Relative(candidate.settings_text, highest / rate, mean / highest, end / highest, is_planned)


@lru_cache(1024)  # a plan of many updates is slow
def _heights(schedule: Schedule, epochs: int, updates_per_epoch: int) -> tuple[float, float, float]:
    """Return the highest rate of a schedule, the mean rate, and that of the last tenth of the run."""
    values = schedule.plan(epochs=epochs, updates_per_epoch=updates_per_epoch).values
    last = values[-max(1, len(values) // 10) :]
    return float(values.max()), float(values.mean()), float(last.mean())


@lru_cache(64)  # a study asks for it again and again
def _together(curves: tuple[RateCurve, ...], relatives: tuple[Relative, ...]) -> tuple[RateCurve, ...]:
    return tuple(with_common_peaks(curves, relatives))
