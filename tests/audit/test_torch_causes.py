"""The audit of PyTorch: schedulers that are stepped, built or combined in the wrong way."""

import pytest
import torch
from torch.optim import lr_scheduler

import stepsize as ss
from stepsize.audit import Audit
from stepsize.audit.torch import watch
from stepsize.dialects import from_torch
from tests.support.torch_loop import EPOCHS, UPDATES, found, planned, sgd, train, update, weight

EARLY = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")


def test_lengths_in_updates_stepped_once_an_epoch():
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    audit = train(optimizer, Audit(planned(ss.cosine(0.1))), epoch=scheduler.step)
    assert found(audit) == (1, audit.plan(1), 0.1, ["epoch for update"])
    assert "once an epoch (6 updates)" in audit.cause


def test_lengths_in_epochs_stepped_at_every_update():
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    audit = train(optimizer, Audit(planned(ss.cosine(0.1))), batch=scheduler.step)
    assert found(audit) == (1, audit.plan(1), pytest.approx(audit.plan(6)), ["update for epoch"])
    assert audit.applied[10] == pytest.approx(0.1)  # the rule of PyTorch rises again


def test_steps_of_decay_in_epochs_stepped_at_every_update():
    optimizer = sgd()
    scheduler = lr_scheduler.StepLR(optimizer, step_size=2)
    plan = planned(ss.step_decay(0.1, factor=0.1, every=2 * ss.epochs))
    audit = train(optimizer, Audit(plan), batch=scheduler.step)
    assert found(audit)[:3] == (2, 0.1, pytest.approx(0.01))
    assert found(audit)[3] == ["update for epoch"]


def test_a_cosine_stepped_once_an_epoch_as_it_should_but_planned_by_updates():
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    audit = train(optimizer, Audit(planned(ss.cosine(0.1))), epoch=scheduler.step)
    assert found(audit) == (1, audit.plan(1), 0.1, ["held"])
    again = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(again, T_max=EPOCHS)
    train(again, Audit(planned(ss.cosine(0.1).per_epoch()), strict=True), epoch=scheduler.step)


def test_a_double_step():
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)

    def twice():
        scheduler.step()
        scheduler.step()

    audit = train(optimizer, Audit(planned(ss.cosine(0.1))), batch=twice)
    assert found(audit) == (1, audit.plan(1), pytest.approx(audit.plan(2)), ["double step"])


@EARLY
def test_a_step_before_the_first_update():
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    scheduler.step()
    audit = train(optimizer, Audit(planned(ss.cosine(0.1))), batch=scheduler.step)
    assert found(audit) == (0, 0.1, pytest.approx(audit.plan(1)), ["off by one"])


@EARLY
@pytest.mark.parametrize(
    "build",
    [
        lambda optimizer: lr_scheduler.StepLR(optimizer, 10, 0.5),
        lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [4, 17], 0.1),
        lambda optimizer: lr_scheduler.ConstantLR(optimizer, 0.5, 5),
    ],
)
def test_a_step_before_each_update_may_have_come_at_any_of_those_with_one_rate(build):
    optimizer = sgd()
    scheduler = build(optimizer)
    audit = Audit(from_torch(scheduler).plan(updates=UPDATES))
    with watch(optimizer, audit):
        for _ in range(UPDATES):
            scheduler.step()
            update(optimizer)
    assert found(audit)[3] == ["off by one", "skipped update"]
    assert "either the schedule is one update ahead from the start: step() is called before" in audit.cause


def test_a_step_that_is_no_longer_called_before_the_last_drop():
    optimizer, count = sgd(), iter(range(UPDATES))
    scheduler = lr_scheduler.StepLR(optimizer, 10, 0.5)
    audit = Audit(from_torch(scheduler).plan(updates=UPDATES))
    train(optimizer, audit, batch=lambda: scheduler.step() if next(count) < 14 else None)
    assert found(audit) == (20, 0.025, 0.05, ["stopped"])


def test_a_step_that_is_never_called():
    optimizer = sgd()
    lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    audit = train(optimizer, Audit(planned(ss.cosine(0.1))))
    assert found(audit) == (1, audit.plan(1), 0.1, ["no step"])


def test_a_schedule_built_for_another_optimizer():
    optimizer = sgd(0.02)
    scheduler = lr_scheduler.CosineAnnealingLR(sgd(), T_max=UPDATES)
    with pytest.warns(UserWarning, match="Detected call"):
        audit = train(optimizer, Audit(planned(ss.cosine(0.1))), batch=scheduler.step)
    assert found(audit) == (0, 0.1, 0.02, ["another rate"])


def test_a_second_scheduler_on_the_same_optimizer():
    optimizer = sgd()
    ours = lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
    second = lr_scheduler.ExponentialLR(optimizer, gamma=0.95)

    def both():
        ours.step()
        second.step()

    plan = planned(ss.step_decay(0.1, factor=0.5, every=10 * ss.updates))
    audit = train(optimizer, Audit(plan), batch=both)
    assert found(audit) == (1, 0.1, pytest.approx(0.095), ["second schedule"])
    assert "changes by 0.95 at every update" in audit.cause


def test_a_plateau_scheduler_beside_a_schedule():
    optimizer = sgd()
    ours = lr_scheduler.ExponentialLR(optimizer, gamma=0.97)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    plan = planned(ss.exponential(0.1, factor=0.97, every=1 * ss.updates))
    audit = train(optimizer, Audit(plan), batch=ours.step, epoch=lambda: plateau.step(1.0))
    assert found(audit) == (12, plan(12), pytest.approx(plan(12) / 2), ["plateau callback"])


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_that_mixed_precision_skips(fused):
    """The loss of update 9 overflows: the scaler skips that update, and the loop steps the schedule."""
    optimizer, plan = torch.optim.AdamW([weight()], lr=0.1, fused=fused), planned(ss.cosine(0.1))
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: plan(step) / 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    audit = Audit(plan)
    with watch(optimizer, audit):
        for batch in range(UPDATES):
            optimizer.zero_grad()
            loss = (optimizer.param_groups[0]["params"][0] ** 2).sum()
            scaler.scale(loss * (float("inf") if batch == 9 else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
    assert audit.update == UPDATES - 1
    assert found(audit) == (9, plan(9), pytest.approx(plan(10)), ["skipped update"])


def test_a_step_that_is_missed():
    optimizer, count = sgd(), iter(range(UPDATES))
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    audit = train(
        optimizer,
        Audit(planned(ss.cosine(0.1))),
        batch=lambda: None if next(count) == 12 else scheduler.step(),
    )
    assert found(audit) == (13, audit.plan(13), pytest.approx(audit.plan(12)), ["missed step"])


@EARLY
def test_a_schedule_stepped_at_every_micro_batch():
    optimizer = sgd()
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=UPDATES)
    audit = Audit(planned(ss.cosine(0.1)))
    with watch(optimizer, audit):
        for batch in range(UPDATES):
            if batch % 3 == 2:
                update(optimizer)
            scheduler.step()
    assert audit.update == UPDATES // 3
    assert found(audit) == (0, 0.1, pytest.approx(audit.plan(2)), ["micro-batches"])
