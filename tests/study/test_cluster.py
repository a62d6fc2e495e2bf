"""Studies on a Ray cluster: lost nodes, late calls, clusters that cannot be used, and nothing left behind."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.comparison import complete
from stepsize.engine.client import Engine
from stepsize.errors import EngineError, MissingExtra, StudyError
from stepsize.problems.models.model_transport import travel_form
from stepsize.study.cluster import crew, pool
from stepsize.study.cluster.actors import check_code
from stepsize.study.cluster.executor import cluster_executor
from stepsize.study.executor import Executor
from stepsize.study.population_executor import PopulationExecutor
from stepsize.study.runner import Progress
from stepsize.study.store import Store
from stepsize.study.study import Study, make_study
from stepsize.study.user_functions.executor import FunctionExecutor
from tests.support.ray_nodes import RayNodes, descendants, is_alive, listening, needs_ray

NETS = """
from torch import nn

def make_model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
"""
FUNCTION = """
import os
import time
from pathlib import Path

def train(schedule, seed, report):
    for epoch in range(2):
        time.sleep(0.05)
        report(0.5 + 0.01 * (seed % 5) + 0.1 * min(schedule(epoch), 1))

def hang_once(schedule, seed, report):
    if seed == 3 and not Path("hung").exists():
        Path("hung").touch()
        time.sleep(600)
    train(schedule, seed, report)

def die(schedule, seed, report):
    os.kill(os.getppid(), 9)
    time.sleep(600)
"""
TWO = ("constant(0.1)", "linear(0.1)")


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
    while len(crew.present) < 2:
        crew.recruit(2)
        crew.welcome(pool._wait(crew.arrivals))
    assert len(crew.nodes) == 2
    return crew.members


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a module with training functions in the working folder."""
    name = f"functions_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(FUNCTION)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def training(module: str, name: str) -> ss.Training:
    return ss.Training(f"{module}:{name}", epochs=2, updates_per_epoch=1)


@needs_ray
@pytest.mark.slow
def test_a_node_that_dies_loses_and_doubles_nothing(
    ray_nodes: RayNodes, engine: Engine, module: str, tmp_path: Path
) -> None:
    """For a PyTorch model and for a training function; the answers are those of this machine, bit for bit."""
    pytest.importorskip("torch")
    (tmp_path / "nets.py").write_text(NETS)
    model = {"model": "nets:make_model", "loss": "CrossEntropyLoss", "settings": {"optimizer": "SGD"}}
    network = ss.problem("iris", epochs=20, **model)
    function = training(module, "train")
    for problem, seeds in ((network, 400), (function, 40)):
        study = make_study(problem, TWO, seeds=seeds)
        killed: list[float] = []
        with cluster_executor(problem, study, ray_nodes.address) as executor:
            members = both_members(executor)

            def kill(progress: Progress, killed: list[float] = killed, members: list[Any] = members) -> None:
                both_train = sum(bool(member.tasks) for member in members) == 2
                if not killed and both_train and 2 < progress.done < progress.total - 20:
                    killed.append(progress.done)
                    ray_nodes.kill_second_node()

            answer, runs, added = finish(study, executor, kill)
            assert "2 Ray actors of one core on 2 nodes, 1 lost and replaced" in executor.layout
        assert killed
        assert killed[0] < sum(added.values())
        assert set(added.values()) == {1}
        if problem is network:
            here = finish(study, PopulationExecutor(engine, network, study))
        else:
            with FunctionExecutor(function, count=2) as processes:
                here = finish(study, processes)
        assert runs == here[1]
        assert answer == here[0]
        ray_nodes.start_second_node()


