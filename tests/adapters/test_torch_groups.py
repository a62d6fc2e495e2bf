"""Parameter groups, tensor rates, and plans for momentum and weight decay."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support.torch_host import CURVE, assert_planned, record, sgd, weight

PLAN = CURVE.plan(updates=12)
FALLING = ss.linear(0.9, floor=0.5).plan(updates=12)


def run(optimizer: Any, scheduler: TorchScheduler, updates: int) -> None:
    for _ in range(updates):
        optimizer.step()
        scheduler.step()


def test_groups_follow_the_plan_by_their_multipliers() -> None:
    optimizer = sgd(3)
    scheduler = TorchScheduler(optimizer, PLAN, multipliers=[1, 0.1, 0])
    rows = record(optimizer)
    run(optimizer, scheduler, 12)
    assert_planned(rows, PLAN, [1, 0.1, 0])


def test_without_multipliers_every_group_has_the_planned_rate() -> None:
    optimizer = sgd(2)
    scheduler, rows = TorchScheduler(optimizer, PLAN), record(optimizer)
    run(optimizer, scheduler, 12)
    assert_planned(rows, PLAN, [1, 1])


def test_groups_with_rates_of_their_own_need_multipliers() -> None:
    groups = [{"params": [weight()], "lr": 0.2}, {"params": [weight()], "lr": 0.05}]
    optimizer = torch.optim.SGD(groups)
    with pytest.raises(ScheduleError, match=r"different rates, 0\.2, 0\.05.* multipliers=\[1, 0\.25\]"):
        TorchScheduler(optimizer, PLAN)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.05]
    TorchScheduler(optimizer, PLAN, multipliers=[1, 0.25])


def test_a_group_added_later_joins_where_the_run_is() -> None:
    optimizer = sgd(momentum=0.9)
    scheduler = TorchScheduler(optimizer, PLAN, momentum=FALLING, strict=True)
    run(optimizer, scheduler, 5)
    scheduler.add_param_group({"params": [weight()]}, multiplier=0.5)
    rows, momenta = record(optimizer), record(optimizer, "momentum")
    run(optimizer, scheduler, 7)
    assert_planned(rows, PLAN, [1, 0.5], first=5)
    assert_planned(momenta, FALLING, [1, 1], first=5)
    assert scheduler.state_dict()["multipliers"] == [1, 0.5]


def test_a_group_added_behind_its_back_is_an_error_before_the_next_update() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    added = weight()
    optimizer.add_param_group({"params": [added], "lr": 0.7})
    with pytest.raises(ScheduleError, match=r"has 2 parameter groups, and 1 .* scheduler\.add_param_group"):
        optimizer.step()
    assert added.item() == 1
    with pytest.raises(ScheduleError, match="has 2 parameter groups"):
        scheduler.add_param_group({"params": [weight()]})


@pytest.mark.parametrize("wrong", [[1], [1, 2, 3], 0.5, "ab", [1, -1], [1, float("nan")], [1, "a"]])
def test_multipliers_are_one_number_for_each_group(wrong: Any) -> None:
    optimizer = sgd(2)
    with pytest.raises(ScheduleError, match="multipliers"):
        TorchScheduler(optimizer, PLAN, multipliers=wrong)
    with pytest.raises(ScheduleError, match="multiplier=-1"):
        TorchScheduler(optimizer, PLAN).add_param_group({"params": [weight()]}, multiplier=-1)
    assert len(optimizer.param_groups) == 2


def test_tensor_rates_are_filled_in_place_and_never_shared() -> None:
    given = torch.tensor(0.1)
    optimizer = sgd(2, lr=given)
    scheduler = TorchScheduler(optimizer, PLAN, multipliers=[1, 0.5], strict=True)
    rows, held = record(optimizer), [group["lr"] for group in optimizer.param_groups]
    run(optimizer, scheduler, 12)
    rates = torch.tensor([[rate, rate * 0.5] for rate in PLAN.values.tolist()])  # in their own precision
    assert torch.equal(torch.tensor(rows), rates)
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, held, strict=True))
    assert given == 0.1
    last = scheduler.get_last_lr()
    optimizer.step()
    assert scheduler.get_last_lr() == last == [PLAN.end, PLAN.end * 0.5]


@pytest.mark.filterwarnings("ignore:update 2. lr of group 1")
def test_somebody_elses_write_into_a_tensor_is_seen() -> None:
    optimizer = sgd(2, lr=torch.tensor(0.1))
    scheduler = TorchScheduler(optimizer, PLAN)
    rows = record(optimizer)
    run(optimizer, scheduler, 2)
    optimizer.param_groups[0]["lr"].mul_(1)  # a write that changes nothing
    optimizer.param_groups[1]["lr"].mul_(2)
    run(optimizer, scheduler, 1)
    optimizer.param_groups[1]["lr"] = 0.7
    run(optimizer, scheduler, 1)
    assert torch.equal(torch.tensor(rows), torch.tensor([[rate, rate] for rate in PLAN.values[:4].tolist()]))
    assert scheduler.mismatches == {"foreign value": 2}


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: sgd(2, momentum=0.9), "momentum"),
        (lambda: torch.optim.AdamW([weight()], lr=0.1), "betas"),
        (lambda: torch.optim.RMSprop([weight()], lr=0.1), "momentum"),
    ],
)
def test_momentum_and_weight_decay_follow_plans_of_their_own(make: Any, key: str) -> None:
    optimizer = make()
    decay = ss.cosine(0.01).plan(updates=12)
    scheduler = TorchScheduler(optimizer, PLAN, momentum=FALLING, weight_decay=decay, strict=True)
    ones = [1] * len(optimizer.param_groups)
    rows, momenta, decays = record(optimizer), record(optimizer, key), record(optimizer, "weight_decay")
    run(optimizer, scheduler, 12)
    assert_planned(rows, PLAN, ones)
    assert_planned(momenta, FALLING, ones)
    assert_planned(decays, decay, ones)
    if key == "betas":
        assert optimizer.param_groups[0]["betas"][1:] == (0.999,)


def test_a_tensor_beta_is_filled_in_place() -> None:
    betas = (torch.tensor(0.9), torch.tensor(0.999))
    optimizer = torch.optim.Adam([weight()], lr=torch.tensor(0.1), betas=betas, capturable=False)
    scheduler, rows = TorchScheduler(optimizer, PLAN, momentum=FALLING), record(optimizer, "betas")
    held = optimizer.param_groups[0]["betas"][0]
    run(optimizer, scheduler, 12)
    assert torch.equal(torch.tensor(rows), torch.tensor(FALLING.values[:, None], dtype=torch.float32))
    assert optimizer.param_groups[0]["betas"][0] is held
    assert held is not betas[0]


def test_an_optimizer_without_momentum_says_so() -> None:
    optimizer = torch.optim.Adagrad([weight()], lr=0.1)
    with pytest.raises(ScheduleError, match=r"^momentum=Plan.*: Adagrad has no momentum and no betas; leave"):
        TorchScheduler(optimizer, PLAN, momentum=FALLING)
    lbfgs = torch.optim.LBFGS([weight()])
    with pytest.raises(ScheduleError, match="LBFGS has no weight_decay; leave weight_decay= out"):
        TorchScheduler(lbfgs, PLAN, weight_decay=FALLING)
    assert not optimizer._optimizer_step_pre_hooks
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_momentum_of_one_or_more_is_refused() -> None:
    with pytest.raises(ScheduleError, match="reaches 1; write a plan that stays below 1"):
        TorchScheduler(sgd(), PLAN, momentum=ss.constant(1).plan(updates=12))


def test_a_plan_is_needed_for_each_hyperparameter() -> None:
    with pytest.raises(ScheduleError, match=r"^momentum=0\.9 is not a plan"):
        TorchScheduler(sgd(), PLAN, momentum=0.9)  # type: ignore[arg-type]
