"""What may go wrong around the scheduler of PyTorch: two owners of the rate, wrong calls, wrong objects."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support.torch_host import CURVE, assert_planned, record, sgd

PLAN = CURVE.plan(updates=12)


def test_a_rate_that_somebody_else_writes_is_put_right_with_one_warning() -> None:
    optimizer = sgd(2)
    scheduler, rows = TorchScheduler(optimizer, PLAN), record(optimizer)
    optimizer.step()
    optimizer.param_groups[1]["lr"] = 0.7
    text = r"^update 1: lr of group 1 is 0\.7, but 0\.09\d+ is planned; another scheduler or a callback"
    with pytest.warns(UserWarning, match=text) as caught:
        optimizer.step()
    assert [each.filename for each in caught] == [__file__]
    optimizer.param_groups[0]["lr"] *= 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
    assert_planned(rows, PLAN, [1, 1])
    assert scheduler.mismatches["foreign value"] == 2


def test_a_strict_one_refuses_the_update_instead() -> None:
    optimizer = sgd()
    (parameter,) = optimizer.param_groups[0]["params"]
    scheduler = TorchScheduler(optimizer, PLAN, strict=True)
    optimizer.param_groups[0]["lr"] = 0.7
    with pytest.raises(ScheduleError, match=r"update 0: lr of group 0 is 0\.7, but 0\.0 is planned"):
        optimizer.step()
    assert (parameter.item(), scheduler.update) == (1, 0)


def test_a_foreign_rate_is_seen_before_a_metric_overwrites_it() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, (CURVE * ss.plateau()).plan(updates=9), strict=True)
    optimizer.param_groups[0]["lr"] = 0.7
    with pytest.raises(ScheduleError, match=r"lr of group 0 is 0\.7"):
        scheduler.observe(1.0)


@pytest.mark.filterwarnings("ignore:update [01]. lr of group 0")
@pytest.mark.parametrize(
    "other",
    [lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)), lambda o: lr_scheduler.ReduceLROnPlateau(o)],
)
def test_another_scheduler_built_later_changes_no_update(other: Any) -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    second, rows = other(optimizer), record(optimizer)
    for _ in range(12):
        optimizer.step()
        scheduler.step()
        second.step(*([1.0] if isinstance(second, lr_scheduler.ReduceLROnPlateau) else []))
    assert_planned(rows, PLAN)


def test_an_optimizer_that_has_a_scheduler_is_refused() -> None:
    optimizer = sgd()
    lr_scheduler.StepLR(optimizer, 3)
    with pytest.raises(ScheduleError, match="this SGD already has a scheduler of PyTorch; build a new"):
        TorchScheduler(optimizer, PLAN)
    optimizer = sgd()
    kept = TorchScheduler(optimizer, PLAN)
    with pytest.raises(ScheduleError, match="this SGD already has a TorchScheduler; build a new optimizer"):
        TorchScheduler(optimizer, PLAN)
    assert kept.optimizer is optimizer


def test_the_initial_rate_of_a_checkpoint_is_no_scheduler() -> None:
    saved = sgd()
    lr_scheduler.StepLR(saved, 3)
    optimizer = sgd()
    optimizer.load_state_dict(saved.state_dict())
    assert "initial_lr" in optimizer.param_groups[0]
    assert TorchScheduler(optimizer, PLAN).rate == PLAN(0)


@pytest.mark.parametrize(
    ("calls", "mismatches"),
    [
        ("us us us", {}),
        ("us uss us", {"step without update": 1}),
        ("su su su", {"step without update": 1}),
        ("u u u", {}),
        ("us u us", {"update without step": 1}),
        ("uus uus", {"update without step": 1}),
    ],
)
def test_calls_that_do_not_match_the_updates_are_counted_and_strictly_refused(
    calls: str, mismatches: dict[str, int]
) -> None:
    def run(strict: bool) -> TorchScheduler:
        optimizer = sgd()
        scheduler, rows = TorchScheduler(optimizer, PLAN, strict=strict), record(optimizer)
        for call in calls.replace(" ", ""):
            scheduler.step() if call == "s" else optimizer.step()
        assert_planned(rows, PLAN)
        return scheduler

    assert run(strict=False).mismatches == mismatches
    for kind in mismatches:
        with pytest.raises(ScheduleError, match=f"step.. was {'not ' * kind.startswith('update')}called"):
            run(strict=True)
    if not mismatches:
        run(strict=True)


@pytest.mark.parametrize("wrong", [None, 0.1, PLAN, torch.nn.Linear(1, 1)])
def test_only_an_optimizer_can_be_followed(wrong: Any) -> None:
    with pytest.raises(ScheduleError, match=r"is not a PyTorch optimizer; write .* TorchScheduler\("):
        TorchScheduler(wrong, PLAN)


@pytest.mark.parametrize("wrong", [None, 0.1, CURVE, PLAN.values, lr_scheduler.StepLR])
def test_only_a_plan_can_be_followed(wrong: Any) -> None:
    optimizer = sgd()
    with pytest.raises(
        ScheduleError, match=r"^plan=.* is not a plan; write for example cosine\(0.1\).plan\("
    ):
        TorchScheduler(optimizer, wrong)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_metric_needs_a_factor_that_follows_it() -> None:
    scheduler = TorchScheduler(sgd(), PLAN)
    for observe in (scheduler.observe, scheduler.step):
        with pytest.raises(ScheduleError, match=r"does not follow a metric; write for example .* \* plateau"):
            observe(0.5)


def test_a_metric_has_the_names_that_pytorch_has_for_it() -> None:
    plan = (ss.constant(0.4) * ss.plateau(factor=0.5, patience=0)).plan(updates=9)
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, plan)
    optimizer.step()
    scheduler.step(metrics=1.0)
    scheduler.step(metrics=torch.tensor(1.0))
    assert scheduler.rate == 0.2


@pytest.mark.parametrize("driven", [False, True])
@pytest.mark.parametrize(
    "call", [lambda s: s.step(3), lambda s: s.step(epoch=3), lambda s: s.step(0.5, 3), lambda s: s.step(True)]
)
def test_an_epoch_is_not_a_metric(driven: bool, call: Any) -> None:
    curve: Any = ss.constant(0.4) * ss.plateau(factor=0.5, patience=0) if driven else CURVE
    scheduler = TorchScheduler(sgd(), curve.plan(updates=9))
    before = scheduler.state_dict()
    with pytest.raises(ScheduleError, match=r"step\(3\): an int is read as an epoch|is not a number|follow"):
        call(scheduler)
    assert scheduler.state_dict() == before


@pytest.mark.parametrize("wrong", [None, {"loss": 1.0}, "0.5", True, [1.0, 2.0], torch.zeros(2)])
def test_a_metric_is_one_number(wrong: Any) -> None:
    scheduler = TorchScheduler(sgd(), (CURVE * ss.plateau()).plan(updates=9))
    with pytest.raises(ScheduleError, match=r"metric=.* is not a number; pass one, for example observe\(0"):
        scheduler.observe(wrong)


def test_last_epoch_cannot_be_set() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    with pytest.raises(ScheduleError, match=r"last_epoch=5 cannot be set.* TorchScheduler\(.*, update=5\)"):
        scheduler.last_epoch = 5
    scheduler.detach()  # the advice can be followed
    scheduler = TorchScheduler(optimizer, PLAN, update=5)
    assert scheduler.last_epoch == 5


def test_a_plan_is_not_joined_to_a_scheduler_of_pytorch() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    later = lr_scheduler.StepLR(optimizer, 3)
    with pytest.raises(
        ScheduleError, match=r"last_epoch=-1 cannot be set.* \(first >> second\)\.plan"
    ) as error:
        lr_scheduler.SequentialLR(optimizer, [scheduler, later], [3])
    assert "update=" not in str(error.value)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (
            torch.tensor(1),
            r"lr of group 0 is a tensor of torch.int64, which would round.* lr=torch.tensor\(0.1",
        ),
        (torch.tensor(0.1, dtype=torch.bfloat16), "a tensor of torch.bfloat16, which would round"),
        (
            None,
            "lr of group 0 is None, not a number, so the optimizer sets its own; build it with one, .*lr=0",
        ),
    ],
)
def test_a_rate_that_cannot_hold_the_plan_is_refused(rate: Any, message: str) -> None:
    optimizer = sgd()
    optimizer.param_groups[0]["lr"] = rate
    with pytest.raises(ScheduleError, match=message):
        TorchScheduler(optimizer, PLAN)
    assert not optimizer._optimizer_step_pre_hooks
