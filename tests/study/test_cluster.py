"""Studies on a Ray cluster: lost nodes, late calls, too little memory, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.comparison import complete
from stepsize.engine.client import Engine
from stepsize.errors import EngineError, StudyError
from stepsize.study.candidates import read_candidates
from stepsize.study.cluster import pool
from stepsize.study.cluster.executor import cluster_executor
from stepsize.study.executor import Executor
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.runner import Progress
from stepsize.study.stores.store import Store
from stepsize.study.study import Study, make_study
from stepsize.study.user_functions.executor import FunctionExecutor
from tests.support.cluster_functions import TWO, training
from tests.support.executor_checks import check_claims, check_runs
from tests.support.ray_nodes import RayNodes, descendants, is_alive, listening, needs_ray

NETS = """
from torch import nn

def make_model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
"""


class Recorder(Store):
    """A store in memory that counts how often each run is added."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.added: Counter[tuple[str, int]] = Counter()

    def add(self, fingerprint: str, runs: Any) -> None:
        runs = list(runs)
        self.added.update((run.candidate, run.seed) for run in runs)
        super().add(fingerprint, runs)


def finish(
    study: Study, executor: Executor, listen: Callable[[Progress], None] = lambda progress: None
) -> tuple[dict[str, Any], dict[Any, bytes], Counter[Any]]:
    """Return the answer of a study without its cost, its runs, and how often each was made."""
    with Recorder() as store:
        answer: Any = complete(study, store, executor, listen).answer
        runs = {key: run.curves.tobytes() for key, run in store.runs(study.fingerprint).items()}
        return {key: value for key, value in answer.items() if key != "cost"}, runs, store.added


def both_members(executor: Any) -> list[Any]:
    """Return the actors of an executor when there is one on each of the two nodes."""
    pool, crew = executor._pool, executor._pool.crew
    deadline = time.monotonic() + 120
    while len(crew.present) < 2:
        assert time.monotonic() < deadline
        crew.recruit(2)
        crew.welcome(pool._wait(crew.arrivals))
    assert len(crew.nodes) == 2
    return crew.present  # another one may wait for a node whose death Ray has not noticed yet


def finish_while_a_node_dies(study: Study, executor: Any, nodes: RayNodes) -> tuple[Any, Any, Counter[Any]]:
    """Do what `finish` does, and kill the second node in the middle, while both train."""
    members, lost = both_members(executor), executor._pool.lost
    killed: list[float] = []

    def kill(progress: Progress) -> None:
        both_train = sum(bool(member.tasks) for member in members) == 2
        if not killed and both_train and 2 < progress.done < progress.total - 8:
            killed.append(progress.done)
            nodes.kill_second_node()

    answer, runs, added = finish(study, executor, kill)
    assert killed
    assert killed[0] < sum(added.values())
    assert f"2 Ray actors of one core on 2 nodes, {lost + 1} lost and replaced" in executor.layout
    return answer, runs, added


@needs_ray
@pytest.mark.slow
def test_populations_on_a_cluster(ray_nodes: RayNodes, engine: Engine, module: str, tmp_path: Path) -> None:
    """The runs of a PyTorch model are those of this machine, bit for bit, although a node dies.

    A knob is searched, so that later rounds train values that the first one did not.
    """
    pytest.importorskip("torch")
    (tmp_path / "nets.py").write_text(NETS)
    model = {"model": "nets:make_model", "loss": "CrossEntropyLoss", "settings": {"optimizer": "SGD"}}
    network = ss.problem("iris", epochs=20, **model)
    candidates = [*TWO, {"schedule": "constant(0.1)", "momentum": "m", "name": "any momentum"}]
    study = make_study(network, read_candidates(candidates), seeds=200, knobs={"m": [0, 0.9]})
    with cluster_executor(network, study, ray_nodes.address) as executor:
        fixed = make_study(network, TWO, seeds=200)
        check_runs(executor, fixed)
        check_claims(executor, fixed)
        there = finish_while_a_node_dies(study, executor, ray_nodes)
    assert {count for (name, _), count in there[2].items() if name in TWO} == {1}
    assert there == finish(study, PopulationExecutor(engine, network, study))


