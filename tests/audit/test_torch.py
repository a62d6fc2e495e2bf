"""The audit of PyTorch: what it reads, and what counts as an update, with real optimizers."""

from pathlib import Path

import accelerate
import pytest
import torch
from torch.optim import lr_scheduler

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.audit import Audit
from stepsize.audit.torch import watch
from stepsize.dialects import from_timm, from_torch
from stepsize.errors import AuditError, ScheduleError
from tests.support.torch_loop import UPDATES, found, planned, sgd, train, update, weight

SCHEDULERS = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.5),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=UPDATES),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.3, total_steps=UPDATES + 1),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, total_iters=5), lr_scheduler.CosineAnnealingLR(o, 25)], [5]
    ),
}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.filterwarnings("ignore:.*:UserWarning")  # from_torch says what surprises in some of them
def test_pytorchs_own_schedulers_do_what_was_read_from_them(name):
    optimizer = sgd(momentum=0.9)
    scheduler = SCHEDULERS[name](optimizer)
    audit = Audit(planned(from_torch(scheduler)), strict=True)
    train(optimizer, audit, batch=scheduler.step)
    assert audit.update == UPDATES


def test_a_timm_scheduler_stepped_by_updates(timm_scheduler):
    optimizer, count = sgd(), iter(range(1, UPDATES + 1))
    scheduler = timm_scheduler.CosineLRScheduler(
        optimizer, t_initial=UPDATES, warmup_t=4, warmup_lr_init=0.01, warmup_prefix=True, t_in_epochs=False
    )
    audit = Audit(planned(from_timm(scheduler)), strict=True)
    train(optimizer, audit, batch=lambda: scheduler.step_update(next(count)))
    assert audit.update == UPDATES


def test_strict_stops_before_the_wrong_update_is_made():
    optimizer = sgd()
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    audit = Audit(planned(ss.constant(0.1)), strict=True)
    with pytest.raises(AuditError, match=r"Update 1 used the rate 0.05 instead of 0.1"):
        train(optimizer, audit, batch=scheduler.step)
    assert audit.update == 2
    assert optimizer.param_groups[0]["params"][0][0].item() == pytest.approx(0.8)  # one update, not two


def test_the_adapter_applies_the_plan_to_every_group():
    optimizer = torch.optim.SGD([{"params": [weight()]}, {"params": [weight()]}], lr=0.1)
    plan = planned(ss.cosine(0.3))
    scheduler = TorchScheduler(optimizer, plan, multipliers=[1, 0.1])
    audit = Audit(plan, strict=True)
    with watch(optimizer, audit, group=1, multiplier=0.1):
        train(optimizer, Audit(plan, strict=True), batch=scheduler.step, group=0)
    assert audit.update == UPDATES


def two_groups(*rates):
    return torch.optim.SGD([{"params": [weight()], "lr": rate} for rate in rates])


def test_groups_with_several_rates_are_chosen_from():
    with pytest.raises(ScheduleError, match=r"group 1 has the rate 0\.01 and group 0 0\.1; write watch"):
        watch(two_groups(0.1, 0.01), Audit(planned(ss.constant(0.1))))


def test_groups_that_part_later_are_reported():
    optimizer, count = two_groups(0.1, 0.1), iter(range(UPDATES))

    def halve():
        optimizer.param_groups[1]["lr"] *= 0.5 if next(count) == 9 else 1

    audit = train(optimizer, Audit(planned(ss.constant(0.1)), strict=True), batch=halve)
    assert audit.notes == [
        "From update 10 on, the optimizer's group 1 has the rate 0.05 and group 0 0.1, "
        "and only group 0 was audited."
    ]


