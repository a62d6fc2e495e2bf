"""A scheduler that is paused, detached or gone, and others that take the rate over for a while."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import SWALR

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support.torch_host import CURVE, assert_planned, network, record, sgd, train

PLAN = CURVE.plan(updates=12)


@pytest.fixture
def no_collector() -> Iterator[None]:
    sgd()  # the first one imports what leaves a cycle
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_optimizer_and_parameters_go_with_the_last_reference() -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = TorchScheduler(optimizer, PLAN, momentum=PLAN)
    optimizer.step()
    scheduler.step()
    parameter = weakref.ref(optimizer.param_groups[0]["params"][0])
    gone = weakref.ref(scheduler), weakref.ref(optimizer)
    del scheduler, optimizer
    assert [reference() for reference in (*gone, parameter)] == [None] * 3


@pytest.mark.usefixtures("no_collector")
def test_an_optimizer_whose_scheduler_is_gone_follows_its_plan_until_it_gets_another() -> None:
    optimizer = sgd()
    first = TorchScheduler(optimizer, PLAN)
    rows = record(optimizer)
    optimizer.step()
    del first
    for _ in range(3):
        optimizer.step()
    assert_planned(rows, PLAN)
    second = TorchScheduler(optimizer, PLAN, strict=True, update=0)
    rows.clear()
    for _ in range(4):
        optimizer.step()
        second.step()
    assert second.update == 4


def test_the_next_fold_with_the_same_optimizer_is_reported() -> None:
    optimizer = sgd()  # without momentum, so it keeps no state
    for fold in range(3):
        scheduler = TorchScheduler(optimizer, PLAN)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(optimizer, scheduler, 4)
        messages = [str(each.message) for each in caught]
        assert len(messages) == (fold > 0)
        assert all("such as the next fold, build a new optimizer" in message for message in messages)
        del scheduler


def test_a_detached_scheduler_leaves_the_optimizer_to_another() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    for _ in range(4):
        optimizer.step()
    scheduler.detach()
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == PLAN(4)
    for use in (scheduler.step, scheduler.resume, scheduler.advance, lambda: scheduler.observe(1.0)):
        with pytest.raises(
            ScheduleError, match=r"was detached.* TorchScheduler\(optimizer, plan, update=4\)"
        ):
            use()
    again = TorchScheduler(optimizer, PLAN, update=4)
    rows = record(optimizer)
    for _ in range(4):
        optimizer.step()
    assert again.update == 8
    assert_planned(rows[1:], PLAN, first=5)
    torch.optim.lr_scheduler.StepLR(sgd(), 3)


def test_a_paused_scheduler_leaves_the_rate_alone_and_does_not_count() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN, strict=True)
    rows = record(optimizer)
    optimizer.step()
    scheduler.step()
    scheduler.pause()
    for rate in (1e-4, 1e-3):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == scheduler.get_lr() == [rate]
    scheduler.resume()
    optimizer.step()
    assert rows == [[PLAN(0)], [1e-4], [1e-3], [PLAN(1)]]
    assert scheduler.update == 2
    assert not scheduler.mismatches


@pytest.mark.parametrize("curve", [CURVE, ss.cosine(0.1)])  # the first begins with a rate of 0
def test_the_update_with_which_a_checkpoint_fills_the_state_does_not_count(curve: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, while it is imported
        from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = TorchScheduler(optimizer, curve.plan(updates=12), strict=True)
    get_optimizer_state_dict(model, optimizer)
    assert optimizer.state
    assert scheduler.update == 0
    rows = record(optimizer)
    train(optimizer, scheduler, 4)
    assert_planned(rows, scheduler.plan)


def test_a_paused_scheduler_writes_nothing_when_it_observes_or_a_state_is_loaded() -> None:
    plan = (ss.constant(0.4) * ss.plateau(factor=0.5, patience=0)).plan(updates=9)
    optimizer = sgd(2, lr=torch.tensor(0.1))
    scheduler = TorchScheduler(optimizer, plan, strict=True)
    saved = optimizer.state_dict()
    scheduler.pause()
    optimizer.load_state_dict(saved)
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(1e-3)
    scheduler.observe(1.0)
    scheduler.observe(1.0)
    scheduler.advance()
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([1e-3] * 2)
    scheduler.resume()
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.2] * 2)
    assert scheduler.update == 0


def test_swalr_takes_the_rate_over() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    averaging = SWALR(optimizer, swa_lr=0.05, anneal_epochs=1)
    rows = record(optimizer)
    for _ in range(4):  # built at the start, as PyTorch's recipe has it, it changes nothing yet
        optimizer.step()
        scheduler.step()
    assert_planned(rows, PLAN)
    averaging.step()
    with pytest.warns(
        UserWarning, match=r"lr of group 0 is 0\.05, .* SWALR has taken over the rate"
    ) as caught:
        train(optimizer, averaging, 4)
    assert len(caught) == 1
    assert rows[4:] == [[0.05]] * 4
    scheduler.resume()
    optimizer.step()
    assert rows[-1] == [PLAN(4)]


def test_a_strict_one_refuses_swalr() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN, strict=True)
    averaging = SWALR(optimizer, swa_lr=0.05, anneal_epochs=1)
    optimizer.step()
    averaging.step()
    with pytest.raises(ScheduleError, match="SWALR has taken over the rate"):
        optimizer.step()
    assert scheduler.update == 1


def test_the_start_may_be_any_update() -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = TorchScheduler(optimizer, PLAN, momentum=PLAN, update=5)
    rows, momenta = record(optimizer), record(optimizer, "momentum")
    for _ in range(4):
        optimizer.step()
    assert_planned(rows, PLAN, first=5)
    assert_planned(momenta, PLAN, first=5)
    assert scheduler.last_epoch == 9


@pytest.mark.parametrize("update", [-1, 2.0, 0.0, True, "5", ""])
def test_the_start_is_a_number_of_updates(update: Any) -> None:
    with pytest.raises(ScheduleError, match="is not a number of completed updates; write an integer from 0"):
        TorchScheduler(sgd(), PLAN, update=update)
