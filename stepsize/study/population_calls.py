"""From jobs to the engine's calls and back: blocks of a seed, tables of rates, batch orders, runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeVar

import numpy as np

from stepsize.engine.batch_order import batch_order
from stepsize.engine.client import Engine
from stepsize.engine.task import Block, Curves, Task
from stepsize.problems.preprocessing import prepare
from stepsize.problems.problem import Problem
from stepsize.problems.splitting.splits import Parts
from stepsize.schedules import Schedule, parse
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule
from stepsize.study.candidate_settings import split_settings
from stepsize.study.protocol import Job, Round
from stepsize.study.store import Run, Runs
from stepsize.study.study import Study

T = TypeVar("T")


class Crews:
    """Makes the runs of a problem, through the training process."""

    training_seconds = 0.0

    def __init__(self, engine: Engine, problem: Problem, study: Study) -> None:
        self.watched = watched(problem)  # what a factor that a metric drives can observe
        self._engine, self._problem, self._study = engine, problem, study
        self._layouts: dict[str, None] = {}  # each once, in order

    @property
    def compile_seconds(self) -> float:
        """Seconds that compiling has taken so far."""
        return self._engine.compile_seconds

    @property
    def layout(self) -> str:
        """How the populations were laid out, in words."""
        return "; ".join(self._layouts)

    def make(self, stage: Round, runs: Runs, advance: Callable[[float], None]) -> Iterator[list[Run]]:
        """Make the runs of a round that are not in `runs`, call by call; tell how many are done."""
        done = 0
        for settings, jobs in split_jobs(self._problem, stage):
            crew = Crew(self._engine, self._problem, self._study, settings, stage.judge, jobs)
            self._layouts[str(crew.layout)] = None
            for call in crew.calls(jobs):
                missing = sum(job.key not in runs for job in call)
                if missing:
                    began, compiled = time.perf_counter(), self.compile_seconds
                    fresh = crew.train(
                        call, lambda share, done=done, missing=missing: advance(done + share * missing)
                    )
                    self.training_seconds += time.perf_counter() - began - (self.compile_seconds - compiled)
                    done += missing
                    advance(done)
                    yield fresh


def watched(problem: Problem) -> tuple[str, ...]:
    """Name what a plateau rule can observe, in the engine's order."""
    return "val_loss", f"val_{problem.scored_by.name}", "loss"


@lru_cache(128)  # a study asks for the rows of its seeds again and again
def parts_of(problem: Problem, seed: int, judge: bool) -> Parts:
    """Give the parts of a seed."""
    return problem.parts(seed, judge)


def split_jobs(problem: Problem, stage: Round) -> list[tuple[dict[str, Any], list[Job]]]:
    """Part a round into jobs that share a compiled program: same optimizer settings, parts of one size."""
    groups: dict[Any, tuple[dict[str, Any], list[Job]]] = {}
    for seed, jobs in groupby(stage.jobs, key=lambda job: job.seed):
        # Drawing the parts of thousands of seeds only to count their rows would take a while.
        drawn = seed if problem.split.sizes_vary else stage.jobs[0].seed
        sizes = tuple(len(rows) for rows in parts_of(problem, drawn, stage.judge))
        for job in jobs:
            settings = job.candidate.settings
            groups.setdefault((job.candidate.settings_text, sizes), (dict(settings), []))[1].append(job)
    return list(groups.values())


