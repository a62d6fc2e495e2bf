"""From the jobs of a round to the trainer's calls, and from its curves to runs: plain data, no training.

Jobs that can share a compiled program form a `Group`. A group is cut into `Call`s, a call into blocks of
jobs that share a seed. `Group.blocks` builds what the trainer needs to train a call.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from stepsize.engine.batch_order import batch_order
from stepsize.engine.numeric_settings import in_single_precision
from stepsize.engine.planner import Layout
from stepsize.engine.task import Block, Curves, Task
from stepsize.problems.metrics import check_share
from stepsize.problems.preprocessing import prepare
from stepsize.problems.problem import Problem
from stepsize.problems.splitting.splits import Parts
from stepsize.schedules import Schedule, parse
from stepsize.schedules.plateau_rule import NEUTRAL, PlateauRule
from stepsize.study.candidate_settings import optimizer_arguments
from stepsize.study.jobs import Job
from stepsize.study.populations.shared_programs import Program, separate_programs, shared_programs
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run
from stepsize.study.study import Study

T = TypeVar("T")

KEPT = 128  # parts of a problem that are kept
_parts: WeakKeyDictionary[Problem, dict[tuple[int, bool], Parts]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Call:
    """The jobs of one call of the trainer, by block; the jobs of a block share their seed."""

    blocks: tuple[tuple[Job, ...], ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs of all blocks."""
        return tuple(job for block in self.blocks for job in block)

    def without(self, candidates: Container[str]) -> Call:
        """Return the call without the jobs of some candidates."""
        blocks = (
            tuple(job for job in block if job.candidate.name not in candidates) for block in self.blocks
        )
        return Call(tuple(block for block in blocks if block))


