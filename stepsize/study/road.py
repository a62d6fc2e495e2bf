"""Whether the models of a study can be populations, or train in PyTorch, in series."""

from __future__ import annotations

from stepsize.engine.planner import Layout
from stepsize.engine.trainer import Trainer
from stepsize.errors import NoPopulation
from stepsize.problems.problem import Problem
from stepsize.problems.variants import variant_key
from stepsize.study.jobs import Job
from stepsize.study.populations.calls import Group
from stepsize.study.populations.executor import opened_groups
from stepsize.study.protocol import Round
from stepsize.study.study import Study
from stepsize.study.trainable import Trainable


def population_refusal(problem: Problem, study: Study, trainer: Trainer) -> str | None:
    """Return why a PyTorch model of a study cannot be a population, None if all can.

    All candidates take the same road, so that they differ in nothing else. The populations that this opens
    are those that the first round of the study trains in.
    """
    first: dict[str, Job] = {}
    rate, seeds = study.tuning.rates[0], (study.tuning.seeds if study.tuned or study.joint else study.seeds)
    for candidate in (example for each in study.candidates for example in study.examples(each)):
        if (series := problem.variant(candidate.settings).series) is not None:
            return series
        job = Job(candidate, rate if candidate.schedule.knobs else None, seeds[0])
        first.setdefault(variant_key(candidate.settings), job)

    def open_group(group: Group) -> Layout:
        return trainer.open(group.key, group.task, group.candidates, group.seeds)

    stage = Round("opening", tuple(first.values()), judge=seeds is study.seeds)
    try:
        opened_groups(open_group, problem, study, stage)
    except NoPopulation as error:
        return str(error)
    return None


def road_note(problem: Trainable) -> str | None:
    """Return why the runs of a problem are made in PyTorch, in series; None for any other road."""
    reason = problem.series if isinstance(problem, Problem) else None
    return reason and f"it trains in PyTorch, one run at a time, because {reason}"