class Crew:
    """The population of one setting of the optimizer and one size of the parts, ready to train `jobs`."""

    def __init__(
        self,
        engine: Engine,
        problem: Problem,
        study: Study,
        settings: Mapping[str, Any],
        judge: bool,
        jobs: Sequence[Job],
    ) -> None:
        self.engine, self._problem, self._judge = engine, problem, judge
        self._watched = watched(problem)
        parts = parts_of(problem, jobs[0].seed, judge)
        data = problem.data
        optimizer, own = split_settings(settings)
        given = dict(problem.settings or {})
        if "momentum" in own:
            given.pop("momentum", None)
        self._task = Task(
            model=problem.travel_form(),
            settings={**given, **optimizer},
            x=data.x,
            y=data.y,
            kind=data.kind,
            classes=len(data.classes),
            outputs=data.outputs,
            train_rows=len(parts.train),
            batch_size=own.get("batch_size", problem.batch_size),
            epochs=problem.epochs,
            weights=problem.row_weights(),
            metric=problem.scored_by,
            multipliers=own.get("multipliers", {}),
            scheduled_momentum="momentum" in own,
        )
        self._key = repr((sorted(settings.items()), len(parts.train), len(parts.valid)))
        rivals = [candidate for candidate in study.candidates if candidate.settings == settings]
        self.layout = engine.open(self._key, self._task, len(rivals), len(study.seeds))
        self._momenta = self._values(parse(own["momentum"])) if "momentum" in own else None
        self._rates: dict[str, np.ndarray] = {}

    def calls(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """Cut jobs into the engine's calls; the cut depends on the jobs alone, finished or not.

        So a study that continues after a kill makes the very calls that it would have made.
        """
        for blocks in _cut(self._blocks(jobs), self.layout.blocks):
            yield [job for block in blocks for job in block]

    def _blocks(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, ...]]:
        by_seed: dict[int, list[Job]] = {}
        for job in jobs:
            by_seed.setdefault(job.seed, []).append(job)
        for own in by_seed.values():
            yield from _cut(own, self.layout.members)

    def train(self, call: Sequence[Job], on_progress: Callable[[float], None]) -> list[Run]:
        """Train the jobs of one call; give their runs."""
        blocks = list(self._blocks(call))
        curves = self.engine.train(self._key, [self._block(block) for block in blocks], on_progress)
        return [
            self._run(job, block_curves, member)
            for block, block_curves in zip(blocks, curves, strict=True)
            for member, job in enumerate(block)
        ]

    def _block(self, jobs: Sequence[Job]) -> Block:
        seed = jobs[0].seed
        parts = parts_of(self._problem, seed, self._judge)
        members = [jobs[min(i, len(jobs) - 1)] for i in range(self.layout.members)]  # the last one fills up
        factors = [job.candidate.schedule.metric_factor for job in members]
        rules = [factor.rule() if factor is not None else NEUTRAL for factor in factors]
        return Block(
            seed=np.uint32(seed),
            order=batch_order(parts.train, seed, self._problem.epochs),
            valid=parts.valid.astype(np.int32),
            prepared=prepare(self._problem.data, parts.train),
            target=self._target(parts.train),
            rates=np.stack([self._table(job) for job in members]),
            rules=PlateauRule(*np.array(rules, np.float32).T),
            watch=np.array(
                [self._watched.index(f.metric) if f is not None else 0 for f in factors], np.int32
            ),
            momenta=None if self._momenta is None else np.stack([self._momenta] * len(members)),
        )

    def _table(self, job: Job) -> np.ndarray:
        name = job.candidate.key(job.rate)
        if name not in self._rates:
            self._rates[name] = self._values(job.candidate.at(job.rate))
        return self._rates[name]

    def _values(self, schedule: Schedule) -> np.ndarray:
        task = self._task
        plan = schedule.plan(epochs=task.epochs, updates_per_epoch=task.updates_per_epoch)
        return plan.values.astype(np.float32)

    def _target(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Give shift and scale of quantities, for models given as text; a user's model takes them raw."""
        if self._problem.data.kind != "regression" or "text" not in self._task.model:
            return None
        return _centred(self._problem.data.y[rows].reshape(len(rows), -1))

    def _run(self, job: Job, curves: Curves, member: int) -> Run:
        series = np.stack([values[member] for values in curves[:4]])
        diverged_at = int(curves.diverged_at[member])
        if diverged_at < 0 and not np.isfinite(series[2, -1]):
            diverged_at = self._task.epochs * self._task.updates_per_epoch
        return Run(
            job.candidate.key(job.rate), job.seed, job.rate, None if diverged_at < 0 else diverged_at, series
        )


def _centred(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give mean and spread of rows; what is constant keeps its scale."""
    spread = x.std(axis=0)
    return x.mean(axis=0), np.where(spread > 0, spread, np.float32(1))


def _cut(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    whole = tuple(items)
    return (whole[i : i + size] for i in range(0, len(whole), size))
