"""A trained model is the one that was scored, or it is refused; and so is the one that is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import stepsize as ss
from stepsize.errors import ProblemError, StudyError
from stepsize.trained_model.reproduction import differing_rows

pytestmark = pytest.mark.usefixtures("series_process")

DRAWS = np.random.default_rng(0)
X = (DRAWS.normal(size=(80, 3)) + 2).astype(np.float32)
Y = (X - 2).sum(axis=1, keepdims=True)


class Following(nn.Module):
    """A model of rows less their mean, which it keeps in a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.mean = nn.Linear(3, 1), torch.zeros(3)
        self.register_buffer("mask", torch.tensor(np.random.rand(3), dtype=torch.float32))

    def follow(self, x: Tensor) -> None:
        if self.training:
            self.mean = 0.8 * self.mean + 0.2 * x.mean(0)

    def forward(self, x: Tensor) -> Tensor:
        self.follow(x)
        return self.layer((x - self.mean) * (1 + self.mask))


class InABuffer(Following):
    """The same, in a buffer of no state dict."""

    def __init__(self) -> None:
        super().__init__()
        del self.mean
        self.register_buffer("mean", torch.zeros(3), persistent=False)


class Always(InABuffer):
    """A model that goes on following when it is judged."""

    def follow(self, x: Tensor) -> None:
        self.mean = 0.8 * self.mean + 0.2 * x.mean(0)


class Masked(InABuffer):
    """A model with a plain tensor that NumPy draws when it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = None
        self.drawn = torch.tensor(np.random.rand(3), dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        self.follow(x)
        return self.layer((x - self.mean) * (1 + self.drawn))


class Growing(InABuffer):
    """A model whose buffer has another shape after training."""

    def follow(self, x: Tensor) -> None:
        self.mean = x.mean(0, keepdim=True).detach() if self.training else self.mean


class Drawing(InABuffer):
    """A model that drops inputs when it is judged, too."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(x, 0.5))


def compared(model: Any, engine: Any, **options: Any) -> Any:
    problem = ss.Problem(
        model, (X, Y), loss=nn.MSELoss(), optimizer=torch.optim.SGD, epochs=3, batch_size=16, **options
    )
    return ss.compare(problem, ["constant(0.02)"], 2, quiet=True, store=":memory:", engine=engine)


def score_of(trained: Any) -> float:
    left = Y[trained.validation, 0] - trained.predict(X[trained.validation])
    right = Y[trained.validation, 0]
    return 1 - float((left**2).sum() / ((right - right.mean()) ** 2).sum())


def test_a_model_that_keeps_something_in_python_is_refused(engine: Any) -> None:
    with pytest.raises(StudyError, match=r"seed=1: .* for 20 of 20 validation rows .* in a buffer: self.reg"):
        compared(Following, engine).train(1, engine=engine)


@pytest.mark.parametrize("model", [InABuffer, Always, Masked])
def test_a_model_that_keeps_a_buffer_is_the_one_that_was_scored(
    model: Any, engine: Any, tmp_path: Path
) -> None:
    """A tensor that NumPy draws is that of the seed in a loaded model, too."""
    result = compared(model, engine)
    assert (result.problem.series is None) == (model is InABuffer)
    trained = result.train(1, engine=engine)
    mean = trained.model.mean.clone()
    loaded = ss.load_trained(trained.save(tmp_path / "model.pt"), model)
    np.testing.assert_array_equal(loaded.predict(X), trained.predict(X))
    assert score_of(result.train(1, engine=engine)) == pytest.approx(trained.score, abs=1e-5)
    assert float(mean.abs().sum()) > 1
    assert trained.score == result.answer["candidates"][0]["scores"][1]


def test_a_buffer_of_another_shape_is_refused(engine: Any) -> None:
    with pytest.raises(ProblemError, match=r"buffer 'mean' has the shape \(3,\) in a new model and \(1, 3\)"):
        compared(Growing, engine).train(0, engine=engine)


def test_a_model_that_draws_to_predict_has_nothing_to_compare(engine: Any) -> None:
    assert compared(Drawing, engine).train(0, engine=engine).model.mean.abs().sum() > 1


class Elsewhere:
    """An engine whose runs return other values than their weights do."""

    def __init__(self, engine: Any) -> None:
        self.open, self._engine = engine.open, engine

    def final_weights(self, *arguments: Any) -> Any:
        end = self._engine.final_weights(*arguments)
        return end._replace(outputs=[each[::-1] for each in end.outputs])


def test_a_keras_model_that_returns_something_else_is_refused(engine: Any) -> None:
    result = ss.compare(
        ss.Problem("mlp(4)", (X, Y), epochs=2),
        ["constant(0.1)"],
        2,
        quiet=True,
        store=":memory:",
        engine=engine,
    )
    trained = result.train(0, engine=engine)
    assert score_of(trained) == pytest.approx(trained.score, abs=1e-4)
    with pytest.raises(StudyError, match=r"of 20 validation rows .* in a weight: add_weight"):
        result.train(0, engine=Elsewhere(engine))


def test_rounding_is_no_difference() -> None:
    right = [DRAWS.normal(size=(300, 2)), DRAWS.normal(size=(100, 2))]
    assert differing_rows([each * 1.001 + 1e-6 for each in right], right) == 0
    assert differing_rows([each + 0.1 for each in right], right) == 400
    turned = [each.copy() for each in right]
    turned[0][:4] += 1  # a choice that rounding turned
    assert differing_rows(turned, right) == 0
    turned[0][4] += 1
    assert differing_rows(turned, right) == 5
    assert differing_rows([np.full((1, 1), np.nan)], [np.zeros((1, 1))]) == 1
