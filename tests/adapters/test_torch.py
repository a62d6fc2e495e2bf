"""The scheduler of PyTorch: every update has the planned rate, and only updates move the clock."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support.draws import LAW, planned, timely
from tests.support.torch_host import CURVE, assert_planned, data, network, record, sgd, weight

PLAN = CURVE.plan(updates=12)


@LAW
@given(timely.filter(lambda schedule: schedule.metric_factor is None), st.integers(0, 2))
def test_every_update_uses_the_planned_rate_whether_step_is_called_or_not(schedule: Any, steps: int) -> None:
    plan, optimizer = planned(schedule), sgd()
    scheduler = TorchScheduler(optimizer, plan)
    rows = record(optimizer)
    for _ in range(plan.horizon):
        optimizer.step()
        for _ in range(steps):
            scheduler.step()
    assert scheduler.update == scheduler.last_epoch == len(rows) == plan.horizon
    assert_planned(rows, plan)
    assert optimizer.param_groups[0]["lr"] == scheduler.rate


def test_the_comparison_above_can_fail() -> None:
    rates = [[rate] for rate in PLAN.values.tolist()]
    assert_planned(rates, PLAN)
    for wrong in ([], rates[1:], [*rates[:-1], [0.5]]):
        with pytest.raises(AssertionError):
            assert_planned(wrong, PLAN)


def test_the_weights_move_by_the_planned_rates() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    parameter.grad = torch.ones(1, dtype=torch.float64)
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    TorchScheduler(optimizer, PLAN)  # nobody keeps it: it works all the same
    position = 0.0
    for rate in PLAN.values.tolist():
        optimizer.step()
        position -= rate
        assert parameter.item() == position


def test_it_is_a_scheduler_of_pytorch() -> None:
    assert isinstance(TorchScheduler(sgd(), PLAN), torch.optim.lr_scheduler.LRScheduler)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_accumulated_batches_do_not_move_the_clock(accumulate: int) -> None:
    model, (x, y) = network(), data()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler, rows = TorchScheduler(optimizer, PLAN, strict=True), record(optimizer)
    before = ((model(x) - y) ** 2).mean().item()
    for batch in range(PLAN.horizon * accumulate):
        rowset = torch.arange(4) + 4 * (batch % 12)
        (((model(x[rowset]) - y[rowset]) ** 2).mean() / accumulate).backward()
        if (batch + 1) % accumulate == 0:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    assert len(rows) == PLAN.horizon
    assert_planned(rows, PLAN)
    assert ((model(x) - y) ** 2).mean().item() < before / 2


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_that_a_gradient_scaler_skips_does_not_move_the_clock(fused: bool) -> None:
    optimizer, scaler = sgd(fused=fused), torch.amp.GradScaler("cpu")
    scheduler, rows = TorchScheduler(optimizer, PLAN), record(optimizer)
    (parameter,) = optimizer.param_groups[0]["params"]
    for batch in range(8):
        optimizer.zero_grad()
        scaler.scale((parameter * (torch.inf if batch in (0, 3, 4) else 1.0)).sum()).backward()
        before = parameter.item()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        skipped = batch in (0, 3, 4)
        assert (parameter.item() == before) == (skipped or scheduler.update == 1)  # the first rate is 0
        if skipped and fused:  # its step() runs, and leaves the update out by itself
            rows.pop()
    assert scheduler.update == 5
    assert_planned(rows, PLAN)
    assert scheduler.mismatches == ({} if fused else {"step without update": 3})


def test_an_update_of_lbfgs_is_one_update_however_often_it_evaluates() -> None:
    model, (x, y) = network(), data()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1, max_iter=4)
    scheduler, rows, calls = TorchScheduler(optimizer, PLAN, strict=True), record(optimizer), []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        calls.append(loss.item())
        return loss

    for _ in range(PLAN.horizon):
        optimizer.step(closure)
        scheduler.step()
    assert len(calls) > len(rows) == PLAN.horizon
    assert_planned(rows, PLAN)


class Nested(torch.optim.SGD):
    """An optimizer whose step calls its parent's, so that PyTorch runs its hooks twice an update."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


def test_an_optimizer_that_calls_its_parents_step_counts_once() -> None:
    sgd()  # only now does the parent's step run hooks of its own
    optimizer, hooks = Nested([weight()], lr=0.1), []
    scheduler = TorchScheduler(optimizer, PLAN, strict=True)
    optimizer.register_step_post_hook(lambda *_: hooks.append(scheduler.update))
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    assert hooks == [1, 1, 2, 2, 3, 3, 4, 4]


def test_an_update_that_fails_is_none() -> None:
    optimizer = sgd()
    scheduler, rows = TorchScheduler(optimizer, PLAN), record(optimizer)

    def closure() -> Any:
        raise ZeroDivisionError

    optimizer.step()
    with pytest.raises(ZeroDivisionError):
        optimizer.step(closure)
    optimizer.step()
    assert scheduler.update == 2
    assert rows == [[PLAN(0)], [PLAN(1)], [PLAN(1)]]


def test_the_last_rates_are_those_of_the_update_until_step_is_called() -> None:
    optimizer = sgd(2)
    scheduler = TorchScheduler(optimizer, PLAN, multipliers=[1, 0.5])
    optimizer.step()
    optimizer.step()
    assert scheduler.get_last_lr() == [PLAN(1), PLAN(1) * 0.5]
    assert scheduler.get_lr() == [PLAN(2), PLAN(2) * 0.5]
    scheduler.step()
    assert scheduler.get_last_lr() == scheduler.get_lr() == [PLAN(2), PLAN(2) * 0.5]


def test_no_order_of_calls_warns() -> None:
    optimizer = sgd()
    scheduler, rows = TorchScheduler(optimizer, PLAN), record(optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            scheduler.step()
            optimizer.step()
    assert_planned(rows, PLAN)
    assert scheduler.mismatches == {"step without update": 1}


def test_past_its_end_a_plan_holds_or_repeats() -> None:
    for after in ("hold", "repeat"):
        plan, optimizer = CURVE.plan(updates=5, after=after), sgd()
        TorchScheduler(optimizer, plan)
        rows = record(optimizer)
        for _ in range(12):
            optimizer.step()
        assert_planned(rows, plan)


def test_past_its_end_a_plan_may_refuse_the_update_but_not_the_last_step() -> None:
    optimizer = sgd()
    (parameter,) = optimizer.param_groups[0]["params"]
    scheduler = TorchScheduler(optimizer, CURVE.plan(updates=5, after="error"))
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    before = parameter.item()
    with pytest.raises(ScheduleError, match=r"update 5 .* is past the end of the run of 5 updates"):
        optimizer.step()
    assert parameter.item() == before


def test_a_metric_scales_the_rate_by_observe_or_by_step() -> None:
    plan = (ss.constant(0.4) * ss.plateau(factor=0.5, patience=0)).plan(updates=9)
    optimizer = sgd()
    scheduler, rows = TorchScheduler(optimizer, plan), record(optimizer)
    for observe in (scheduler.observe, scheduler.step, scheduler.step, scheduler.observe):
        optimizer.step()
        scheduler.step()
        observe(torch.tensor(1.0))  # only the first is an improvement
    optimizer.step()
    assert rows == [[0.4], [0.4], [0.2], [0.1], [0.05]]
    assert not scheduler.mismatches


def test_without_pytorch_one_sentence_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; import stepsize.adapters.torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith('torch is not installed: pip install "stepsize[torch]"')
