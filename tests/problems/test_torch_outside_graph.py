"""PyTorch code that runs outside the graph: it sends a model to the road in series, or is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers

from stepsize.errors import ProblemError
from tests.support.torch_problems import Layer, mlp, toy

calls = 0
SHARED = mlp()


class Keeping(nn.Module):
    """A layer that keeps something in Python: what `keep` does with the module in a pass."""

    def __init__(self, keep: Callable[[Any], None] = lambda self: None) -> None:
        super().__init__()
        self.layer, self.norm, self.keep = nn.Linear(5, 3), nn.BatchNorm1d(3), keep
        self.n, self.seen, self.rng = 0, [0], np.random.default_rng(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.keep(self)
        return self.norm(self.layer(x))


class Trained(Keeping):
    def train(self, mode: bool = True) -> Trained:
        self.n += mode
        super().train(mode)
        return self


class Frozen(Keeping):
    """A model that keeps its batch normalisation in evaluation mode."""

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.norm.eval()
        return self


class OfClass(Keeping):
    total = 0


class CountingLoss(nn.CrossEntropyLoss):
    n = 0

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return super().forward(input, target) * min(1.0, self.n / 5)


class PlainLoss:
    def __init__(self) -> None:
        self.n = 0

    def __call__(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return nn.functional.cross_entropy(outputs, y)


def keeping(keep: Callable[[Any], None]) -> dict[str, Any]:
    return {"model": partial(Keeping, keep)}


def count(self: Any) -> None:
    self.n += self.training


def count_validation(self: Any) -> None:
    self.n += not self.training


def flip(self: Any) -> None:
    self.n = not self.n


def count_in_a_list(self: Any) -> None:
    self.seen[0] += 1


def draw(self: Any) -> None:
    self.rng.random()


def sleep(self: Any) -> None:
    self.norm.eval()


def freeze(self: Any) -> None:
    self.layer.requires_grad_(False)


def seed(self: Any) -> None:
    torch.manual_seed(0)


def count_for_all(self: Any) -> None:
    global calls
    calls += 1


def count_in_the_class(self: Any) -> None:
    type(self).total += 1


def counted_globally(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    count_for_all(None)
    return nn.functional.cross_entropy(outputs, y)


def hooked(before: bool, model: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(model.parameters())
    register = optimizer.register_step_pre_hook if before else optimizer.register_step_post_hook
    register(lambda *_: None)
    return optimizer


def before_updates(model: nn.Module) -> torch.optim.Optimizer:
    return hooked(True, model)


def after_updates(model: nn.Module) -> torch.optim.Optimizer:
    return hooked(False, model)


def hooking(model: nn.Module) -> torch.optim.Optimizer:
    next(model.parameters()).register_post_accumulate_grad_hook(lambda each: None)
    return torch.optim.SGD(model.parameters())


def freezing(model: Any) -> torch.optim.Optimizer:
    model[0].requires_grad_(False)
    return torch.optim.SGD(model.parameters())


def replacing(model: nn.Module) -> torch.optim.Optimizer:
    optimizer: Any = torch.optim.SGD(model.parameters())
    optimizer.step = lambda closure=None: None
    return optimizer


def accumulating() -> nn.Module:
    model = mlp()
    next(model.parameters()).register_post_accumulate_grad_hook(lambda each: None)
    return model


class Drawn(Layer):
    """A layer with a tensor of its own that is not a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = torch.rand(3)


def hooked_loss() -> nn.Module:
    loss = nn.CrossEntropyLoss()
    loss.register_full_backward_hook(lambda *_: None)
    return loss