@needs_ray
@pytest.mark.slow
def test_functions_on_a_cluster(
    ray_nodes: RayNodes, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late call and a lost node lose and double no run, and a call that is lost too often is an error."""
    function = training(module)
    study = make_study(function, TWO, seeds=12)
    with FunctionExecutor(function, count=2) as processes:
        here = finish(study, processes)
    assert set(here[2].values()) == {1}
    with cluster_executor(function, study, ray_nodes.address) as executor:
        check_runs(executor, study)
        check_claims(executor, study)
        check_other_versions(both_members(executor)[0], executor, monkeypatch)
        with monkeypatch.context() as patch:
            patch.setattr(pool, "LATE", 0.5)
            patch.setattr(pool, "SLOWER", 2.0)
            (tmp_path / "hang").touch()
            assert finish(study, executor) == here
        assert not (tmp_path / "hang").exists()
        assert "1 lost and replaced" in executor.layout
        assert finish_while_a_node_dies(study, executor, ray_nodes) == here
        (tmp_path / "die").touch()
        monkeypatch.setattr(pool, "ATTEMPTS", 2)
        with pytest.raises(EngineError, match="died 2 times on the cluster") as caught:
            finish(study, executor)
        assert "\n" not in str(caught.value)


def check_other_versions(member: Any, executor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a node whose packages have other versions is refused."""
    crew, ray = executor._pool.crew, pytest.importorskip("ray")
    arrival = ray.get(member.actor.arrive.remote(["numpy"]))
    with monkeypatch.context() as patch:
        patch.setattr(crew, "_versions", {"numpy": "9.9"})
        with pytest.raises(EngineError) as caught:
            crew._check(member.node, arrival)
    assert str(caught.value) == (
        f"node 127.0.0.1 has numpy {np.__version__}, and this machine 9.9; install the same versions on "
        "every node"
    )


@needs_ray
def test_nodes_with_too_little_memory_are_an_error_of_one_line(
    ray_nodes: RayNodes, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepsize.study.cluster.executor.PROCESS_MEMORY", 3 * 2**30)
    function = training(module)
    study = make_study(function, TWO, seeds=2)
    with (
        cluster_executor(function, study, ray_nodes.address) as executor,
        pytest.raises(EngineError) as caught,
    ):
        finish(study, executor)
    assert str(caught.value) == (
        "a process of this study needs 3.0 GiB of memory, and the largest node of the cluster offers "
        "2.0 GiB; add a larger node"
    )


@needs_ray
def test_another_version_of_ray_is_an_error_of_one_line(
    ray_nodes: RayNodes, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.__version__", "1.0")
    function = training(module)
    with (
        pytest.raises(StudyError, match="ersion") as caught,
        cluster_executor(function, make_study(function, TWO, seeds=2), ray_nodes.address),
    ):
        pass
    assert "\n" not in str(caught.value)


@needs_ray
def test_that_there_are_no_checkpoints_is_said_once(ray_nodes: RayNodes) -> None:
    function = ss.Training("tests.support.training_functions:resumes", epochs=4, updates_per_epoch=2)
    study, messages = make_study(function, TWO, seeds=2), list[str]()
    with cluster_executor(function, study, ray_nodes.address, messages.append):
        pass
    assert messages == ["Checkpoints are not kept on a Ray cluster: a run whose node is lost starts again."]


@needs_ray
@pytest.mark.slow
def test_ctrl_c_ends_all_of_ray_which_listened_on_loopback_alone(module: str) -> None:
    study = [f"{module}:train", "--epochs", "2", "--updates-per-epoch", "1", "--seeds", "400"]
    two = ["-s", "constant(lr)", "-s", "linear(lr)"]
    command = [sys.executable, "-m", "stepsize", "compare", *study, *two, "--executor", "ray"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        while "tuning" not in process.stderr.readline():
            assert process.poll() is None
        started = descendants(process.pid)
        sockets = listening(started)
        assert len(started) > 5
        assert sockets
        assert {address for address, _ in sockets} <= {"0100007F", "0000000000000000FFFF00000100007F"}
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        code, messages = process.wait(timeout=30), process.stderr.read()
        assert code == 130, messages
        assert "To resume, run the same command again: stepsize compare" in messages
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(is_alive, started)):
        time.sleep(0.1)
    assert [pid for pid in started if is_alive(pid)] == []
