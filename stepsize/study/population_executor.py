"""The executor of a problem: trains its runs in populations, one call of the trainer after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from stepsize.engine.planner import Layout
from stepsize.engine.trainer import NotShared, Trainer
from stepsize.problems.problem import Problem
from stepsize.study.population_calls import Group, groups_of
from stepsize.study.protocol import Round
from stepsize.study.store import Run, Runs
from stepsize.study.study import Study


class PopulationExecutor:
    """An `Executor` that trains the runs of a problem through a trainer, such as the engine."""

    training_seconds = 0.0

    def __init__(self, trainer: Trainer, problem: Problem, study: Study) -> None:
        self._trainer, self._problem, self._study = trainer, problem, study
        self._compiled_before = trainer.compile_seconds
        self._layouts: dict[str, None] = {}  # each once, in order

    @property
    def compile_seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self._trainer.compile_seconds - self._compiled_before

    @property
    def layout(self) -> str:
        """The layouts of the populations as text."""
        return "; ".join(self._layouts)

    def execute(self, stage: Round, runs: Runs, advance: Callable[[float], None]) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs`, call by call.

        All populations are opened before one is trained: settings that an optimizer does not take come to
        light at once.
        """
        done = 0
        for group, layout in opened_groups(self._open, self._problem, self._study, stage):
            self._layouts[str(layout)] = None
            for call in group.calls(layout):
                missing = sum(job.key not in runs for job in call.jobs)
                if not missing:
                    continue
                began, compiled = time.perf_counter(), self.compile_seconds
                curves = self._trainer.train(
                    group.key,
                    group.blocks(call, layout),
                    lambda share, done=done, missing=missing: advance(done + share * missing),
                )
                finished = group.runs(call, curves)
                self.training_seconds += time.perf_counter() - began - (self.compile_seconds - compiled)
                done += missing
                advance(done)
                yield finished

    def _open(self, group: Group) -> Layout:
        return self._trainer.open(group.key, group.task, group.candidates, group.seeds)


def opened_groups(
    open_group: Callable[[Group], Layout], problem: Problem, study: Study, stage: Round, shared: bool = True
) -> list[tuple[Group, Layout]]:
    """Return the groups of a round with their layouts; those that cannot share a program are taken apart."""
    opened = []
    for group in groups_of(problem, study, stage, shared):
        try:
            opened.append((group, open_group(group)))
        except NotShared:
            apart = replace(stage, jobs=group.jobs)
            opened += opened_groups(open_group, problem, study, apart, shared=False)
    return opened