@needs_ray
@pytest.mark.slow
def test_a_late_call_is_given_to_another_process(
    ray_nodes: RayNodes, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LATE", 1.0)
    monkeypatch.setattr(pool, "SLOWER", 2.0)
    function = training(module, "hang_once")
    study = make_study(function, TWO, seeds=8)
    with cluster_executor(function, study, ray_nodes.address) as executor:
        _, runs, added = finish(study, executor)
        assert "1 lost and replaced" in executor.layout
    assert len(runs) == 17  # one of them made twice, to check the function
    assert set(added.values()) == {1}


@needs_ray
@pytest.mark.slow
def test_a_call_that_kills_its_process_every_time_is_an_error(ray_nodes: RayNodes, module: str) -> None:
    function = training(module, "die")
    study = make_study(function, TWO, seeds=2)
    with (
        cluster_executor(function, study, ray_nodes.address) as executor,
        pytest.raises(EngineError, match="died 3 times on the cluster") as caught,
    ):
        finish(study, executor)
    assert "\n" not in str(caught.value)


@needs_ray
@pytest.mark.slow
def test_a_cluster_that_does_not_fit_is_an_error_of_one_line(
    ray_nodes: RayNodes, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = training(module, "train")
    study = make_study(function, TWO, seeds=2)

    def message() -> str:
        with (
            cluster_executor(function, study, ray_nodes.address) as executor,
            pytest.raises(EngineError) as caught,
        ):
            finish(study, executor)
        return str(caught.value)

    with monkeypatch.context() as patch:
        patch.setattr("stepsize.study.cluster.executor.PROCESS_MEMORY", 3 * 2**30)
        assert message() == (
            "a process of this study needs 3.0 GiB of memory, and the largest node of the cluster offers "
            "2.0 GiB; add a larger node"
        )
    with monkeypatch.context() as patch:
        patch.setattr(crew, "versions_of", lambda packages: dict.fromkeys(packages, "9.9"))
        assert message() == (
            f"node 127.0.0.1 has numpy {np.__version__}, and this machine 9.9; install the same versions on "
            "every node"
        )
    (tmp_path / f"{module}.py").write_text(FUNCTION.replace("0.5 +", "0.6 +"))
    assert message() == (
        f"node 127.0.0.1: '{module}:train' is not there or differs from that of the command; copy the same "
        "files to every node"
    )


def test_code_of_models_that_differs(module: str, tmp_path: Path) -> None:
    factory = travel_form(f"{module}:train", 3)
    custom = {"custom": [[module, "Layer", "Layer", factory["source"]]]}
    file = {"file": str(tmp_path / "model.keras"), "content": "e3b0c44298fc1c14"}  # of an empty file
    (tmp_path / "model.keras").touch()
    for form in (factory, custom, file, {"text": "mlp(2)"}):
        check_code(form)
    (tmp_path / f"{module}.py").write_text(FUNCTION + "# edited")
    (tmp_path / "model.keras").write_text("another one")
    for form in (factory, custom, file):
        with pytest.raises(EngineError, match="is not there or differs from that of the command; copy"):
            check_code(form)


@needs_ray
def test_another_version_of_ray_is_an_error_of_one_line(
    ray_nodes: RayNodes, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.__version__", "1.0")
    function = training(module, "train")
    with (
        pytest.raises(StudyError, match="ersion") as caught,
        cluster_executor(function, make_study(function, TWO, seeds=2), ray_nodes.address),
    ):
        pass
    assert "\n" not in str(caught.value)


@needs_ray
@pytest.mark.parametrize("address", ["nowhere", "ray://127.0.0.1:1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_an_address_that_cannot_be_used(address: str) -> None:
    with pytest.raises(StudyError, match="address=") as caught:
        ss.compare("iris", TWO, 2, executor="ray", address=address)
    assert "\n" not in str(caught.value)


@needs_ray
def test_an_address_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(StudyError, match=f"address='127.0.0.1:{port}' does not answer"):
        ss.compare("iris", TWO, 2, executor="ray", address=f"127.0.0.1:{port}")


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(StudyError, match=r"unknown executor 'rai'; did you mean 'ray'\?"):
        ss.compare("iris", executor="rai")
    with pytest.raises(StudyError, match='add executor="ray"'):
        ss.compare("iris", address="auto")


def test_ray_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ray" else installed(name))
    with pytest.raises(MissingExtra, match=r'ray is not installed: pip install "stepsize\[ray\]"'):
        ss.compare("iris", TWO, 2, executor="ray")


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
        assert process.wait(timeout=30) == 130
        assert "To resume, run the same command again: stepsize compare" in process.stderr.read()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(is_alive, started)):
        time.sleep(0.1)
    assert [pid for pid in started if is_alive(pid)] == []