@dataclass(frozen=True, eq=False)
class Group:
    """Jobs of a round that share a compiled program, whose parts have the same size.

    `problem` is the variant that they train. `programs` are those of all candidates of the study and of the
    jobs, by the text of their settings.
    """

    problem: Problem
    study: Study
    jobs: tuple[Job, ...]
    judge: bool
    programs: Mapping[str, Program]
    _plans: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def candidates(self) -> int:
        """The candidates of the study that share the program."""
        texts = ([each.settings_text for each in self.study.examples(one)] for one in self.study.candidates)
        shared = sum(any(self.programs[text].key == self._program.key for text in each) for each in texts)
        return max(1, shared)  # a proposed value that is compiled in has a program of its own

    @property
    def seeds(self) -> int:
        """The seeds of the verdict."""
        return len(self.study.seeds)

    @cached_property
    def key(self) -> str:
        """The name of the population, the same in every round of the study."""
        sizes = self.candidates, self.seeds, len(self._parts.train), len(self._parts.valid)
        numbers = [sorted(numbers.items()) for numbers in self.task.variants]
        return repr((self.study.fingerprint, self._program.key, numbers, sizes))

    @cached_property
    def task(self) -> Task:
        """What all runs of the population share."""
        problem, data, program = self.problem, self.problem.data, self._sharing[0]
        own = {**program.fixed, **program.numbers}
        if program.momentum is not None:
            own["momentum"] = program.momentum
        settings = optimizer_arguments(problem.settings, own)
        variants = {repr(sorted(each.numbers.items())): each.numbers for each in self._sharing}
        return Task(
            model=problem.travel_form(settings),
            settings=settings,
            x=data.trained_x,
            y=problem.trained_y,
            kind=data.kind,
            classes=len(data.classes),
            outputs=data.outputs,
            train_rows=len(self._parts.train),
            batch_size=program.batch_size or problem.batch_size,
            epochs=problem.epochs,
            weights=problem.row_weights(),
            metric=problem.scored_by,
            one_hot=data.one_hot,
            multipliers=tuple(program.multipliers),
            scheduled_momentum=program.momentum is not None,
            variants=tuple(variants.values()) if program.numbers else (),
        )

    def calls(self, layout: Layout) -> Iterator[Call]:
        """Yield the jobs as calls. The cut depends on the jobs alone, whether they are finished or not.

        So a resumed study makes exactly the calls it would otherwise have made.
        """
        by_seed: dict[int, list[Job]] = {}
        for job in self.jobs:
            by_seed.setdefault(job.seed, []).append(job)
        blocks = (block for jobs in by_seed.values() for block in _cut(jobs, layout.members))
        return map(Call, _cut(blocks, layout.blocks))

    def blocks(self, call: Call, layout: Layout) -> list[Block]:
        """Return the blocks of a call as the trainer takes them, each of `layout.members` runs."""
        return self.with_initial_weights(call, self.prepared_blocks(call, layout))

    def prepared_blocks(self, call: Call, layout: Layout) -> list[Block]:
        """Return the blocks of a call without initial weights; no code of the user's runs."""
        return [self._block(jobs, layout.members) for jobs in call.blocks]

    def with_initial_weights(self, call: Call, blocks: Sequence[Block]) -> list[Block]:
        """Return the blocks of a call with the initial weights that a PyTorch model draws."""
        weights = self.problem.initial_weights
        return [
            block._replace(initial=weights(jobs[0].seed))
            for jobs, block in zip(call.blocks, blocks, strict=True)
        ]

    def runs(self, call: Call, curves: Sequence[Curves]) -> list[Run]:
        """Return the runs of a call from the trainer's curves."""
        return [
            self._run(job, block_curves, member)
            for jobs, block_curves in zip(call.blocks, curves, strict=True)
            for member, job in enumerate(jobs)
        ]

    @cached_property
    def _parts(self) -> Parts:
        return parts_of(self.problem, self.jobs[0].seed, self.judge)

    @property
    def _program(self) -> Program:
        return self.programs[self.jobs[0].candidate.settings_text]

    @cached_property
    def _sharing(self) -> list[Program]:
        """The programs that share this one, each with numbers of its own; the same in every round.

        Of a candidate whose knobs are searched, they are those at the ends of their ranges.
        """
        examples = (example for each in self.study.candidates for example in self.study.examples(each))
        programs = {each.settings_text: self.programs[each.settings_text] for each in examples}
        shared = [each for each in programs.values() if each.key == self._program.key]
        return shared or [self._program]

    def _block(self, jobs: Sequence[Job], size: int) -> Block:
        seed = jobs[0].seed
        parts = parts_of(self.problem, seed, self.judge)
        members = [jobs[min(i, len(jobs) - 1)] for i in range(size)]  # the last job fills up the block
        programs = [self.programs[job.candidate.settings_text] for job in members]
        factors = [job.candidate.schedule.metric_factor for job in members]
        rules = [factor.rule() if factor is not None else NEUTRAL for factor in factors]
        watched = self.problem.watched
        return Block(
            seed=np.uint32(seed),
            order=batch_order(parts.train, seed, self.problem.epochs),
            valid=parts.valid.astype(np.int32),
            prepared=prepare(self.problem.data, parts.train),
            target=self._target(parts.train),
            rates=np.stack([self._rates_of(job) for job in members]),
            rules=PlateauRule(*np.array(rules, np.float32).T),
            watch=np.array([watched.index(f.metric) if f is not None else 0 for f in factors], np.int32),
            momenta=self._momenta(programs),
            settings={
                name: in_single_precision([each.numbers[name] for each in programs])
                for name in self._program.numbers
            },
            multipliers={
                name: np.array([each.multipliers[name] for each in programs], np.float32)
                for name in self._program.multipliers
            },
            initial=None,
        )

    def _rates_of(self, job: Job) -> np.ndarray:
        name = job.candidate.key(job.rate)
        if name not in self._plans:  # a study needs it for each of its seeds
            self._plans[name] = self._planned(job.candidate.at(job.rate))
        return self._plans[name]

    def _momenta(self, programs: Sequence[Program]) -> np.ndarray | None:
        """Return the momentum of every update [members, updates] if it is scheduled."""
        specs = [each.momentum for each in programs if each.momentum is not None]
        plans = {spec: self._planned(parse(spec)) for spec in set(specs)}
        return np.stack([plans[spec] for spec in specs]) if specs else None

    def _planned(self, schedule: Schedule) -> np.ndarray:
        plan = schedule.plan(epochs=self.task.epochs, updates_per_epoch=self.task.updates_per_epoch)
        return plan.values.astype(np.float32)

    def _target(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return shift and scale of a regression target for text models; other models take it unscaled."""
        if self.problem.data.kind != "regression" or not self.task.is_text:
            return None
        return _standardisation(self.problem.trained_y[rows].reshape(len(rows), -1))

    def _run(self, job: Job, curves: Curves, member: int) -> Run:
        series = np.stack([values[member] for values in curves[:4]])
        diverged_at = int(curves.diverged_at[member])
        if diverged_at < 0 and not np.isfinite(series[2, -1]):
            diverged_at = self.task.epochs * self.task.updates_per_epoch - 1
        if diverged_at < 0:
            check_share(self.problem.scored_by, float(series[2, -1]))
        return Run(
            job.candidate.key(job.rate), job.seed, job.rate, None if diverged_at < 0 else diverged_at, series
        )


def groups_of(problem: Problem, study: Study, stage: Round, shared: bool = True) -> Iterator[Group]:
    """Yield the jobs of a round as groups that share a compiled program.

    Candidates whose settings differ in numbers share one, unless `shared` is false.
    """
    every = {job.candidate.settings_text: job.candidate for job in stage.jobs}
    every |= {each.settings_text: each for one in study.candidates for each in study.examples(one)}
    found = every.values()
    programs = shared_programs(problem, study, found) if shared else separate_programs(found)
    groups: dict[tuple[str, tuple[int, ...]], list[Job]] = {}
    for seed, jobs in groupby(stage.jobs, key=lambda job: job.seed):
        # Drawing the parts of thousands of seeds only to count their rows would take a while.
        drawn = seed if problem.split.sizes_vary else stage.jobs[0].seed
        sizes = tuple(len(rows) for rows in parts_of(problem, drawn, stage.judge))
        for job in jobs:
            groups.setdefault((programs[job.candidate.settings_text].key, sizes), []).append(job)
    for jobs in groups.values():
        variant = problem.variant(jobs[0].candidate.settings)
        yield Group(variant, study, tuple(jobs), stage.judge, programs)


def parts_of(problem: Problem, seed: int, judge: bool) -> Parts:
    """Return the training and validation rows of a seed, which a study asks for many times."""
    parts = _parts.setdefault(problem, {})
    if (seed, judge) not in parts:
        if len(parts) == KEPT:
            del parts[next(iter(parts))]
        parts[seed, judge] = problem.parts(seed, judge)
    return parts[seed, judge]


def _standardisation(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and standard deviation of the columns, 1 for a constant column."""
    spread = x.std(axis=0, dtype=np.float64).astype(np.float32)
    return x.mean(axis=0, dtype=np.float64).astype(np.float32), np.where(spread > 0, spread, np.float32(1))


def _cut(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    whole = tuple(items)
    return (whole[i : i + size] for i in range(0, len(whole), size))
