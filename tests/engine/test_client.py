"""The training process: it survives its own death, and its errors arrive as one line."""

import os
import signal
import sys

import numpy as np
import pytest

from stepsize.engine.client import Engine
from stepsize.engine.task import Block, Task
from stepsize.errors import EngineError, ProblemError
from stepsize.schedules.metric import NEUTRAL, PlateauRule


def make_task(**settings):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3)).astype(np.float32)
    y = (x[:, :1] > 0).astype(np.float32)
    return Task({"text": "mlp(4)", "outputs": 1}, {"optimizer": "sgd", **settings}, x, y, 20, 8, 2)


def make_block(members, seed=0):
    order = np.stack([np.random.default_rng(seed).permutation(20) for _ in range(2)]).astype(np.int32)
    rules = PlateauRule(*np.tile(np.array(NEUTRAL, np.float32)[:, None], members))
    rates = np.full((members, 6), 0.1, np.float32)
    return Block(
        np.uint32(seed), order, np.arange(20, 30), None, None, rates, rules, np.zeros(members, np.int32)
    )


@pytest.fixture(scope="module")
def engine():
    with Engine() as engine:
        yield engine


def test_a_killed_process_is_replaced_and_the_call_made_again(engine):
    layout = engine.open("a", make_task(), 3)
    (before,) = engine.train("a", [make_block(layout.members)])
    first = engine.pid
    os.kill(first, signal.SIGKILL)
    (after,) = engine.train("a", [make_block(layout.members)])
    assert engine.pid != first
    assert np.array_equal(before.valid_loss, after.valid_loss)


def test_killed_in_the_middle_of_a_call(engine):
    layout = engine.open("a", make_task(), 3)
    killed = []

    def kill_once(share):
        if not killed:
            killed.append(engine.pid)
            os.kill(engine.pid, signal.SIGKILL)

    (curves,) = engine.train("a", [make_block(layout.members)], kill_once)
    assert killed
    assert np.isfinite(curves.valid_loss).all()


def test_dying_every_time_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Engine() as engine, pytest.raises(EngineError, match=r"died 3 times \(status 1\); it said nothing"):
        engine.open("a", make_task(), 3)


def test_a_process_that_cannot_start_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(EngineError, match="cannot start a training process by '/no/such/python'"):
        Engine()


def test_refusals_arrive_as_they_are_and_the_process_lives_on():
    with Engine() as engine:
        pid = engine.pid
        with pytest.raises(ProblemError, match="did you mean 'adam'"):
            engine.open("wrong", make_task(optimizer="adamm"), 3)
        layout = engine.open("right", make_task(), 3)
        (before,) = engine.train("right", [make_block(layout.members)])
        with pytest.raises(EngineError, match="training failed with"):
            engine.train("right", [make_block(layout.members + 1)])
        (after,) = engine.train("right", [make_block(layout.members)])
        assert np.array_equal(before.valid_loss, after.valid_loss)
        assert engine.pid == pid


def test_the_process_ends_with_its_caller():
    engine = Engine()
    pid = engine.pid
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
