"""Studies that cannot run on a Ray cluster: its address, the arguments, other code on a node."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stepsize as ss
from stepsize.errors import EngineError, MissingExtra, StudyError
from stepsize.problems.models.model_transport import travel_form
from stepsize.process import Notice
from stepsize.study.cluster.actors import Actor, FunctionCall, FunctionTrainer, check_code
from stepsize.study.jobs import Job
from stepsize.study.study import make_study
from stepsize.study.user_functions.executor import run_request
from stepsize.study.user_functions.worker import RunRequest
from tests.support.cluster_functions import FUNCTION, TWO, training
from tests.support.ray_nodes import needs_ray


def test_a_node_with_other_code_and_messages_for_people(module: str, tmp_path: Path) -> None:
    """An actor answers with the reason in one line, and passes on messages while it trains."""

    class Teller:
        compile_seconds = 0.0

        def start(self) -> None: ...

        def train(self, call: Any, on_progress: Callable[[float | Notice], None]) -> str:
            on_progress(Notice("The disk is full."))
            return call

    function = training(module)
    (job, *_) = make_study(function, TWO, seeds=2).candidates
    other = FunctionTrainer(f"{module}:train", "train", "the digest of the command")
    call = FunctionCall(run_request(function, Job(job, None, 0)), job.name)
    assert list(Actor(other, str(tmp_path)).train([call], every=9)) == [
        (
            "failed",
            f"'{module}:train' is not there or differs from that of the command; copy the same files to "
            "every node",
        )
    ]
    notice, (kind, (results, *_)) = Actor(Teller(), str(tmp_path)).train(["a"], every=9)
    assert (notice, kind, results) == (("notice", "The disk is full."), "answer", ["a"])


def test_the_progress_of_a_run_is_that_of_its_own_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Process:
        def run(self, request: RunRequest, report: Callable[[int], None], candidate: str) -> None:
            for epoch in range(request.epochs):
                report(epoch + 1)

    monkeypatch.setattr(FunctionTrainer, "_started", lambda trainer: Process())
    trainer = FunctionTrainer("package.module:train", "train", None)
    for epochs, shares in ((2, [0.5, 1.0]), (4, [0.25, 0.5, 0.75, 1.0])):
        seen: list[Any] = []
        request = RunRequest("constant(0.1)", {}, 0, epochs, 1, "accuracy", True)
        trainer.train(FunctionCall(request, "constant(0.1)"), seen.append)
        assert seen == shares


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
