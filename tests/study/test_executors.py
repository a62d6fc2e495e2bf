"""What every executor must do: train the missing runs of a round, each once, and say how far it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest

import stepsize as ss
import stepsize.study
from stepsize.engine.client import Engine
from stepsize.study.cluster.executor import cluster_executor
from stepsize.study.executor import Executor
from stepsize.study.jobs import Job
from stepsize.study.population_executor import PopulationExecutor
from stepsize.study.protocol import Round
from stepsize.study.study import Study, make_study
from stepsize.study.user_functions.executor import FunctionExecutor
from tests.support.ray_nodes import RayNodes, needs_ray

SPECS = ("constant(0.1)", "linear(0.1)")


def train(schedule: Any, seed: int, report: Callable[..., None]) -> None:
    """A training function whose score follows from the seed and the last rate."""
    for epoch in range(2):
        report(0.5 + seed / 100 + schedule(epoch) / 10)


@contextmanager
def populations() -> Iterator[tuple[Executor, Study]]:
    problem = ss.problem("iris", model="mlp(2)", epochs=2)
    study = make_study(problem, SPECS, seeds=3)
    with Engine() as engine:
        yield PopulationExecutor(engine, problem, study), study


@contextmanager
def functions() -> Iterator[tuple[Executor, Study]]:
    problem = ss.Training(train, epochs=2, updates_per_epoch=1, metric="accuracy")
    with FunctionExecutor(problem, count=2) as executor:
        yield executor, make_study(problem, SPECS, seeds=3)


@contextmanager
def ray_populations(nodes: RayNodes) -> Iterator[tuple[Executor, Study]]:
    problem = ss.problem("iris", model="mlp(2)", epochs=2)
    study = make_study(problem, SPECS, seeds=3)
    with cluster_executor(problem, study, nodes.address) as executor:
        yield executor, study


@contextmanager
def ray_functions(nodes: RayNodes) -> Iterator[tuple[Executor, Study]]:
    problem = ss.Training(train, epochs=2, updates_per_epoch=1, metric="accuracy")
    study = make_study(problem, SPECS, seeds=3)
    with cluster_executor(problem, study, nodes.address) as executor:
        yield executor, study


EXECUTORS = {"FunctionExecutor": functions, "PopulationExecutor": populations}
ON_RAY = {"RayFunctionExecutor": ray_functions, "RayPopulationExecutor": ray_populations}


@pytest.fixture(
    scope="module",
    params=[*sorted(EXECUTORS), *(pytest.param(name, marks=needs_ray) for name in sorted(ON_RAY))],
)
def case(request: pytest.FixtureRequest) -> Iterator[tuple[Executor, Study, Round]]:
    opens = EXECUTORS.get(request.param) or partial(
        ON_RAY[request.param], request.getfixturevalue("ray_nodes")
    )
    with opens() as (executor, study):
        jobs = tuple(Job(candidate, None, seed) for seed in study.seeds for candidate in study.candidates)
        yield executor, study, Round("comparing on fresh seeds", jobs, judge=True)


def test_it_trains_the_missing_runs_each_once_and_says_how_far_it_is(case: Any) -> None:
    executor, study, stage = case
    progress: list[float] = []
    first = [run for runs in executor.execute(stage, {}, progress.append) for run in runs]
    wanted = {job.key for job in stage.jobs}
    assert {(run.candidate, run.seed) for run in first} == wanted
    assert len(first) == len(wanted) == 6
    assert all(run.curves.shape == (4, study.epochs) and np.isfinite(run.curves[2]).all() for run in first)
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(6)

    stored = {(run.candidate, run.seed): run for run in first if run.seed != 1}
    again = [run for runs in executor.execute(stage, stored, progress.append) for run in runs]
    fresh = {(run.candidate, run.seed): run for run in again if (run.candidate, run.seed) not in stored}
    assert {seed for _, seed in fresh} == {1}
    for run in first:
        if run.seed == 1:
            np.testing.assert_allclose(fresh[run.candidate, 1].curves, run.curves, rtol=1e-5)

    everything = {(run.candidate, run.seed): run for run in first}
    assert list(executor.execute(stage, everything, progress.append)) == []
    assert executor.training_seconds > 0
    assert executor.compile_seconds >= 0
    assert executor.layout


def test_every_executor_is_tested_here() -> None:
    """An executor is a class of `study` with a method `execute`, other than the interface."""
    found = set()
    for module in pkgutil.walk_packages(stepsize.study.__path__, "stepsize.study."):
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if hasattr(kind, "execute") and kind is not Executor:
                found.add(name)
    assert found == {*EXECUTORS, *ON_RAY}
