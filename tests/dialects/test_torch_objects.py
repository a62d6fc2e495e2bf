"""What `from_torch` reads and refuses: classes, groups, states, metrics, mistakes."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import stepsize.schedules as ss
from stepsize.dialects import from_torch, momentum_from_torch
from stepsize.dialects.torch import READERS
from stepsize.errors import ScheduleError

torch = pytest.importorskip("torch")
from torch.optim import lr_scheduler as theirs  # noqa: E402

from tests.support.torch_optimizers import optimizer  # noqa: E402


def test_a_class_is_read_with_its_own_defaults() -> None:
    assert (
        repr(from_torch(theirs.StepLR, peak=0.1, step_size=30))
        == "step_decay(0.1, factor=0.1, every=30*updates)"
    )
    cycle = from_torch(theirs.CyclicLR, base_lr=0.1, max_lr=0.5, cycle_momentum=False)
    assert repr(cycle) == "triangular(0.5, floor=0.1, up=2000*updates, down=2000*updates)"


def test_the_text_says_the_convention() -> None:
    with pytest.warns(UserWarning, match=r"run longer than T_max=90; .* cosine\(0.1, length=90\*updates\)"):
        cosine = from_torch(theirs.CosineAnnealingLR, peak=0.1, T_max=90)
    assert repr(cosine) == "torch_cosine(0.1, t_max=90*updates)"
    with pytest.warns(UserWarning, match=r"OneCycleLR also cycles the momentum, .* momentum_from_torch"):
        cycle = from_torch(theirs.OneCycleLR, max_lr=0.1, total_steps=100)
    assert repr(cycle) == "torch_one_cycle(0.1, length=100*updates)"


def test_of_adam_the_first_beta_is_cycled() -> None:
    owner = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    with pytest.warns(UserWarning, match=r"OneCycleLR also cycles betas\[0\]") as caught:
        from_torch(theirs.OneCycleLR(owner, max_lr=0.1, total_steps=345))
    assert len(caught) == 1


BY_EPOCHS: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: theirs.StepLR(o, 3),
    "MultiStepLR": lambda o: theirs.MultiStepLR(o, [2, 7]),
    "ExponentialLR": lambda o: theirs.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda o: theirs.CosineAnnealingLR(o, T_max=15),
    "CosineAnnealingWarmRestarts": lambda o: theirs.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2),
    "SequentialLR": lambda o: theirs.SequentialLR(
        o, [theirs.LinearLR(o, 0.1, total_iters=3), theirs.CosineAnnealingLR(o, 12)], [3]
    ),
    "ChainedScheduler": lambda o: theirs.ChainedScheduler(
        [theirs.LinearLR(o, 0.1, total_iters=3), theirs.StepLR(o, 6)]
    ),
    "OneCycleLR": lambda o: theirs.OneCycleLR(o, 0.5, total_steps=15),
    "OneCycleLR, three phases": lambda o: theirs.OneCycleLR(
        o, 0.5, total_steps=15, three_phase=True, anneal_strategy="linear"
    ),
    "CyclicLR, exp_range": lambda o: theirs.CyclicLR(o, 0.01, 0.5, 3, mode="exp_range", gamma=0.9),
    "CyclicLR, cycles between epochs": lambda o: theirs.CyclicLR(o, 0.01, 0.5, 2.3, 1.9),
    "CosineAnnealingLR, an end between epochs": lambda o: theirs.CosineAnnealingLR(o, T_max=7.3),
    "SequentialLR with CyclicLR": lambda o: theirs.SequentialLR(
        o, [theirs.ConstantLR(o, 0.1, 3), theirs.CyclicLR(o, 0.01, 0.5, 2, mode="exp_range", gamma=0.9)], [3]
    ),
}


@pytest.mark.filterwarnings("ignore:CosineAnnealingLR rises again:UserWarning")
@pytest.mark.filterwarnings("ignore:.*also cycles the momentum:UserWarning")
@pytest.mark.parametrize("name", BY_EPOCHS)
def test_a_scheduler_that_is_stepped_once_an_epoch(name: str) -> None:
    owner = optimizer(0.1)
    scheduler = BY_EPOCHS[name](owner)
    plan = from_torch(scheduler, step="epoch").plan(epochs=15, updates_per_epoch=4)
    rates = []
    for _ in range(15):
        for _ in range(4):
            rates.append(owner.param_groups[0]["lr"])
            owner.step()
        scheduler.step()
    assert plan.values == pytest.approx(rates)


def test_by_epochs_a_warning_is_in_epochs_and_a_metric_stays_as_it_is() -> None:
    with pytest.warns(UserWarning, match=r"use cosine\(0.1, length=15\*epochs\)"):
        from_torch(theirs.CosineAnnealingLR(optimizer(0.1), T_max=15), step="epoch")
    plateau = theirs.ReduceLROnPlateau(optimizer(0.1))
    assert from_torch(plateau, step="epoch") == from_torch(plateau)
    with pytest.raises(ScheduleError, match="unknown step 'epochs'; did you mean 'epoch'"):
        from_torch(plateau, step="epochs")  # type: ignore[arg-type]


def test_reading_changes_nothing() -> None:
    owner = optimizer(0.1)
    scheduler = theirs.StepLR(owner, 3)
    for _ in range(5):
        owner.step()
        scheduler.step()
    before = copy.deepcopy((scheduler.state_dict(), owner.state_dict()["param_groups"]))
    assert repr(from_torch(scheduler)) == "step_decay(0.1, factor=0.1, every=3*updates)"
    assert (scheduler.state_dict(), owner.state_dict()["param_groups"]) == before


def test_groups_agree_or_are_chosen() -> None:
    scheduler = theirs.ExponentialLR(optimizer(0.1, 0.2), 0.9)
    assert from_torch(scheduler, group=1) == ss.parse("exponential(0.2, factor=0.9, every=1*updates)")
    with pytest.raises(ScheduleError, match=r"groups differ; write group=1 .* multipliers=\[0.5, 1\]"):
        from_torch(scheduler)
    assert from_torch(theirs.ExponentialLR(optimizer(0.1, 0.1), 0.9)) == from_torch(
        theirs.ExponentialLR(optimizer(0.1), 0.9)
    )


def test_groups_that_agree_warn_once() -> None:
    with pytest.warns(UserWarning, match="rises again") as caught:
        from_torch(theirs.CosineAnnealingLR(optimizer(0.1, 0.1, 0.1), 9))
    assert [warning.filename for warning in caught] == [__file__]


def test_groups_that_are_not_multiples_of_each_other_are_plans_of_their_own() -> None:
    scheduler = theirs.CosineAnnealingLR(optimizer(0.1, 0.2), 9, eta_min=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            ScheduleError, match="write group=0 for the schedule of the first one, and so on; T"
        ):
            from_torch(scheduler)
    plateau = theirs.ReduceLROnPlateau(optimizer(0.1, 0.1), min_lr=[0.01, 0.02])
    with pytest.raises(ScheduleError, match="takes a list with a plan for each group"):
        from_torch(plateau)


def test_a_scheduler_on_a_rate_that_another_has_changed_is_refused() -> None:
    owner = optimizer(0.1)
    theirs.LinearLR(owner, start_factor=1 / 3, total_iters=4)
    again = theirs.LinearLR(owner, start_factor=1 / 3, total_iters=4)
    text = (
        r"this LinearLR has the rate 0.0111111 at update 0, and by its own numbers 0.0333333: something else"
    )
    with pytest.raises(ScheduleError, match=text):
        from_torch(again)
    averaging = torch.optim.swa_utils.SWALR(owner, swa_lr=0.5, anneal_epochs=3)
    with pytest.raises(ScheduleError, match="this SWALR has the rate"):
        from_torch(averaging)


def test_lengths_of_zero_are_reproduced_and_warned_about() -> None:
    with pytest.warns(UserWarning, match=r"never takes its factor back; to avoid that, use constant\(0.1\)"):
        assert from_torch(theirs.ConstantLR, peak=0.1, factor=0.5, total_iters=0) == ss.constant(0.05)
    with pytest.warns(UserWarning, match=r"stays at its start_factor; to avoid that, use constant\(0.1\)"):
        assert from_torch(theirs.LinearLR, peak=0.1, start_factor=0.5, total_iters=0) == ss.constant(0.05)


def test_a_plateau_cuts_when_its_own_does() -> None:
    draw = np.random.default_rng(0)
    for _ in range(200):
        rate, mode = draw.uniform(1e-7, 1), str(draw.choice(["min", "max"]))
        owner = optimizer(rate)
        scheduler = theirs.ReduceLROnPlateau(
            owner,
            mode,
            factor=draw.uniform(0.1, 0.9),
            patience=int(draw.integers(0, 4)),
            threshold=draw.choice([0, draw.uniform(0, 0.1)]),
            threshold_mode=str(draw.choice(["rel", "abs"])),
            cooldown=int(draw.integers(0, 4)),
            min_lr=rate * draw.choice([0, draw.uniform(0, 1.2)]),
            eps=draw.choice([1e-8, 1e-3]),
        )
        ours = from_torch(scheduler)
        assert ours == ss.parse(repr(ours))
        rule = ours.metric_factor
        state = rule.init() if rule else None
        for metric in draw.normal(size=40).cumsum().tolist():
            scheduler.step(metric)
            state = rule.observe(state, metric) if rule else None
            mine = rate * float(rule.multiplier(state)) if rule else rate
            assert mine == pytest.approx(owner.param_groups[0]["lr"], rel=1e-12)


def test_every_scheduler_of_pytorch_is_known() -> None:
    names = {
        name
        for name, kind in vars(theirs).items()
        if isinstance(kind, type) and issubclass(kind, theirs.LRScheduler) and not name.startswith("_")
    }
    assert names - {"LRScheduler"} == set(READERS) - {"SWALR"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: theirs.LambdaLR(optimizer(0.1), lambda t: 1), "write the schedule that it follows"),
        (lambda: theirs.MultiplicativeLR(optimizer(0.1), lambda t: 1), "write the schedule that it follows"),
        (lambda: theirs.CyclicLR(optimizer(0.1), 0.1, 0.5, scale_fn=lambda x: 1.0), "scale_fn"),
        (lambda: theirs.ConstantLR(optimizer(0.1), 0.0), "divides by zero"),
        (lambda: torch.optim.SGD, "unknown scheduler 'SGD'"),
        (lambda: "StepLR", "unknown scheduler 'str'"),
        (lambda: theirs.StepLR, "StepLR needs the rate of its optimizer; write peak=0.1"),
        (lambda: functools.partial(theirs.StepLR, step_size=3), "unknown scheduler 'partial'"),
    ],
)
def test_what_is_refused_says_what_to_write(build: Any, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        from_torch(build())


@pytest.mark.parametrize(
    "build",
    [
        lambda owner: theirs.StepLR(owner, 2.5),
        lambda owner: theirs.MultiStepLR(owner, [2.5, 4]),
        lambda owner: theirs.ConstantLR(owner, total_iters=2.5),
        lambda owner: theirs.LinearLR(owner, total_iters=2.5),
        lambda owner: theirs.PolynomialLR(owner, total_iters=2.5),
        lambda owner: theirs.SequentialLR(owner, [theirs.StepLR(owner, 3), theirs.StepLR(owner, 2)], [2.5]),
    ],
)
def test_times_that_pytorch_never_reaches_are_refused(build: Any) -> None:
    with pytest.raises(ScheduleError, match=r"never reaches the time 2\.5 of its .*; write .* whole numbers"):
        from_torch(build(optimizer(0.1)))


def test_a_cycle_may_turn_between_updates() -> None:
    owner = optimizer(0.1)
    cycle = theirs.CyclicLR(owner, 0.01, 0.1, step_size_up=2.5, step_size_down=4)
    with pytest.warns(UserWarning, match="CyclicLR also cycles the momentum"):
        rate = from_torch(cycle)
    ours, momentum = rate.plan(updates=20), momentum_from_torch(cycle).plan(updates=20)
    for update in range(20):
        group = owner.param_groups[0]
        assert group["lr"] == pytest.approx(ours(update))
        assert group["momentum"] == pytest.approx(momentum(update))
        owner.step()
        cycle.step()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ScheduleError, match="PyTorch refuses this OneCycleLR"):
        from_torch(theirs.OneCycleLR, max_lr=0.1, total_steps=10, pct_start=0.1)
    with pytest.raises(ScheduleError, match="peak, step_size: an instance of a scheduler has its own"):
        from_torch(theirs.StepLR(optimizer(0.1), 3), peak=0.1, step_size=3)
    with pytest.raises(ScheduleError, match="group=3 is not one of the 1 groups"):
        from_torch(theirs.StepLR(optimizer(0.1), 3), group=3)
    nested = theirs.ChainedScheduler([theirs.ChainedScheduler([theirs.StepLR(optimizer(0.1), 3)])])
    with pytest.raises(ScheduleError, match="ChainedScheduler inside a combination cannot be converted"):
        from_torch(nested)
