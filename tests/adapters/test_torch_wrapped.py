"""Updates that the optimizer that was passed does not make itself: wrappers, replays, compiled code."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler
from stepsize.errors import ScheduleError
from tests.support.torch_host import CURVE, assert_planned, record, sgd, train, weight

PLAN = CURVE.plan(updates=12)


class Sam(torch.optim.Optimizer):
    """Sharpness-aware minimisation in the layout of its reference implementation, which has two steps."""

    def __init__(self, parameters: Any, **options: Any) -> None:
        super().__init__(parameters, options)
        self.base_optimizer = torch.optim.SGD(self.param_groups, **options)
        self.param_groups = self.base_optimizer.param_groups

    def first_step(self) -> None:
        pass

    def second_step(self) -> None:
        self.base_optimizer.step()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.first_step()
        self.second_step()

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        self.base_optimizer.param_groups = self.param_groups


class Lookahead(torch.optim.Optimizer):
    """A wrapper that does not call Optimizer.__init__, as timm's does not."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self._inner = inner
        self.param_groups, self.defaults, self.state = inner.param_groups, inner.defaults, inner.state

    def step(self, closure: Any = None) -> Any:
        return self._inner.step(closure)

    def state_dict(self) -> Any:
        return self._inner.state_dict()

    def load_state_dict(self, state_dict: Any) -> None:
        self._inner.load_state_dict(state_dict)
        self.param_groups = self._inner.param_groups


def local_sgd() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, while it is imported
        from torch.distributed.optim import PostLocalSGDOptimizer
    averager = SimpleNamespace(average_parameters=lambda params: None)  # a real one needs processes
    return PostLocalSGDOptimizer(sgd(), averager)  # type: ignore[arg-type]


UPDATES = {
    "two steps": lambda optimizer: (optimizer.first_step(), optimizer.second_step()),
    "one step": lambda optimizer: optimizer.step(),
}


@pytest.mark.parametrize(
    ("build", "update"),
    [
        (lambda: Sam([weight()], lr=0.1), "two steps"),
        (lambda: Sam([weight()], lr=0.1), "one step"),
        (lambda: Lookahead(sgd()), "one step"),
        (lambda: Lookahead(Lookahead(sgd())), "one step"),
        (local_sgd, "one step"),
    ],
)
def test_a_wrapped_optimizer_uses_the_planned_rates(build: Any, update: str) -> None:
    optimizer = build()
    scheduler = TorchScheduler(optimizer, PLAN, strict=True)
    (parameter,) = optimizer.param_groups[0]["params"]
    assert scheduler.optimizer is optimizer
    position = torch.ones(1)
    for rate in PLAN.values.tolist():
        UPDATES[update](optimizer)
        scheduler.step()
        position -= rate
        assert torch.equal(parameter.detach(), position)
    assert scheduler.update == PLAN.horizon


@pytest.mark.parametrize("build", [lambda: Sam([weight()], lr=0.1), lambda: Lookahead(sgd())])
@pytest.mark.parametrize("order", [("optimizer", "scheduler"), ("scheduler", "optimizer")])
def test_a_wrapped_optimizer_is_resumed(build: Any, order: tuple[str, str]) -> None:
    optimizer = build()
    scheduler = TorchScheduler(optimizer, PLAN, strict=True)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    saved = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    again = {"optimizer": build()}
    again["scheduler"] = TorchScheduler(again["optimizer"], PLAN, strict=True)
    for name in order:
        again[name].load_state_dict(saved[name])
    for update in range(5, 9):
        assert again["optimizer"].param_groups[0]["lr"] == PLAN(update)
        again["optimizer"].step()
        again["scheduler"].step()


def test_an_optimizer_whose_updates_cannot_be_counted_is_refused() -> None:
    lonely = Lookahead(sgd())
    lonely._inner = None  # type: ignore[assignment]
    with pytest.raises(
        ScheduleError, match=r"this Lookahead does not call Optimizer.__init__.* pass the opt"
    ):
        TorchScheduler(lonely, PLAN)


def test_a_plan_that_does_not_move_is_reported_once() -> None:
    scheduler = TorchScheduler(sgd(), PLAN)  # of another optimizer than the one that trains
    text = r"is called repeatedly, but optimizer.step\(\) never is: the plan stays at update 0\. Pass the"
    with pytest.warns(UserWarning, match=text) as caught:
        train(SimpleNamespace(step=lambda: None), scheduler, 30)
    assert len(caught) == 1
    assert scheduler.mismatches == {"step without update": 30, "no update": 1}


