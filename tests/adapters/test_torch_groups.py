"""Parameter groups, tensor rates, and plans for momentum and weight decay."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError, StateError
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
    groups = [{"params": [weight()], "lr": 0.1}, {"params": [weight()], "lr": 0.01}]
    optimizer = torch.optim.SGD(groups)
    with pytest.raises(ScheduleError, match=r"different rates, 0\.1, 0\.01.* multipliers=\[1, 0\.1\]"):
        TorchScheduler(optimizer, PLAN)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]
    TorchScheduler(optimizer, PLAN, multipliers=[1, 0.1])


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


def test_groups_added_later_do_not_share_the_tensor_of_the_optimizer() -> None:
    optimizer = torch.optim.SGD([weight()], lr=torch.tensor(0.1))
    scheduler = TorchScheduler(optimizer, ss.constant(0.1).plan(updates=9))
    for multiplier in (1.0, 0.1, 0.5):
        scheduler.add_param_group({"params": [weight()]}, multiplier=multiplier)
    optimizer.step()
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.1, 0.1, 0.01, 0.05])


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


def decayed(**options: Any) -> torch.optim.AdamW:
    groups = [{"params": [weight()], "weight_decay": 0.04}, {"params": [weight()], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.1, **options)


DECAY = ss.linear(0.4).plan(updates=12)


def test_groups_without_decay_keep_it_only_if_it_is_said() -> None:
    optimizer = decayed()
    text = r'values of weight_decay, 0.04, 0, .* write multipliers=\{"weight_decay": \[1, 0\]\} to keep'
    with pytest.raises(ScheduleError, match=text):
        TorchScheduler(optimizer, PLAN, weight_decay=DECAY)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.04, 0]
    for settings in (
        {"weight_decay": DECAY, "multipliers": {"weight_decay": [1, 0]}},
        {"weight_decay": [DECAY, None]},
    ):
        optimizer = decayed()
        scheduler = TorchScheduler(optimizer, PLAN, strict=True, **settings)  # type: ignore[arg-type]
        rows = record(optimizer, "weight_decay")
        run(optimizer, scheduler, 12)
        assert_planned(rows, DECAY, [1, 0])


def test_groups_with_betas_of_their_own_need_multipliers() -> None:
    groups = [{"params": [weight()], "betas": (0.9, 0.95)}, {"params": [weight()], "betas": (0.45, 0.99)}]
    optimizer = torch.optim.AdamW(groups, lr=0.1)
    with pytest.raises(ScheduleError, match=r'multipliers=\{"momentum": \[1, 0.5\]\} to keep the ratios'):
        TorchScheduler(optimizer, PLAN, momentum=FALLING)
    scheduler = TorchScheduler(optimizer, PLAN, momentum=FALLING, multipliers={"momentum": [1, 0.5]})
    rows = record(optimizer, "betas")
    run(optimizer, scheduler, 12)
    assert_planned(rows, FALLING, [1, 0.5])
    assert [group["betas"][1] for group in optimizer.param_groups] == [0.95, 0.99]


def test_a_multiplier_keeps_momentum_below_one_and_names_what_is_planned() -> None:
    with pytest.raises(ScheduleError, match=r"reaches 1\.8; write a plan that stays below 1"):
        TorchScheduler(sgd(), PLAN, momentum=FALLING, multipliers={"momentum": [2]})
    with pytest.raises(
        ScheduleError, match="weight_decay has no plan here; write multipliers for lr, momentum"
    ):
        TorchScheduler(sgd(), PLAN, momentum=FALLING, multipliers={"weight_decay": [1]})


def test_the_layer_decay_of_timm_is_not_ignored() -> None:
    groups = [{"params": [weight()], "lr_scale": 0.25}, {"params": [weight()], "lr_scale": 1.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    with pytest.raises(ScheduleError, match=r"lr_scale, which plans ignore, 0.25, 1, .*\[0.25, 1\] to keep"):
        TorchScheduler(optimizer, PLAN)
    scheduler, rows = TorchScheduler(optimizer, PLAN, multipliers=[0.25, 1]), record(optimizer)
    run(optimizer, scheduler, 12)
    assert_planned(rows, PLAN, [0.25, 1])


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1, dtype=torch.float64)])
def test_a_group_may_have_a_plan_or_a_constant_rate_of_its_own(lr: Any) -> None:
    groups = [{"params": [weight()]}, {"params": [weight()]}, {"params": [weight()], "lr": 0.7}]
    optimizer = torch.optim.SGD(groups, lr=lr)
    scheduler = TorchScheduler(optimizer, [PLAN, FALLING, None], strict=True)
    rows = record(optimizer)
    run(optimizer, scheduler, 5)
    optimizer.param_groups[2]["lr"] = 0.6  # that group is nobody's
    run(optimizer, scheduler, 7)
    first, second = PLAN.values.tolist(), FALLING.values.tolist()
    third = [0.7] * 5 + [0.6] * 7
    assert rows == [list(rates) for rates in zip(first, second, third, strict=True)]
    assert scheduler.get_lr() == [PLAN(12), FALLING(12), 0.6]


def test_plans_of_groups_are_resumed() -> None:
    def build(plans: Any) -> Any:
        optimizer = sgd(3)
        return optimizer, TorchScheduler(optimizer, plans)

    optimizer, scheduler = build([PLAN, None, FALLING])
    run(optimizer, scheduler, 5)
    state = scheduler.state_dict()
    again, resumed = build([PLAN, None, FALLING])
    resumed.load_state_dict(state)
    assert [group["lr"] for group in again.param_groups] == [PLAN(5), 0.1, FALLING(5)]
    assert resumed.state_dict() == state
    for other, message in (
        (PLAN, "lr has a plan for each group in the state but not here"),
        ([PLAN, FALLING, None], "the state has lr plans for other groups"),
        ([PLAN, None, PLAN], "belongs to another plan"),
    ):
        with pytest.raises(StateError, match=message):
            build(other)[1].load_state_dict(state)


@pytest.mark.parametrize("wrong", [[PLAN], [None, None], [PLAN, 0.1], [PLAN, PLAN, PLAN]])
def test_plans_of_groups_are_one_for_each(wrong: Any) -> None:
    with pytest.raises(ScheduleError, match=r"plan.* is not (one plan for each of the 2|a plan)"):
        TorchScheduler(sgd(2), wrong)


def test_an_added_group_with_values_of_its_own_needs_multipliers() -> None:
    optimizer = torch.optim.AdamW([weight()], lr=0.1)
    scheduler = TorchScheduler(optimizer, PLAN, weight_decay=DECAY, strict=True)
    for group, text in (
        ({"weight_decay": 0.0}, r'weight_decay=0.0 of its own.* multiplier=\{"weight_decay": 0.1\}'),
        ({"lr": 0.7}, r"lr=0.7 of its own, and the plan would overwrite it; .*multiplier=0.1"),
        ({"lr_scale": 0.5}, "lr_scale=0.5 of its own"),
    ):
        with pytest.raises(ScheduleError, match=text):
            scheduler.add_param_group({"params": [weight()], **group})
    assert len(optimizer.param_groups) == 1
    added = {"params": [weight()], "weight_decay": 0.0, "lr": 0.7}
    scheduler.add_param_group(added, multiplier={"lr": 0.5, "weight_decay": 0})
    rows, decays = record(optimizer), record(optimizer, "weight_decay")
    run(optimizer, scheduler, 12)
    assert_planned(rows, PLAN, [1, 0.5])
    assert_planned(decays, DECAY, [1, 0])


def test_a_group_cannot_join_plans_of_groups() -> None:
    optimizer = sgd(2)
    scheduler = TorchScheduler(optimizer, [PLAN, None])
    run(optimizer, scheduler, 3)
    with pytest.raises(ScheduleError, match=r"needs a plan.* call detach\(\).* update=3\)"):
        scheduler.add_param_group({"params": [weight()]})
