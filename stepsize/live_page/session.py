"""A session: one problem, prepared once, on which any schedule is compared with a baseline at once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepsize.checks import is_number
from stepsize.engine.planner import Layout
from stepsize.engine.task import Task
from stepsize.engine.trainer import Trainer
from stepsize.errors import StudyError
from stepsize.finding import map_rates
from stepsize.live_page.pair import Pair, judge_pair
from stepsize.problems.problem import Problem
from stepsize.process import Notice, Stop
from stepsize.rate_map.answer import RateMapAnswer
from stepsize.study.candidates import SEEDS, Candidate
from stepsize.study.jobs import Job
from stepsize.study.populations.calls import Group, parts_of
from stepsize.study.populations.executor import opened_groups
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run
from stepsize.study.study import Study, make_study

FIRST_SEED = 500_000  # neither a seed of `compare`, which begin at 0, nor one of tuning
KEPT = 300  # candidates whose runs are kept
MOMENTA = ("momentum", "beta_1")
SOME = 0.5  # the momentum that a program is compiled with


class Superseded(Stop):
    """A newer request has arrived, so nobody waits for this answer any more."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A schedule compared with a baseline, and what that took.

    `looked` counts the pairs that this session has compared so far, `trained` the runs that this answer
    needed. Of its seconds, `training_seconds` were spent on these runs, and `compile_seconds` on programs
    that are kept.
    """

    pair: Pair
    looked: int
    trained: int
    seconds: float
    training_seconds: float
    compile_seconds: float


class Session:
    """A problem and a trainer that keeps its compiled programs.

    The runs are those of `compare` on seeds of their own, and judged as tuning is: a test part of the data is
    not touched, and a later `compare` has fresh seeds. With a `trainer` that is warm, an answer takes as long
    as its runs.

    Raises: StudyError for seeds that a study cannot use.
    """

    def __init__(
        self,
        problem: Problem,
        trainer: Trainer,
        seeds: int | range | None = None,
        margin: float | None = None,
    ) -> None:
        self.problem = problem
        self._trainer = trainer
        self._runs: OrderedDict[str, dict[int, Run]] = OrderedDict()
        self._looked: set[tuple[str, str]] = set()
        self._maps: dict[str, RateMapAnswer] = {}
        self._study = _plan(problem, seeds, margin)

    @property
    def study(self) -> Study:
        """The study whose candidates each request replaces."""
        return self._study

    @property
    def seeds(self) -> int:
        """The number of seeds of an answer."""
        return len(self._study.seeds)

    def check(self, candidate: Candidate) -> None:
        """Raise StudyError or ScheduleError for a candidate that cannot be trained on the problem."""
        if candidate.schedule.knobs:
            raise StudyError(f"{candidate.name} has a free rate; write a number in its place")
        for name in MOMENTA:
            value: Any = candidate.settings.get(name)
            if is_number(value) and not 0 <= value < 1:  # here, no optimizer is built with it
                raise StudyError(f"{name}={value!r} must be a number of at least 0 and below 1")
        if candidate.key(None) not in self._runs:
            make_study(self.problem, [candidate], self._study.seeds)

    def score(
        self,
        chosen: Candidate,
        baseline: Candidate,
        is_superseded: Callable[[], bool] = lambda: False,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> Scored:
        """Train what is not trained yet of both candidates, and return their comparison.

        Raises: Superseded once `is_superseded` is true, at the next progress of the trainer at the latest.
        """
        began, compiled = time.perf_counter(), self._trainer.compile_seconds
        named = [Candidate(each.schedule, each.key(None), **each.settings) for each in (chosen, baseline)]
        both = {each.name: each for each in named}
        missing = {key: each for key, each in both.items() if len(self._runs.get(key, ())) < self.seeds}
        seconds = 0.0
        for done, each in enumerate(missing.values()):

            def advance(share: float, done: int = done) -> None:
                on_progress((done + share) / len(missing))

            seconds += self._train(each, is_superseded, advance)
        study = replace(self._study, candidates=tuple(both.values()), baseline=baseline.key(None))
        runs = {(name, seed): run for name in both for seed, run in self._runs[name].items()}
        for name in both:
            self._runs.move_to_end(name)
        while len(self._runs) > KEPT:
            self._runs.popitem(last=False)
        if len(both) > 1:
            self._looked.add((chosen.key(None), baseline.key(None)))
        return Scored(
            pair=judge_pair(study, runs, chosen.key(None)),
            looked=len(self._looked),
            trained=len(missing) * self.seeds,
            seconds=time.perf_counter() - began,
            training_seconds=seconds,
            compile_seconds=self._trainer.compile_seconds - compiled,
        )

    def map_rates(self, settings: Mapping[str, Any]) -> RateMapAnswer:
        """Return what every constant rate does with some settings of the optimizer, as `find` would."""
        key = repr(sorted(settings.items()))
        if key not in self._maps:
            options: dict[str, Any] = {"store": ":memory:", "quiet": True, "command": ""}
            result = map_rates(self.problem, settings=[settings], engine=self._trainer, **options)
            self._maps[key] = result.answer
        return self._maps[key]

    def _train(
        self, candidate: Candidate, is_superseded: Callable[[], bool], on_progress: Callable[[float], None]
    ) -> float:
        """Train the runs of a candidate that are missing; return the seconds that they took.

        Each candidate is trained alone: the baseline does not change while the schedule is dragged, and its
        runs are kept.
        """
        study = replace(self._study, candidates=(candidate,), baseline=candidate.name)
        jobs = tuple(Job(candidate, None, seed) for seed in study.seeds)
        runs = self._runs.setdefault(candidate.key(None), {})
        seconds = 0.0
        for group, layout in opened_groups(self._open, self.problem, study, Round("", jobs, judge=False)):
            for call in group.calls(layout):
                if all(job.seed in runs for job in call.jobs):
                    continue
                if is_superseded():
                    raise Superseded
                blocks, done = group.blocks(call, layout), len(runs)

                def advance(share: float | Notice, done: int = done, new: int = len(call.jobs)) -> None:
                    if isinstance(share, Notice):
                        return
                    if share < 1 and is_superseded():
                        raise Superseded
                    on_progress((done + share * new) / len(jobs))

                began, compiled = time.perf_counter(), self._trainer.compile_seconds
                curves = self._trainer.train(_key(group), blocks, advance)
                seconds += time.perf_counter() - began - (self._trainer.compile_seconds - compiled)
                runs.update({run.seed: run for run in group.runs(call, curves)})
        return seconds

    def _open(self, group: Group) -> Layout:
        return self._trainer.open(_key(group), _any_momentum(group.task), group.candidates, group.seeds)


def _plan(problem: Problem, seeds: int | range | None, margin: float | None) -> Study:
    """Return a study with the protocol of the problem and seeds that no other command uses."""
    if seeds is None or isinstance(seeds, int):
        count = problem.usual_seeds or SEEDS if seeds is None else seeds
        folds = problem.facts()["protocol"].get("folds") or 1
        first = -(-FIRST_SEED // folds) * folds  # where a repeat of a cross-validation begins
        seeds = range(first, first + count)
    return make_study(problem, ["constant(0.1)"], seeds, margin=margin)


def _key(group: Group) -> str:
    """Return the name of a group's population: that of a study, without the momentum, which is an input."""
    first = group.jobs[0]
    program = group.programs[first.candidate.settings_text]
    others = {name: value for name, value in program.numbers.items() if name not in MOMENTA}
    parts = parts_of(group.problem, first.seed, group.judge)
    sizes = group.candidates, group.seeds, len(parts.train), len(parts.valid)
    return repr(("explore", group.study.fingerprint, program.key, others, sizes))


def _any_momentum(task: Task) -> Task:
    """Return a task whose momentum, where it is an input, has a value that stands for all others."""
    if not task.variants:
        return task
    numbers = {name: SOME if name in MOMENTA else value for name, value in task.variants[0].items()}
    return replace(task, settings={**task.settings, **numbers}, variants=(numbers,))