@pytest.mark.parametrize("processes", [1, 4])
def test_an_optimizer_that_is_replaced_is_reported(processes: int) -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    for _ in range(3):
        optimizer.step()
        for _ in range(processes):
            scheduler.step()
    with pytest.warns(UserWarning, match=r"the plan stays at update 3\. Pass the optimizer whose step"):
        train(SimpleNamespace(step=lambda: None), scheduler, 50 * processes)


def test_observations_without_an_update_are_reported() -> None:
    plan = (ss.constant(0.1) * ss.plateau(factor=0.5)).plan(updates=16)
    scheduler = TorchScheduler(sgd(), plan)
    scheduler.observe(1.0)  # before the training, perhaps
    with pytest.warns(UserWarning, match="the plan stays at update 0"):
        scheduler.observe(1.0)


def test_the_calls_of_many_processes_are_not_reported() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, PLAN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            optimizer.step()
            for _ in range(64):
                scheduler.step()
    assert scheduler.update == 3


def test_an_update_made_otherwise_is_counted_by_advance() -> None:
    """As the replay of a CUDA graph, which reads the rate from its tensor and runs no hook."""
    optimizer = sgd(lr=torch.tensor(0.1))
    scheduler, used = TorchScheduler(optimizer, PLAN, strict=True), []
    rate = optimizer.param_groups[0]["lr"]
    for _ in range(PLAN.horizon):
        used.append(rate.item())
        scheduler.advance()
        scheduler.step()
    assert used == torch.tensor(PLAN.values, dtype=torch.float32).tolist()


def test_a_captured_update_is_not_counted_and_needs_a_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer, baked = sgd(lr=torch.tensor(0.1)), sgd()
    scheduler, refused = TorchScheduler(optimizer, PLAN), TorchScheduler(baked, PLAN)
    optimizer.step()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)  # no machine of the tests has a GPU
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    version = optimizer.param_groups[0]["lr"]._version
    optimizer.step()
    assert (scheduler.update, optimizer.param_groups[0]["lr"]._version) == (1, version)
    with pytest.raises(
        ScheduleError, match=r"lr is a number, which a CUDA graph would keep .* capturable=Tru"
    ):
        baked.step()
    monkeypatch.undo()
    assert refused.update == 0
    scheduler.step()
    with pytest.warns(UserWarning, match=r"call scheduler\.advance\(\) after each"):
        scheduler.step()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own
def test_a_compiled_step_compiles_once() -> None:
    compiled = []

    def backend(graph: Any, inputs: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam([parameter], lr=torch.tensor(0.1))
    scheduler = TorchScheduler(optimizer, PLAN, strict=True)
    rows = record(optimizer)

    @torch.compile(backend=backend)
    def step() -> None:
        optimizer.step()
        scheduler.step()

    for _ in range(PLAN.horizon):
        parameter.grad = torch.ones(3)
        step()
    assert scheduler.update == PLAN.horizon
    assert len(compiled) == 1
    assert torch.equal(torch.tensor(rows), torch.tensor(PLAN.values[:, None], dtype=torch.float32))


def test_a_composite_optimizer_keeps_its_own_clock() -> None:
    """One that keeps an optimizer of some of its groups makes its updates itself, as ZeRO does."""

    class Partial(torch.optim.SGD):
        def __init__(self, parameters: Any, **options: Any) -> None:
            super().__init__(parameters, **options)
            self.shard = torch.optim.SGD(self.param_groups[0]["params"], **options)

    optimizer = Partial([{"params": [weight()]}, {"params": [weight()]}], lr=0.1)
    scheduler, rows = TorchScheduler(optimizer, PLAN, strict=True), record(optimizer)
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    assert_planned(rows, PLAN, [1, 1])


def test_a_metric_that_is_never_observed_is_reported() -> None:
    plan = (ss.constant(0.1) * ss.plateau(factor=0.5)).plan(updates=16)
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, plan)
    with pytest.warns(
        UserWarning, match=r"has had no effect: 8 of 16 updates .* call observe\(value\)"
    ) as caught:
        train(optimizer, scheduler, 16)
    assert len(caught) == 1
    assert scheduler.mismatches == {"metric not observed": 1}


def test_updates_past_the_end_at_a_rate_of_0_are_reported() -> None:
    optimizer = sgd()
    scheduler = TorchScheduler(optimizer, ss.linear(0.1).plan(updates=5))
    train(optimizer, scheduler, 5)
    with pytest.warns(
        UserWarning, match=r"update 5 is past the end of linear.* rate is 0.* plan all updates"
    ):
        train(optimizer, scheduler, 3)
    assert scheduler.mismatches == {"plan is over": 1}
