"""The executors of a cluster: one for populations, one for a training function."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from stepsize.checks import shown
from stepsize.engine.checkpoints import warn
from stepsize.engine.planner import Layout
from stepsize.errors import StudyError
from stepsize.problems.bare_problem import without_model
from stepsize.problems.code_identity import code_digest
from stepsize.problems.problem import Problem
from stepsize.study.cluster.actors import (
    FunctionCall,
    FunctionTrainer,
    PopulationCall,
    PopulationTrainer,
    RemotePopulation,
)
from stepsize.study.cluster.connection import connected
from stepsize.study.cluster.pool import Item, Pool, shared_versions
from stepsize.study.executor import Claim, Executor, Listener, unshared
from stepsize.study.jobs import Job
from stepsize.study.populations.calls import Call, Group
from stepsize.study.populations.executor import opened_groups
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study
from stepsize.study.user_functions.executor import packed_form, run_request
from stepsize.study.user_functions.torch_series import TorchSeries
from stepsize.study.user_functions.training import Training

PROCESS_MEMORY = 700 * 2**20  # bytes of an actor with a training process, without data
COPIES = 3  # of the data in its memory
NO_CHECKPOINTS = "Checkpoints are not kept on a Ray cluster: a run whose node is lost starts again."


@contextmanager
def cluster_executor(
    problem: Problem | Training, study: Study, address: str | None, on_message: Listener = warn
) -> Iterator[Executor]:
    """Return what makes the runs of a study on the Ray cluster at `address`, or on this machine if None.

    `on_message` is called, once each, with messages for people.

    Raises: StudyError if there is no such cluster, EngineError if it cannot train the study.
    """
    with connected(address):
        packages, memory = shared_versions(problem.software()), PROCESS_MEMORY
        if isinstance(problem, Training) or problem.series is not None:
            made = problem if isinstance(problem, Training) else TorchSeries.of(problem, study)
            packed = packed_form(made)
            if packed.takes_checkpoint:
                on_message(NO_CHECKPOINTS)
            digest = None
            if isinstance(made, Training) and isinstance(packed.code, str):
                digest = code_digest(made.function)
            trainer = FunctionTrainer(packed.code, made.name, digest, packed.environment)
            with Pool(trainer, packages, memory, on_message) as pool:
                yield RayFunctionExecutor(pool, made)
            return
        _check_platform()
        arrays = [*_arrays(problem.data.trained_x), problem.trained_y]
        memory += COPIES * sum(x.nbytes for x in arrays)
        with Pool(PopulationTrainer(), packages, memory, on_message) as pool:
            yield RayPopulationExecutor(pool, problem, study)


class _RayExecutor:
    """What both executors share: the times and the layout, which are those of the pool."""

    training_seconds = 0.0

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._layouts: dict[str, None] = {}  # each once, in order

    @property
    def compile_seconds(self) -> float:
        """Seconds that the actor which compiled longest has spent compiling."""
        return self._pool.compile_seconds

    @property
    def layout(self) -> str:
        """The actors and the layouts of the populations as text."""
        pool, crew = self._pool, self._pool.crew
        actors = f"{crew.most} Ray actor{'s' if crew.most != 1 else ''} of one core"
        nodes = f" on {len(crew.nodes)} nodes" if len(crew.nodes) > 1 else ""
        lost = f", {pool.lost} lost and replaced" if pool.lost else ""
        return "; ".join([f"{actors}{nodes}{lost}", *self._layouts])

    def _train(self, items: Sequence[Item], advance: Callable[[float], None]) -> Iterator[tuple[Any, Any]]:
        """Yield the origin and the result of each item, counting the time."""
        began, before, compiled = time.perf_counter(), self.training_seconds, self.compile_seconds

        def timed(done: float) -> None:
            compiling = self.compile_seconds - compiled
            self.training_seconds = before + max(time.perf_counter() - began - compiling, 0.0)
            advance(done)

        for item, result in self._pool.train(items, timed):
            yield item.origin, result


class RayPopulationExecutor(_RayExecutor):
    """An `Executor` that trains the runs of a problem in populations on a cluster."""

    def __init__(self, pool: Pool, problem: Problem, study: Study) -> None:
        super().__init__(pool)
        self._problem, self._study = problem, study
        self._bare: Any = None  # refers to the problem without its model
        self._references: dict[str, Any] = {}  # to populations
        self._opened: dict[str, Layout] = {}

    def execute(
        self, stage: Round, runs: Runs, advance: Callable[[float], None], claim: Claim = unshared
    ) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs` and can be claimed, call by call as they finish.

        All calls of the round are claimed at once.
        """
        items = []
        for group, layout in opened_groups(self._open, self._problem, self._study, stage):
            self._layouts[str(layout)] = None
            for call in group.calls(layout):
                if any(job.key not in runs for job in call.jobs) and claim(call.jobs):
                    missing = sum(job.key not in runs for job in call.jobs)
                    payload = partial(self._payload, group, call, layout)
                    items.append(Item(group.key, missing, payload, (group, call)))
        for (group, call), curves in self._train(items, advance):
            yield group.runs(call, curves)

    def _payload(self, group: Group, call: Call, layout: Layout) -> PopulationCall:
        initial = [self._problem.initial_weights(jobs[0].seed) for jobs in call.blocks]
        texts = {job.candidate.settings_text for job in call.jobs}
        programs = {text: group.programs[text] for text in texts}
        population = self._references[group.key]
        return PopulationCall(group.key, population, layout, call, group.judge, programs, initial)

    def _open(self, group: Group) -> Layout:
        """Open a population on one actor; the data are sent to a node once for all of them."""
        ray: Any = import_module("ray")
        key = group.key
        if key not in self._opened:
            if self._bare is None:
                self._bare = ray.put(without_model(self._problem))
            nothing: Any = np.empty(0)
            task = replace(group.task, x=nothing, y=nothing, weights=None)
            shared = replace(group, problem=nothing, jobs=group.jobs[:1])
            population = RemotePopulation(key, task, shared, self._bare, group.candidates, group.seeds)
            self._references[key] = ray.put(population)
            self._opened[key] = self._pool.open(self._references[key], len(group.jobs))
        return self._opened[key]


class RayFunctionExecutor(_RayExecutor):
    """An `Executor` that makes the runs of a training function, or a model in series, on a cluster."""

    def __init__(self, pool: Pool, training: Training | TorchSeries) -> None:
        super().__init__(pool)
        self.training = training

    def execute(
        self, stage: Round, runs: Runs, advance: Callable[[float], None], claim: Claim = unshared
    ) -> Iterator[list[Run]]:
        """Yield the runs of a round that are not in `runs` and can be claimed, each when it is finished.

        They are claimed at once; those that another process makes are left out.
        """
        missing = [job for job in stage.jobs if job.key not in runs]
        if not claim(missing):
            missing = [job for job in missing if claim((job,))]
        items = [Item("runs", 1, partial(self._payload, job), job) for job in missing if job.key not in runs]
        for job, (curves, diverged_at) in self._train(items, advance):
            yield [Run(job.name, job.seed, job.rate, diverged_at, curves)]

    def _payload(self, job: Job) -> FunctionCall:
        return FunctionCall(run_request(self.training, job), job.candidate.key(job.rate))


def _arrays(x: Any) -> list[Any]:
    return list(x.values()) if isinstance(x, dict) else [x]


def _check_platform() -> None:
    """Raise StudyError if training is to use anything but processor cores."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms not in ("", "cpu"):
        raise StudyError(
            f'executor="ray" trains on processor cores, but JAX_PLATFORMS={shown(platforms)}; unset it, or '
            "leave out executor"
        )