def test_groups_with_multipliers_and_tensor_rates():
    optimizer = torch.optim.SGD(
        [
            {"params": [weight()], "lr": torch.tensor(0.1)},
            {"params": [weight()], "lr": torch.tensor(0.01)},
            {"params": [weight()], "lr": torch.tensor(0.02)},
        ],
        foreach=False,
    )
    plan = planned(ss.cosine(0.1))
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: plan(step) / 0.1)
    audits = [Audit(plan) for _ in range(3)]
    for group, audit in enumerate(audits):
        watch(optimizer, audit, group=group, multiplier=[1, 0.1, 0.1][group])
    for _ in range(UPDATES):
        update(optimizer)
        scheduler.step()
    assert [audit.first_difference is None for audit in audits] == [True, True, False]
    assert found(audits[2]) == (0, pytest.approx(0.01), pytest.approx(0.02), ["multiplier"])


def test_an_optimizer_that_calls_its_parent_makes_one_update():
    class Child(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    optimizer = Child([weight()], lr=0.1)
    audit = train(optimizer, Audit(planned(ss.constant(0.1)), strict=True))
    assert audit.update == UPDATES


def test_an_update_that_fails_and_is_made_again_counts_once():
    optimizer, audit = torch.optim.LBFGS([weight()], lr=0.1), Audit(planned(ss.constant(0.1)))
    with watch(optimizer, audit):
        with pytest.raises(ZeroDivisionError):
            optimizer.step(lambda: 1 / 0)
        optimizer.step(lambda: torch.tensor(1.0))
        optimizer.step(lambda: torch.tensor(1.0))
    assert audit.update == 2


def test_the_optimizer_inside_accelerates_own():
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=3)
    model = torch.nn.Linear(1, 1)
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1))
    audit = Audit(planned(ss.constant(0.1)), strict=True)
    with watch(optimizer, audit):
        for _ in range(6):
            with accelerator.accumulate(model):
                accelerator.backward(model(torch.ones(1)).sum())
                optimizer.step()
                optimizer.zero_grad()
    assert audit.update == 2


def test_it_can_be_removed():
    optimizer, audit = sgd(), Audit(planned(ss.constant(0.1)))
    watching = watch(optimizer, audit)
    update(optimizer)
    watching.close()
    update(optimizer)
    assert audit.update == 1


@pytest.mark.filterwarnings("ignore:CosineAnnealingLR rises again:UserWarning")
def test_the_example_of_the_documentation_prints_what_it_says(capsys):
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    exec(code, {"__name__": "example"})
    said = [line.removeprefix("# ") for line in code.splitlines() if line.startswith("# ")]
    assert capsys.readouterr().out.split() == " ".join(said).split()
    assert Path("audit.csv").read_text().startswith("update,planned,applied\n0,0.1,0.1\n")


def test_what_it_refuses():
    audit = Audit(planned(ss.constant(0.1)))
    with pytest.raises(ScheduleError, match="optimizer='sgd' is not a PyTorch optimizer"):
        watch("sgd", audit)
    with pytest.raises(ScheduleError, match="group=2: the optimizer has the groups 0 to 0"):
        watch(sgd(), audit, group=2)
    with pytest.raises(ScheduleError, match=r"is not an audit; write Audit\(plan\)"):
        watch(sgd(), audit.plan)


def test_a_wrapper_is_watched_at_the_optimizer_inside():
    class Lookahead(torch.optim.Optimizer):
        def __init__(self, inner):  # as timm's, without Optimizer.__init__
            self.inner, self.param_groups = inner, inner.param_groups

        def step(self, closure=None):
            return self.inner.step(closure)

    optimizer, audit = Lookahead(sgd()), Audit(planned(ss.constant(0.1)), strict=True)
    with watch(optimizer, audit):
        optimizer.step()
    assert audit.update == 1


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own
def test_a_compiled_step_that_is_watched_compiles_once():
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    parameter = weight()
    optimizer = torch.optim.Adam([parameter], lr=torch.tensor(0.1, dtype=torch.float64))
    audit = Audit(planned(ss.constant(0.1)), strict=True)
    watch(optimizer, audit)
    step = torch.compile(lambda: optimizer.step(), backend=backend)
    for _ in range(12):
        parameter.grad = torch.ones_like(parameter)
        step()
    assert (audit.update, len(compiled)) == (12, 1)
