"""What a study will cost is told from the operations of its model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stepsize.problems.model_operations import operations_of
from stepsize.problems.problem import Problem
from stepsize.problems.problem import problem as named_problem
from stepsize.report.terminal.progress import describe_cost
from stepsize.study.candidates import Candidate
from stepsize.study.expected_cost import ExpectedCost, expected_cost
from stepsize.study.study import make_study

ROWS = np.random.default_rng(0).normal(size=(40, 3, 8, 8)).astype("float32")
LABELS = np.arange(40) % 4


def torch_problem(make: Any) -> Problem:
    torch = pytest.importorskip("torch")
    arguments: dict[str, Any] = {"loss": torch.nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD}
    return Problem(make, (torch.tensor(ROWS), torch.tensor(LABELS)), **arguments)


def test_a_convolution_counts_at_every_place_of_its_output() -> None:
    nn = pytest.importorskip("torch.nn")

    def model() -> Any:
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), *head)

    problem = torch_problem(model)
    work = operations_of(problem)
    assert work is not None
    assert work.products == 8 * 8 * (3 * 3 * 3) * 8 + 8 * 4
    assert work.elements == 2 * 8 * 8 * 8 + 8 + 4
    flat = torch_problem(lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 4)))
    seconds = [
        expected_cost(each, make_study(each, ["constant(0.1)"], 2000)).seconds for each in (problem, flat)
    ]
    assert seconds[0] > 2 * seconds[1]  # although it has fewer weights


def test_a_candidate_has_the_updates_of_its_own_batches() -> None:
    problem = named_problem("ionosphere")
    costs = [
        expected_cost(problem, make_study(problem, candidates, 2000, knobs=knobs)).seconds
        for candidates, knobs in (
            (["constant(0.1)"], None),
            ([Candidate("constant(0.1)", batch_size=1)], None),
            ([Candidate("constant(0.1)", batch_size="b")], {"b": [1, 28]}),
        )
    ]
    assert costs[1] > 5 * costs[0]
    assert costs[2] > costs[0]


def test_a_recurrent_layer_leaves_the_time_out() -> None:
    nn = pytest.importorskip("torch.nn")

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = nn.GRU(64, 8, batch_first=True), nn.Linear(8, 4)

        def forward(self, x: Any) -> Any:
            return self.head(self.layer(x.flatten(2))[0][:, -1])

    assert operations_of(torch_problem(Recurrent)) is None
    assert describe_cost(ExpectedCost(0, 8, None)).endswith(
        "; the time left is shown after the first of them"
    )


def test_the_layers_of_keras_count_alike() -> None:
    import keras

    layers = [keras.layers.Conv2D(8, 3, padding="same"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Dense(4, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    images = np.moveaxis(ROWS, 1, -1)
    work = operations_of(Problem(model, (images, LABELS)))
    assert work is not None
    assert work.products == 8 * 8 * (3 * 3 * 3) * 8 + 8 * 4
    embedding = keras.Sequential([keras.Input((8,)), keras.layers.Embedding(9, 4), *layers[:0]])
    embedding.add(keras.layers.GlobalAveragePooling1D())
    embedding.compile("sgd", "mse")
    numbers = np.arange(320).reshape(40, 8) % 9
    assert operations_of(Problem(embedding, (numbers, np.eye(4, dtype="float32")[LABELS]))) is None
