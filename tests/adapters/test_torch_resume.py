"""Going on with a run in PyTorch: the state is plain data, and the resumed run is the run."""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import stepsize as ss
from stepsize.adapters import PlainSchedule, resume
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import StateError
from tests.support import torch_host
from tests.support.torch_host import CURVE, DRIVEN, Run, assert_planned, record, sgd

UPDATES = 40
DRAW = random.Random(11)
POSITIONS = [(DRAW.randrange(UPDATES + 1), adam, order) for adam in (False, True) for order in range(30)]
ORDERS = list(itertools.permutations(("model", "optimizer", "scheduler")))
PLAN = CURVE.plan(updates=UPDATES)


def through_a_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.fixture(scope="module")
def whole() -> dict[bool, Run]:
    return {adam: Run(UPDATES, adam).until(UPDATES) for adam in (False, True)}


@pytest.mark.parametrize(("position", "adam", "order"), POSITIONS)
def test_a_resumed_run_is_the_run_bit_for_bit(
    position: int, adam: bool, order: int, whole: dict[bool, Run]
) -> None:
    first = Run(UPDATES, adam).until(position)
    second = Run(UPDATES, adam).load(through_a_file(first.state()), ORDERS[order % 6]).until(UPDATES)
    assert first.rows + second.rows == whole[adam].rows
    assert second.weights() == whole[adam].weights()
    assert second.scheduler.state_dict() == whole[adam].scheduler.state_dict()
    assert not second.scheduler.mismatches


def test_the_runs_above_have_something_to_lose(whole: dict[bool, Run]) -> None:
    for adam, run in whole.items():
        assert run.scheduler.state_dict()["rate"] < run.plan.end  # the plateau has cut it
        late = Run(UPDATES, adam).load(Run(UPDATES, adam).until(17).state(), ("model",)).until(UPDATES)
        assert late.weights() != run.weights()


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = Run(UPDATES).until(UPDATES)
    call = [sys.executable, torch_host.__file__, str(tmp_path), str(UPDATES)]
    environment = {**os.environ, "PYTHONPATH": str(Path(ss.__file__).parents[1])}
    process = subprocess.Popen([*call, "0.05"], env=environment)
    while process.poll() is None and count_lines(tmp_path / "rates.txt") < 17:
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    subprocess.run(call, env=environment, check=True)
    end = Run(UPDATES).load(torch.load(tmp_path / "run.pt", weights_only=True))
    assert end.weights() == whole.weights()
    lines = [line.split() for line in (tmp_path / "rates.txt").read_text().splitlines()]
    assert {int(update) for update, _ in lines} == set(range(UPDATES))
    assert all(float(rate) == whole.rows[int(update)][0] for update, rate in lines)


def count_lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_the_state_is_plain_json_data() -> None:
    run = Run(UPDATES).until(13)
    state = run.scheduler.state_dict()
    again = Run(UPDATES)
    again.scheduler.load_state_dict(json.dumps(state))
    assert again.scheduler.state_dict() == state == json.loads(json.dumps(state))
    assert again.optimizer.param_groups[0]["lr"] == run.optimizer.param_groups[0]["lr"] == state["rate"]
    assert again.optimizer.param_groups[0]["momentum"] == state["momentum"]["rate"]


def test_it_goes_on_in_a_plain_loop_and_back() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    plain = PlainSchedule(PLAN)
    for _ in range(9):
        optimizer.step()
    plain.load_state_dict(scheduler.state_dict())
    plain.step()
    scheduler.load_state_dict(plain.state_dict())
    assert (scheduler.update, optimizer.param_groups[0]["lr"]) == (10, PLAN(10))


