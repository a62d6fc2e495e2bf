"""Every member of a population makes the updates of the same seed's loop in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stepsize.adapters.torch import TorchScheduler
from stepsize.engine.batch_order import batch_order
from stepsize.engine.dry_run import reason_for_series
from stepsize.engine.population import Population
from stepsize.engine.task import Task
from stepsize.problems.problem import Problem
from tests.engine.torch.image_models import ResNet
from tests.engine.torch.models import mlp
from tests.engine.torch.problems import BATCH, EPOCHS, ROWS, SEED, SHORTER, SPECS, problem_of, task_of
from tests.support.populations import make_block, make_population, plan_of

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": partial(torch.optim.SGD, momentum=0.9, weight_decay=0.01),
    "Adam": torch.optim.Adam,
    "AdamW": partial(torch.optim.AdamW, weight_decay=0.1),
}


class Mixed(nn.Module):
    """A frozen layer, a parameter without a use, a buffer that is drawn, and batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.unused = nn.Linear(5, 6).requires_grad_(False), nn.Linear(2, 2)
        self.register_buffer("noise", torch.randn(6))
        self.norm, self.last = nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.norm(self.frozen(x) + self.noise)))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 5 * 5, 3)
    )


def in_torch(
    problem: Problem, make: Callable[..., Any], task: Task, spec: str, momentum: str | None = None
) -> dict[str, Any]:
    """Train as a user would, and return the losses of each epoch and the final state."""
    torch.manual_seed(SEED)
    model, loss_of = problem.model(), nn.CrossEntropyLoss()
    optimizer = make(model.parameters() if isinstance(make, type | partial) else model)
    scales = [group["lr"] / optimizer.defaults["lr"] for group in optimizer.param_groups]
    x, y = torch.from_numpy(np.asarray(task.x)), torch.from_numpy(task.y).long()
    TorchScheduler(
        optimizer,
        plan_of(task, spec),
        multipliers={"lr": scales},
        momentum=None if momentum is None else plan_of(task, momentum),
    )
    losses, valid, accuracy = [], [], []
    for order in batch_order(np.arange(task.train_rows), SEED, EPOCHS):
        total = 0.0
        for first in range(0, task.train_rows, BATCH):
            rows = torch.from_numpy(order[first : first + BATCH]).long()
            optimizer.zero_grad()
            loss = loss_of(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / task.train_rows)
        with torch.no_grad():
            outputs = model.eval()(x[task.train_rows :])
            valid.append(loss_of(outputs, y[task.train_rows :]).item())
            accuracy.append((outputs.argmax(1) == y[task.train_rows :]).float().mean().item())
        model.train()
    return {
        "losses": losses,
        "valid": valid,
        "accuracy": accuracy,
        **{name: t.numpy() for name, t in model.state_dict().items()},
    }


def assert_equal_to_torch(
    population: Population, problem: Problem, make: Any, specs: tuple[str, ...], **changes: Any
) -> None:
    task, members = population.task, population.layout.members
    block = make_block(task, SEED, specs, initial=problem.initial_weights(SEED), **changes)
    (curves,), states = population.run([block])
    for member in range(members):
        expected = in_torch(problem, make, task, specs[member])
        one = lambda leaf, member=member: np.asarray(leaf[0, member])  # noqa: E731
        weights = {
            name: one(value).T if name in population.member._turned else one(value)
            for name, value in states.weights.items()
        }
        ours = {**weights, **{name: one(value) for name, value in states.others.items()}}
        np.testing.assert_allclose(curves.train_loss[member], expected["losses"], rtol=2e-5)
        np.testing.assert_allclose(curves.valid_loss[member], expected["valid"], rtol=2e-5)
        np.testing.assert_allclose(curves.metric[member], expected["accuracy"], rtol=1e-6)
        for name, value in ours.items():
            np.testing.assert_allclose(value, expected[name], atol=2e-5, err_msg=name)
        assert ours.keys() <= expected.keys()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_members_side_by_side_are_pytorchs(optimizer: str) -> None:
    make = OPTIMIZERS[optimizer]
    problem = problem_of(mlp, make, 5)
    rows = SHORTER if optimizer == "SGD" else ROWS
    population = make_population(task_of(problem, rows=rows), len(SPECS))
    assert population.member._turned == {"0.weight", "2.weight", "4.weight"}
    assert_equal_to_torch(population, problem, make, SPECS)


@pytest.mark.parametrize(
    ("model", "shape", "members"),
    [(ResNet, (3, 8, 8), 1), (convolutional, (1, 12, 12), 1), (Mixed, (5,), 3), (Mixed, (5,), 1)],
)
def test_other_models_in_both_layouts(model: Any, shape: tuple[int, ...], members: int) -> None:
    problem = problem_of(model, OPTIMIZERS["SGD"], *shape)
    population = make_population(task_of(problem), members)
    assert_equal_to_torch(population, problem, OPTIMIZERS["SGD"], SPECS[:members])


