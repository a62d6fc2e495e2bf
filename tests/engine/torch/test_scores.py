"""How the runs of a PyTorch model are scored: by its loss, its first output, or a metric of the user's."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from stepsize.engine.batch_order import batch_order
from stepsize.problems.problem import Problem
from tests.engine.torch.models import mlp
from tests.engine.torch.problems import (
    BATCH,
    EPOCHS,
    ROWS,
    SEED,
    SHORTER,
    SPECS,
    VALID,
    problem_of,
    task_of,
)
from tests.support.populations import make_block, make_population

SGD = partial(torch.optim.SGD, momentum=0.9, weight_decay=0.01)


def test_a_metric_of_the_users_own_is_the_mean_over_all_rows() -> None:
    def margin(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return outputs.gather(1, y[:, None])[:, 0] - outputs.amax(1)

    problem = problem_of(mlp, SGD, 5, metric=margin, mode="max")
    assert (problem.scored_by.name, problem.scored_by.higher_is_better) == ("margin", True)
    population = make_population(task_of(problem), 1)
    block = make_block(population.task, SEED, SPECS[:1], initial=problem.initial_weights(SEED))
    (curves,), states = population.run([block])
    model = mlp()
    weights = {name: np.asarray(value[0, 0]).T for name, value in states.weights.items()}
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
    x, y = torch.from_numpy(np.asarray(problem.data.x)), torch.from_numpy(problem.data.y).long()
    expected = margin(model(x[ROWS:]), y[ROWS:]).mean().item()
    assert curves.metric[0, -1] == pytest.approx(expected, rel=1e-4)


def test_a_loss_that_is_a_sum_is_reported_by_row() -> None:
    problem = problem_of(mlp, torch.optim.SGD, 5, loss=nn.CrossEntropyLoss(reduction="sum"))
    mean = problem_of(mlp, torch.optim.SGD, 5)
    curves = []
    for each in (problem, mean):
        population = make_population(task_of(each, rows=SHORTER), 1)
        block = make_block(population.task, SEED, ["constant(1e-12)"], initial=each.initial_weights(SEED))
        curves += population.train([block])
    assert problem.torch_source is not None
    assert problem.torch_source.model.sums
    np.testing.assert_allclose(curves[0].train_loss, curves[1].train_loss, rtol=1e-5)
    np.testing.assert_allclose(curves[0].valid_loss, curves[1].valid_loss, rtol=1e-5)


class Named(nn.Module):
    """Two heads by name, in an order that is not that of the alphabet."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.other = nn.Linear(5, 3), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.main(x), "auxiliary": self.other(x)}


def of_both(outputs: dict[str, torch.Tensor], y: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(outputs["logits"], y) + outputs["auxiliary"].square().mean()


def single() -> nn.Module:
    return nn.Linear(5, 1)


def soft_margin(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.soft_margin_loss(outputs[:, 0], y.reshape(-1))


@pytest.mark.parametrize(
    ("model", "loss", "of_class"),
    [
        (Named, of_both, lambda outputs: outputs["logits"].argmax(1)),
        (single, soft_margin, lambda outputs: outputs[:, 0] > 0),
    ],
)
def test_a_run_is_scored_by_the_first_output_as_the_loss_takes_it(model, loss, of_class):
    torch.manual_seed(1)
    x, y = torch.randn(ROWS + VALID, 5), torch.arange(ROWS + VALID) % (3 if model is Named else 2)
    labels = y if model is Named else 2 * y - 1
    problem = Problem(
        model, (x, labels), loss=loss, optimizer=torch.optim.SGD, epochs=EPOCHS, batch_size=BATCH
    )
    population = make_population(task_of(problem), 1)
    block = make_block(population.task, SEED, ["constant(0.1)"], initial=problem.initial_weights(SEED))
    (curves,) = population.train([block])
    torch.manual_seed(SEED)
    ours = model()
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    for order in batch_order(np.arange(ROWS), SEED, EPOCHS):
        for first in range(0, ROWS, BATCH):
            rows = torch.from_numpy(order[first : first + BATCH]).long()
            optimizer.zero_grad()
            loss(ours(x[rows]), labels[rows]).backward()
            optimizer.step()
    right = of_class(ours(x[ROWS:])) == y[ROWS:]
    assert curves.metric[0, -1] == pytest.approx(right.float().mean().item())