def test_an_optimizers_state_alone_does_not_change_the_rate_of_the_position() -> None:
    old, new = Run(UPDATES).until(20), Run(UPDATES).until(4)
    rate = new.optimizer.param_groups[0]["lr"]
    new.optimizer.load_state_dict(old.optimizer.state_dict())
    assert new.optimizer.param_groups[0]["lr"] == rate == new.scheduler.rate


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda o: TorchScheduler(o, ss.cosine(0.2).plan(updates=40)), "belongs to another plan: schedule"),
        (lambda o: TorchScheduler(o, CURVE.plan(updates=50)), "another plan: updates: 40 -> 50"),
        (lambda o: TorchScheduler(o, PLAN, multipliers=[1, 0.5]), r"multipliers=\[1.0, 0.1\], this .*0.5\]"),
        (
            lambda o: TorchScheduler(o, PLAN, multipliers=[1, 0.1], momentum=PLAN),
            "momentum is planned here but not in the state",
        ),
    ],
)
def test_a_state_of_something_else_is_refused_and_changes_nothing(build: Any, message: str) -> None:
    optimizer = sgd(2, momentum=0.9)
    scheduler = TorchScheduler(optimizer, PLAN, multipliers=[1, 0.1])
    optimizer.step()
    other = build(sgd(2, momentum=0.9))
    before = other.state_dict()
    with pytest.raises(StateError, match=message):
        other.load_state_dict(scheduler.state_dict())
    assert other.state_dict() == before


def test_states_that_do_not_belong_together_are_refused() -> None:
    scheduler = TorchScheduler(sgd(momentum=0.9), PLAN, momentum=PLAN)
    state = scheduler.state_dict()
    ahead = PlainSchedule(PLAN)
    ahead.step()
    with pytest.raises(StateError, match=r"are at updates \[0, 1\]"):
        scheduler.load_state_dict({**state, "momentum": ahead.state_dict()})
    with pytest.raises(StateError, match="momentum is planned in the state but not here"):
        TorchScheduler(sgd(), PLAN).load_state_dict(state)


@pytest.mark.parametrize(
    "wrong",
    [None, 3, {}, "{", "[]", {"last_epoch": 3}, {"stepsize_state": 2}, {"stepsize_state": 1}],
)
def test_what_is_no_state_is_refused(wrong: Any) -> None:
    scheduler = TorchScheduler(sgd(), PLAN)
    with pytest.raises(StateError):
        scheduler.load_state_dict(wrong)
    damaged = {**scheduler.state_dict(), "update": 7}
    with pytest.raises(StateError, match="is damaged"):
        scheduler.load_state_dict(damaged)
    assert scheduler.update == 0


@pytest.mark.parametrize("policy", ["exact", "stretch", "rebase", "branch"])
def test_a_run_goes_on_by_a_policy(policy: Any) -> None:
    run = Run(UPDATES).until(21)
    plans = {
        "exact": DRIVEN.plan(updates=UPDATES),
        "stretch": DRIVEN.plan(updates=60),
        "rebase": ss.linear(1).plan(updates=60),
        "branch": ss.linear(1).plan(updates=60),
    }
    state = run.scheduler.state_dict()
    then = resume(state, plans[policy], policy)
    optimizer = sgd()
    scheduler, rows = TorchScheduler(optimizer, then.plan, strict=True), record(optimizer)
    scheduler.load_state_dict(then.state)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    multiplier = state["rate"] / run.plan(21) if then.plan.metric_factor else 1.0
    assert rows[0][0] == pytest.approx(state["rate"])
    assert rows == [[rate * multiplier] for rate in then.plan(range(21, 26)).tolist()]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_follows_the_plan_on_a_clock_of_its_own(copied: Any) -> None:
    for lr in (0.1, torch.tensor(0.1)):
        optimizer = sgd(2, lr=lr)
        scheduler = TorchScheduler(optimizer, PLAN, multipliers=[1, 0.5])
        for _ in range(5):
            optimizer.step()
            scheduler.step()
        twin, twins_optimizer = copied((scheduler, optimizer))
        rows = record(twins_optimizer)
        for _ in range(4):
            for group in twins_optimizer.param_groups:
                group["params"][0].grad = torch.ones(1)
            twins_optimizer.step()
            twin.step()
        assert twin.optimizer is twins_optimizer
        assert (scheduler.update, twin.update) == (5, 9)
        assert scheduler.get_lr() == [PLAN(5), PLAN(5) * 0.5]
        assert not twin.mismatches
        rates = torch.tensor([[rate, rate * 0.5] for rate in PLAN(range(5, 9)).tolist()])
        assert torch.equal(torch.tensor(rows), rates)


def test_a_copied_optimizer_is_free() -> None:
    optimizer = sgd()
    TorchScheduler(optimizer, PLAN)
    twin = copy.deepcopy(optimizer)
    TorchScheduler(twin, PLAN)
    rows = record(twin)
    for _ in range(4):
        twin.step()
    assert_planned(rows, PLAN)