def grouped(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        [
            {"params": [model[0].weight, model[2].weight]},
            {"params": [model[4].weight], "lr": 1e-4, "weight_decay": 0.3},
            {"params": [model[i].bias for i in (0, 2, 4)], "weight_decay": 0.0},
        ],
        lr=1e-3,
    )


def test_groups_keep_the_ratio_of_their_rates_and_their_decays() -> None:
    problem = problem_of(mlp, grouped, 5)
    population = make_population(task_of(problem), 2)
    assert [group.scale for group in population.member.optimizer.groups] == pytest.approx([1, 0.1, 1])
    assert_equal_to_torch(population, problem, grouped, SPECS[:2])


def test_numbers_of_candidates_are_inputs_of_one_program() -> None:
    problem = problem_of(mlp, OPTIMIZERS["SGD"], 5)
    variants = ({"momentum": 0.9, "weight_decay": 0.01}, {"momentum": 0.5, "weight_decay": 0.2})
    task = task_of(problem, variants=variants)
    population = make_population(task, 2)
    numbers = {
        name: [np.array([v[name] for v in variants], np.float32), np.zeros(2, np.float32)]
        for name in variants[0]
    }
    from stepsize.engine.numeric_settings import Number

    block = make_block(
        task, SEED, SPECS[:2], initial=problem.initial_weights(SEED),
        settings={name: Number(*value) for name, value in numbers.items()},
    )  # fmt: skip
    (curves,) = population.train([block])
    for member, each in enumerate(variants):
        expected = in_torch(problem, partial(torch.optim.SGD, **each), task, SPECS[member])
        np.testing.assert_allclose(curves.valid_loss[member], expected["valid"], rtol=2e-5)


MOMENTA = (
    "piecewise_constant([0, 0.9, 0, 0.8], at=[2*updates, 6*updates, 9*updates])",
    "piecewise_constant([0.9, 0], at=[5*updates])",
    "piecewise_constant([0.5, 0], at=[1*updates])",
)


def dampened(model: nn.Module) -> torch.optim.Optimizer:
    groups = [{"params": model[0].parameters(), "lr": 5e-4}, {"params": model[2:].parameters()}]
    return torch.optim.SGD(groups, lr=1e-3, momentum=0.9, dampening=0.9)


@pytest.mark.parametrize("members", [1, 3])
def test_a_momentum_that_is_0_for_a_while_is_pytorchs(members: int) -> None:
    problem = problem_of(mlp, dampened, 5)
    task = task_of(problem, scheduled_momentum=True)
    population = make_population(task, members)
    plans = np.stack([plan_of(task, each).values for each in MOMENTA[:members]])
    block = make_block(
        task, SEED, SPECS[:members], initial=problem.initial_weights(SEED), momenta=plans.astype(np.float32)
    )
    (curves,) = population.train([block])
    for member in range(members):
        expected = in_torch(problem, dampened, task, SPECS[member], MOMENTA[member])
        np.testing.assert_allclose(curves.train_loss[member], expected["losses"], rtol=2e-5)
        np.testing.assert_allclose(curves.valid_loss[member], expected["valid"], rtol=2e-5)


def test_a_multiplier_is_a_rate_of_its_own_for_a_layer() -> None:
    def in_groups(model: nn.Module) -> torch.optim.Optimizer:
        head = [{"params": model[4].parameters(), "lr": 1e-4}]
        return torch.optim.SGD([{"params": model[:4].parameters()}, *head], lr=1e-3, momentum=0.9)

    problem = problem_of(mlp, partial(torch.optim.SGD, momentum=0.9), 5)
    population = make_population(task_of(problem, multipliers=("4",)), 1)
    factors = {"4": np.array([0.1], np.float32)}
    assert_equal_to_torch(population, problem, in_groups, SPECS[:1], multipliers=factors)


def test_dropout_masks_are_shared_by_the_members_of_a_seed_and_change_with_it() -> None:
    def dropping() -> nn.Module:
        return nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.Linear(8, 3))

    problem = problem_of(dropping, torch.optim.SGD, 5)
    task = task_of(problem)
    population = make_population(task, 2, blocks=2)
    same = ["constant(0.01)"] * 2
    initial = problem.initial_weights(1)
    blocks = [make_block(task, seed, same, initial=initial) for seed in (1, 2)]
    first, other = population.train([blocks[0], blocks[1]._replace(order=blocks[0].order)])
    np.testing.assert_array_equal(first.train_loss[0], first.train_loss[1])
    assert (first.train_loss != other.train_loss).all()


def words() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(5, 6), nn.ReLU(), Embedded())


class Embedded(nn.Module):
    """A look-up of the largest of six outputs, so that its weights have a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.table(x.argmax(1))


@pytest.mark.parametrize(
    ("model", "shape", "reason"),
    [(mlp, (5,), None), (convolutional, (1, 12, 12), "convolutions"), (words, (5,), "look-ups")],
)
def test_models_that_train_in_series_have_a_reason(model: Any, shape: Any, reason: str | None) -> None:
    population = Population(task_of(problem_of(model, torch.optim.SGD, *shape)))
    assert reason_for_series(population) == reason
