"""Blocks that are built ahead are those that are built when they are needed."""

import jax
import numpy as np
import pytest

from stepsize.engine.planner import Layout
from stepsize.problems.problem import problem
from stepsize.study.jobs import Job
from stepsize.study.populations.blocks_ahead import BlocksAhead
from stepsize.study.populations.calls import groups_of
from stepsize.study.protocol import Round
from stepsize.study.study import make_study

LAYOUT = Layout(devices=1, blocks=2, members=2, segment=1, reason="two at once")


@pytest.fixture
def group():
    iris = problem("iris", model="logistic", epochs=1)
    study = make_study(iris, ["constant(0.1)", "linear(0.1)"], seeds=6)
    jobs = tuple(Job(candidate, None, seed) for seed in range(6) for candidate in study.candidates)
    return next(groups_of(iris, study, Round("comparing", jobs, judge=True)))


def test_the_blocks_are_the_same_whether_they_were_started_or_not(group):
    first, second, third = group.calls(LAYOUT)
    with BlocksAhead(group, LAYOUT) as ahead:
        for call, started in [(first, third), (second, third), (third, first)]:
            blocks = ahead.take(call)
            ahead.start(started)
            jax.tree.map(np.testing.assert_array_equal, blocks, group.blocks(call, LAYOUT))


def test_an_error_while_building_is_raised_where_the_blocks_are_needed(group, monkeypatch):
    _, second, third = group.calls(LAYOUT)

    def fail(*arguments):
        raise MemoryError("no room")

    with BlocksAhead(group, LAYOUT) as ahead:
        monkeypatch.setattr("stepsize.study.populations.calls.batch_order", fail)
        ahead.start(second)
        with pytest.raises(MemoryError, match="no room"):
            ahead.take(second)
        monkeypatch.undo()
        assert len(ahead.take(third)) == 2