LINE = r"test_torch_outside_graph.py, line \d+"
IN_SERIES: dict[str, tuple[dict[str, Any], str]] = {
    "a hook before updates": ({"optimizer": before_updates}, rf"calls before every update \({LINE}\)"),
    "a hook after updates": ({"optimizer": after_updates}, rf"calls after every update \({LINE}\)"),
    "a hook of an optimizer's function": ({"optimizer": hooking}, "parameter '0.weight' has a hook"),
    "an optimizer's function that freezes": (
        {"optimizer": freezing},
        r"the function that makes the optimizer changes 'weight' of module '0' \(Linear\)",
    ),
    "a hook after gradients": ({"model": accumulating}, "parameter '0.weight' has a hook"),
    "a hook of the loss": ({"loss": hooked_loss()}, r"the loss \(CrossEntropyLoss\) has a backward hook"),
    "a tensor that is drawn": ({"model": Drawn}, r"the model \(Drawn\) has another 'mask' for every seed"),
    "a counter": (keeping(count), r"the model \(Keeping\) changes 'n' in Python"),
    "a counter of validations": (keeping(count_validation), "changes 'n'"),
    "a switch": (keeping(flip), "changes 'n'"),
    "a counter in a list": (keeping(count_in_a_list), "changes 'seen'"),
    "a generator of NumPy": (keeping(draw), "changes 'rng'"),
    "a mode": (keeping(sleep), r"module 'norm' \(BatchNorm1d\) changes 'training'"),
    "a freeze": (keeping(freeze), r"module 'layer' \(Linear\) changes 'weight'"),
    "a seed": (keeping(seed), "seeds PyTorch's generator"),
    "a counter of epochs": ({"model": Trained}, r"the model \(Trained\) changes 'n'"),
    "a counter in a loss": ({"loss": CountingLoss()}, r"the loss \(CountingLoss\) changes 'n'"),
    "a counter in a loss that is no module": ({"loss": PlainLoss()}, r"the loss \(PlainLoss\) changes 'n'"),
}
SAME_MODEL = "the models that the factory makes share '0.weight', so a run would start from what the last one"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a global variable": (keeping(count_for_all), "'calls', which the runs of a process share"),
    "a class": (
        {"model": partial(OfClass, count_in_the_class)},
        "changes 'total' of its class, which the runs",
    ),
    "a loss with a global variable": ({"loss": counted_globally}, "'calls', which the runs of a process"),
    "another step()": ({"optimizer": replacing}, r"the optimizer's step\(\) has been replaced"),
    "a hook that no copy has": ({"model": accumulating()}, "'0.weight' has a hook, which no copy of"),
    "one model for all": ({"model": lambda: SHARED}, SAME_MODEL),
    "one model for all in series": ({"model": lambda: SHARED, "optimizer": before_updates}, SAME_MODEL),
    "one layer for all": (
        {"model": lambda: nn.Sequential(nn.Linear(5, 5), SHARED)},
        "the models that the factory makes share '1.0.weight'",
    ),
}


@pytest.mark.parametrize("case", IN_SERIES)
def test_code_outside_the_graph_takes_the_road_in_series(case: str) -> None:
    changes, words = IN_SERIES[case]
    series = toy(**changes).series
    assert series is not None
    with pytest.raises(ProblemError, match=words):
        raise ProblemError(series)
    assert "\n" not in series


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_run_begins_anew_is_refused_in_one_sentence(case: str) -> None:
    changes, words = REFUSED[case]
    with pytest.raises(ProblemError, match=words) as refusal:
        toy(**changes)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "register",
    [
        modules.register_module_forward_hook,
        modules.register_module_full_backward_hook,
        optimizers.register_optimizer_step_pre_hook,
        optimizers.register_optimizer_step_post_hook,
    ],
)
def test_a_hook_on_everything_is_refused(register: Any) -> None:
    handle = register(lambda *_: None)
    try:
        with pytest.raises(ProblemError, match=r"hook is registered for all (modules|optimizers)"):
            toy()
    finally:
        handle.remove()


def test_a_scheduler_does_not_replace_the_step() -> None:
    def scheduled(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(model.parameters())
        torch.optim.lr_scheduler.StepLR(optimizer, 1)
        return optimizer

    assert toy(optimizer=scheduled).series is None


def test_the_code_of_a_hook_identifies_a_model() -> None:
    def bounded(by: float) -> Callable[[Any], torch.optim.Optimizer]:
        def make(model: nn.Module) -> torch.optim.Optimizer:
            optimizer = torch.optim.SGD(model.parameters())
            optimizer.register_step_post_hook(lambda *_: [p.data.clamp_(-by, by) for p in model.parameters()])
            return optimizer

        return make

    sources = [toy(optimizer=bounded(by)).torch_source for by in (1.0, 1.0, 2.0)]
    first, same, other = (source.identity for source in sources if source is not None)
    assert first == same != other


def test_what_the_graph_has_stays_a_population() -> None:
    class Counted(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("n", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.training:
                self.n = self.n + 1
            return self.layer(x) / self.n

    def woken() -> nn.Module:
        return Frozen().train()

    for model in (Counted, Keeping, Frozen, woken):
        assert toy(model).series is None


def test_reading_a_problem_changes_neither_the_loss_nor_random_numbers() -> None:
    loss = CountingLoss()
    before = random.getstate(), torch.get_rng_state()
    problem = toy(loss=loss)
    source = problem.torch_source
    assert source is not None
    assert loss.n == source.loss.n == 0
    assert not source.model.sums
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
