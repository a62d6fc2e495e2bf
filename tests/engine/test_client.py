"""The training process: it survives its own death, and its errors arrive as one line."""

import dataclasses
import os
import signal
import sys

import numpy as np
import pytest

from stepsize.engine import client
from stepsize.engine.client import Engine
from stepsize.engine.task import Task
from stepsize.errors import EngineError, ProblemError
from stepsize.process import Child, ProcessDied
from tests.support.populations import make_block


def make_task(**settings):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    form = {"text": "mlp(4)", "outputs": 1}
    return Task(form, {"optimizer": "sgd", **settings}, x, y, "binary", 2, 1, 20, 8, 2)


def block_of(members):
    return make_block(make_task(), 0, ["constant(0.1)"] * members)


@pytest.fixture(scope="module")
def engine():
    with Engine() as engine:
        yield engine


def test_a_killed_process_is_replaced_and_the_call_made_again(engine):
    layout = engine.open("a", make_task(), 3, 2)
    (before,) = engine.train("a", [block_of(layout.members)])
    first = engine.pid
    os.kill(first, signal.SIGKILL)
    (after,) = engine.train("a", [block_of(layout.members)])
    assert engine.pid != first
    assert np.array_equal(before.valid_loss, after.valid_loss)


def test_killed_in_the_middle_of_a_call(engine):
    layout = engine.open("a", make_task(), 3, 2)
    killed = []

    def kill_once(share):
        if not killed:
            killed.append(engine.pid)
            os.kill(engine.pid, signal.SIGKILL)

    (curves,) = engine.train("a", [block_of(layout.members)], kill_once)
    assert killed
    assert np.isfinite(curves.valid_loss).all()


def test_dying_every_time_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Engine() as engine, pytest.raises(EngineError, match=r"died 3 times \(exit status 1\); it wrote no"):
        engine.open("a", make_task(), 3, 2)


def test_a_process_that_cannot_start_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(EngineError, match="cannot start a training process with '/no/such/python'"):
        Engine()


def test_refusals_arrive_as_they_are_and_the_process_lives_on(engine):
    layout = engine.open("a", make_task(), 3, 2)
    (before,) = engine.train("a", [block_of(layout.members)])
    pid = engine.pid
    with pytest.raises(ProblemError, match="did you mean 'adam'"):
        engine.open("wrong", make_task(optimizer="adamm"), 3, 2)
    with pytest.raises(EngineError, match="training failed with"):
        engine.train("a", [block_of(layout.members + 1)])
    (after,) = engine.train("a", [block_of(layout.members)])
    assert np.array_equal(before.valid_loss, after.valid_loss)
    assert engine.pid == pid


def test_the_process_ends_with_its_caller():
    engine = Engine()
    pid = engine.pid
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_cannot_sit_side_by_side_trains_in_series(engine):
    x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    y = (np.arange(30) % 3).astype(np.int32)
    form = {"factory": "tests.support.user_models:lonely"}
    task = Task(form, {}, x, y, "multiclass", 3, 3, 20, 8, 2)
    layout = engine.open("lonely", task, 3, 2)
    assert layout.members == 1
    assert "in series (not side by side: " in str(layout)
    (curves,) = engine.train("lonely", [block_of(1)])
    assert np.isfinite(curves.valid_loss).all()
    good = dataclasses.replace(task, model={"factory": "tests.support.user_models:good"})
    assert engine.open("good", good, 3, 2).members == 3


def test_what_cannot_be_traced_says_where_the_whole_message_is(engine):
    task = dataclasses.replace(
        make_task(), model={"factory": "tests.support.user_models:untraceable"}, settings={}
    )
    task = dataclasses.replace(task, x=np.zeros((30, 4), np.float32))
    with pytest.raises(ProblemError, match="cannot be trained on JAX") as caught:
        engine.open("untraceable", task, 3, 2)
    with open(str(caught.value).split()[-1]) as file:
        assert "Traceback" in file.read()


WITHOUT_MEMORY = """
from stepsize.process import serve

def answer(request, progress):
    if request[0] == "train":
        raise MemoryError("cannot allocate 7 GB")

def main():
    serve(answer)
"""


def test_a_call_that_runs_out_of_memory_is_one_that_the_process_died_in(tmp_path, monkeypatch):
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "without_memory.py").write_text(WITHOUT_MEMORY)
    monkeypatch.syspath_prepend(modules)
    monkeypatch.setattr(client, "_start", lambda: Child("without_memory"))
    with Engine() as engine:
        engine.open("a", make_task(), 3, 2)
        first = engine.pid
        with pytest.raises(ProcessDied, match="MemoryError: cannot allocate 7 GB; the whole message is in"):
            engine.train("a", [block_of(2)])
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)  # the memory that it held is free
