"""Code outside the graph of a PyTorch model takes part in a run as in the user's own loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stepsize.engine.batch_order import batch_order
from stepsize.problems.problem import Problem
from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.protocol import Round
from stepsize.study.study import make_study
from stepsize.study.user_functions.executor import FunctionExecutor
from stepsize.study.user_functions.torch_series import TorchSeries

pytestmark = pytest.mark.usefixtures("series_process")
SEED, EPOCHS, BATCH, RATE = 3, 3, 8, 0.05
ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
X, Y = torch.tensor(ROWS), torch.tensor(3 * ROWS[:, :1] + 1)


class Counter(nn.Module):
    """A model whose outputs depend on the number of its batches, and whose `train()` counts epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.n, self.epoch = nn.Linear(3, 1), 0, 0

    def train(self, mode: bool = True) -> Counter:
        self.epoch += mode
        super().train(mode)
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n += self.training
        return self.layer(x) * (1.0 if self.n < 6 else 0.5) / (1 + self.epoch)


class Frozen(nn.Module):
    """A model that keeps its batch normalisation in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer = nn.BatchNorm1d(3), nn.Linear(3, 1)

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.norm(x + 2))


class CountingLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def forward(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.n += 1
        return ((outputs - target) ** 2).mean() * min(1.0, self.n / 12)


class Assigning(nn.Module):
    """A model that assigns a buffer, in training mode, or `always`."""

    def __init__(self, always: bool = False) -> None:
        super().__init__()
        self.layer, self.always = nn.Linear(3, 1), always
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training or self.always:
            self.mean = 0.8 * self.mean + x.mean(0)
        return self.layer(x - self.mean)


class AssigningLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level", torch.ones(()))

    def forward(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss = ((outputs - target) ** 2).mean()
        if self.training:
            self.level = 0.9 * self.level + 0.1 * loss.detach()
        return loss / self.level


def always_assigning() -> nn.Module:
    return Assigning(always=True)


def line() -> nn.Module:
    return nn.Linear(3, 1)


def accumulating() -> nn.Module:
    model = nn.Linear(3, 1)
    model.weight.register_post_accumulate_grad_hook(_grow)
    return model


def _grow(parameter: torch.Tensor) -> None:
    assert parameter.grad is not None
    parameter.grad.mul_(5)


def hooked(model: nn.Module, **settings: Any) -> torch.optim.Optimizer:
    """Return an optimizer that bounds gradients before an update, and weights after it."""
    first, *others = model.parameters()
    groups = [{"params": [first], "lr": 0.5 * RATE}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=RATE, **settings)

    def before(each: torch.optim.Optimizer, *_: Any) -> None:
        torch.nn.utils.clip_grad_norm_(each.param_groups[1]["params"], 0.3)

    def after(each: torch.optim.Optimizer, *_: Any) -> None:
        for parameter in each.param_groups[0]["params"]:
            parameter.data.clamp_(-1, 1)

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)
    return optimizer


def plain(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=RATE)


def own_loop(problem: Problem, loss: Any, optimizer: torch.optim.Optimizer, model: Any) -> Any:
    """Return the losses of the validation rows by PyTorch's usual loop."""
    train, valid = problem.parts(SEED)
    losses = []
    for order in batch_order(train, SEED, EPOCHS):
        model.train()
        loss.train()
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            optimizer.zero_grad()
            loss(model(X[rows]), Y[rows]).backward()
            optimizer.step()
        model.eval()
        loss.eval()
        with torch.no_grad():
            losses.append(float(loss(model(X[valid]), Y[valid])))
    return np.array(losses)


CASES: dict[str, tuple[Callable[[], nn.Module], nn.Module, Any, Mapping[str, Any]]] = {
    "hooks of the optimizer": (line, nn.MSELoss(), hooked, {}),
    "hooks of the optimizer, and settings": (line, nn.MSELoss(), hooked, {"momentum": 0.5}),
    "a hook after gradients": (accumulating, nn.MSELoss(), plain, {}),
    "a counter, and one in train()": (Counter, nn.MSELoss(), plain, {}),
    "a counter in the loss": (line, CountingLoss(), plain, {}),
    "a train() that freezes": (Frozen, nn.MSELoss(), plain, {}),
    "a buffer that is assigned": (Assigning, nn.MSELoss(), plain, {}),
    "a buffer that is assigned in evaluation mode": (always_assigning, nn.MSELoss(), plain, {}),
    "a buffer that a loss assigns": (line, AssigningLoss(), plain, {}),
}
POPULATIONS = ("a train() that freezes", "a buffer that is assigned", "a buffer that a loss assigns")


@pytest.mark.parametrize("case", CASES)
def test_a_run_is_that_of_the_users_own_loop(case: str, engine: Any) -> None:
    make, loss, optimizer, settings = CASES[case]
    problem = Problem(make, (X, Y), loss=loss, optimizer=optimizer, epochs=EPOCHS, batch_size=BATCH)
    assert (problem.series is None) == (case in POPULATIONS)
    study = make_study(problem, [Candidate(f"constant({RATE})", **settings)], seeds=SEED + 1)
    stage = Round("comparing on fresh seeds", (Job(study.candidates[0], None, SEED),), judge=True)
    torch.manual_seed(SEED)
    model = make()
    expected = own_loop(problem, copy.deepcopy(loss), partial(optimizer, **settings)(model), model)
    roads = [problem] if problem.series else [problem, problem.in_series("a test says so")]
    for each in roads:
        if each.series is None:
            made = PopulationExecutor(engine, each, study).execute(stage, {}, lambda done: None)
        else:
            with FunctionExecutor(TorchSeries.of(each, study), count=1) as executor:
                made = list(executor.execute(stage, {}, lambda done: None))
        (run,) = [run for runs in made for run in runs]
        np.testing.assert_allclose(run.curves[1], expected, rtol=1e-4)
