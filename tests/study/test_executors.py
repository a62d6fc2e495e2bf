"""What every executor must do: train the missing runs of a round, each once, and say how far it is."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize as ss
import stepsize.study
from stepsize.engine.checkpoints import Checkpoint
from stepsize.engine.client import Engine
from stepsize.engine.planner import Layout
from stepsize.engine.population import Population
from stepsize.engine.task import Curves, Task
from stepsize.process import Notice
from stepsize.study.executor import Executor, LostRuns
from stepsize.study.jobs import Job
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.protocol import Round
from stepsize.study.stores.store import Run
from stepsize.study.study import Study, make_study
from stepsize.study.user_functions.executor import FunctionExecutor
from tests.support.executor_checks import check_claims, check_runs

SPECS = ("constant(0.1)", "linear(0.1)")


def train(schedule: Any, seed: int, report: Callable[..., None]) -> None:
    """A training function whose score follows from the seed and the last rate."""
    for epoch in range(2):
        report(0.5 + seed / 100 + schedule(epoch) / 10)


@contextmanager
def populations(engine: Engine) -> Iterator[tuple[Executor, Study]]:
    problem = ss.problem("iris", model="mlp(2)", epochs=2)
    study = make_study(problem, SPECS, seeds=3)
    yield PopulationExecutor(engine, problem, study), study


@contextmanager
def functions(_: Engine) -> Iterator[tuple[Executor, Study]]:
    problem = ss.Training(train, epochs=2, updates_per_epoch=1, metric="accuracy")
    with FunctionExecutor(problem, count=2) as executor:
        yield executor, make_study(problem, SPECS, seeds=3)


EXECUTORS = {"FunctionExecutor": functions, "PopulationExecutor": populations}
ON_RAY = {"RayFunctionExecutor", "RayPopulationExecutor"}  # in test_cluster.py


@pytest.fixture(scope="module", params=sorted(EXECUTORS))
def case(request: pytest.FixtureRequest, engine: Engine) -> Iterator[tuple[Executor, Study]]:
    with EXECUTORS[request.param](engine) as opened:
        yield opened


def test_it_trains_the_missing_runs_each_once_and_says_how_far_it_is(case: Any) -> None:
    check_runs(*case)


def test_what_cannot_be_claimed_is_left_out(case: Any) -> None:
    check_claims(*case)


class Fragile(Engine):
    """A training process that is killed before each call of several runs, and of runs at a certain rate."""

    def train(self, key: str, blocks: Any, on_progress: Any = None, checkpoint: Any = None) -> Any:
        rates = np.concatenate([block.rates for block in blocks])
        if len(rates) > 1 or rates[0, -1] < 0.05:
            os.kill(self.pid, signal.SIGKILL)
        return super().train(key, blocks, on_progress, checkpoint)


def test_a_call_whose_process_dies_is_made_run_by_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepsize.engine.client.ATTEMPTS", 1)
    problem = ss.problem("iris", model="mlp(2)", epochs=2)
    study = make_study(problem, SPECS, seeds=2)
    jobs = tuple(Job(candidate, None, seed) for seed in study.seeds for candidate in study.candidates)
    stage, made = Round("comparing on fresh seeds", jobs, judge=True), []
    with Fragile() as engine:
        calls = PopulationExecutor(engine, problem, study).execute(stage, {}, lambda done: None)
        with pytest.raises(LostRuns, match=r"died 1 times .* alone") as caught:
            made.extend(calls)
    assert list(caught.value.reasons) == ["linear(0.1)"]
    keys = [(run.candidate, run.seed) for runs in made for run in runs]
    assert keys == [("constant(0.1)", 0), ("constant(0.1)", 1)]


class Here:
    """A trainer in this process, which saves the state of a call after every epoch."""

    compile_seconds = 0.0
    layout = Layout(devices=1, blocks=2, members=2, segment=1, reason="as the test says")

    def open(self, key: str, task: Task, candidates: int, seeds: int) -> Layout:
        self.population = Population(task)
        self.population.compile(self.layout)
        return self.layout

    def train(self, key: str, blocks: Any, on_progress: Any, checkpoint: Path | None = None) -> list[Curves]:
        def send(message: str) -> None:
            on_progress(Notice(message))

        saved = None if checkpoint is None else Checkpoint(checkpoint, every=0, on_message=send)
        return self.population.train(blocks, on_progress, saved)


def test_a_call_continues_from_its_checkpoint(tmp_path: Path) -> None:
    """Interrupted in the middle of a call, a command that is run again ends with the same runs.

    Where no checkpoint can be written, one message says so for all calls.
    """
    problem = ss.problem("iris", model="mlp(2)", epochs=6)
    study = make_study(problem, SPECS, seeds=4)
    jobs = tuple(Job(candidate, None, seed) for seed in study.seeds for candidate in study.candidates)
    stage, folder = Round("comparing on fresh seeds", jobs, judge=True), tmp_path / "study.checkpoints"

    messages: list[str] = []

    def calls_of(advance: Callable[[float], None], checkpoints: Path | None = folder) -> list[list[Run]]:
        executor = PopulationExecutor(Here(), problem, study, checkpoints, messages.append)
        return list(executor.execute(stage, {}, advance))

    def interrupt(done: float) -> None:
        if done > 6:
            raise KeyboardInterrupt

    folder.write_text("a file")
    whole = calls_of(lambda done: None)
    assert len(messages) == 1
    assert messages[0].startswith(f"Checkpoints cannot be written to {folder}: File exists. Training contin")
    folder.unlink()
    with pytest.raises(KeyboardInterrupt):
        calls_of(interrupt)
    assert [path.suffix for path in sorted(folder.iterdir())] == [".npz", ".previous"]
    progress: list[float] = []
    for ours, theirs in zip(calls_of(progress.append), whole, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert (one.candidate, one.seed) == (other.candidate, other.seed)
            assert np.array_equal(one.curves, other.curves, equal_nan=True)
    assert 4 + 4 * 4 / 6 not in progress  # the second call begins after its fourth epoch
    assert not folder.exists()


def test_every_executor_is_tested_here() -> None:
    """An executor is a class of `study` with a method `execute`, other than the interface."""
    found = set()
    for module in pkgutil.walk_packages(stepsize.study.__path__, "stepsize.study."):
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if hasattr(kind, "execute") and kind is not Executor:
                found.add(name)
    assert found == {*EXECUTORS} | ON_RAY
