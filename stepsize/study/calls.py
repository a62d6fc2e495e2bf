"""From jobs to the engine's calls and back: blocks of a seed, tables of rates, batch orders, runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from stepsize.engine.client import Engine
from stepsize.engine.task import Block, Curves, Task
from stepsize.problems.problem import Problem
from stepsize.schedules.metric import NEUTRAL, PlateauRule
from stepsize.study.protocol import Job, Round
from stepsize.study.store import Run
from stepsize.study.study import Study

T = TypeVar("T")

WATCHED = ("val_loss", "val_accuracy", "loss")  # what a plateau rule can observe, in the engine's order


def split_by_settings(stage: Round) -> list[tuple[dict[str, Any], list[Job]]]:
    """Part a round into jobs that share optimizer settings, for they share a compiled program."""
    groups: dict[str, tuple[dict[str, Any], list[Job]]] = {}
    for job in stage.jobs:
        settings = dict(job.candidate.settings)
        groups.setdefault(repr(sorted(settings.items())), (settings, []))[1].append(job)
    return list(groups.values())


def batch_order(rows: np.ndarray, seed: int, epochs: int) -> np.ndarray:
    """Give the order in which a seed visits its training rows, [epochs, rows], int32.

    Row e is the e-th permutation drawn from `numpy.random.default_rng(seed)`.

    >>> batch_order(np.array([10, 20, 30]), seed=0, epochs=2).tolist()
    [[30, 10, 20], [30, 20, 10]]
    """
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(len(rows)), (epochs, 1)), axis=1)
    return rows[order].astype(np.int32)


class Crew:
    """The population of one setting of the optimizer, ready to train jobs."""

    def __init__(
        self, engine: Engine, problem: Problem, study: Study, settings: Mapping[str, Any], judge: bool
    ) -> None:
        self.engine, self._problem, self._judge = engine, problem, judge
        parts = problem.parts(study.seeds[0], judge)
        data = problem.data
        self._task = Task(
            model=problem.travel_form(),
            settings={**(problem.settings or {}), **settings},
            x=data.x,
            y=data.y.astype(np.float32)[:, None] if data.kind == "binary" else data.y,
            train_rows=len(parts.train),
            batch_size=problem.batch_size,
            epochs=problem.epochs,
        )
        self._key = repr((sorted(settings.items()), len(parts.train), len(parts.valid)))
        own = [candidate for candidate in study.candidates if candidate.settings == settings]
        self.layout = engine.open(self._key, self._task, len(own))
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
        parts = self._problem.parts(seed, self._judge)
        members = [jobs[min(i, len(jobs) - 1)] for i in range(self.layout.members)]  # the last one fills up
        shift, scale = self._scaling(parts.train)
        factors = [job.candidate.schedule.metric_factor for job in members]
        rules = [factor.rule() if factor is not None else NEUTRAL for factor in factors]
        return Block(
            seed=np.uint32(seed),
            order=batch_order(parts.train, seed, self._problem.epochs),
            valid=parts.valid.astype(np.int32),
            shift=shift,
            scale=scale,
            rates=np.stack([self._table(job) for job in members]),
            rules=PlateauRule(*np.array(rules, np.float32).T),
            watch=np.array([WATCHED.index(f.metric) if f is not None else 0 for f in factors], np.int32),
        )

    def _table(self, job: Job) -> np.ndarray:
        name = job.candidate.key(job.rate)
        if name not in self._rates:
            plan = job.candidate.at(job.rate).plan(
                epochs=self._task.epochs, updates_per_epoch=self._task.updates_per_epoch
            )
            self._rates[name] = plan.values.astype(np.float32)
        return self._rates[name]

    def _scaling(self, rows: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Give mean and spread of the training rows, per feature; a constant feature keeps its scale."""
        if not self._problem.data.prepare:
            return None, None
        x = self._problem.data.x[rows]
        spread = x.std(axis=0)
        return x.mean(axis=0), np.where(spread > 0, spread, np.float32(1))

    def _run(self, job: Job, curves: Curves, member: int) -> Run:
        series = np.stack([values[member] for values in curves[:4]])
        diverged_at = int(curves.diverged_at[member])
        if diverged_at < 0 and not np.isfinite(series[2, -1]):
            diverged_at = self._task.epochs * self._task.updates_per_epoch
        return Run(
            job.candidate.key(job.rate), job.seed, job.rate, None if diverged_at < 0 else diverged_at, series
        )


def _cut(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    whole = tuple(items)
    return (whole[i : i + size] for i in range(0, len(whole), size))
