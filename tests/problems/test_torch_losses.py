"""PyTorch losses: the target that each takes, the last layer that suits it, and whether it takes logits."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stepsize.errors import ProblemError
from stepsize.problems.torch.torch_model import TargetForm
from tests.support.torch_problems import LABELS, Layer, X, Y, first_output, mlp, toy

SIGNS = 2 * (Y % 2) - 1


class Calling(nn.Module):
    """What a function makes of three numbers in a row, as of a sequence of one."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x[:, None])[:, 0]


@pytest.mark.parametrize(
    ("model", "data", "loss", "kind", "form"),
    [
        (mlp, (X, Y), nn.CrossEntropyLoss(), "multiclass", TargetForm(True, ())),
        (partial(mlp, 2), (X, Y % 2), nn.CrossEntropyLoss(), "binary", TargetForm(True, ())),
        (partial(mlp, 1), (X, Y % 2), nn.BCEWithLogitsLoss(), "binary", TargetForm(False, (1,))),
        (partial(mlp, 1), (X, X[:, 0]), nn.MSELoss(), "regression", TargetForm(False, (1,))),
        (partial(mlp, 5), (X, X), nn.L1Loss(), "regression", TargetForm(False, (5,))),
        (mlp, (X, F.one_hot(Y, 3).float()), nn.CrossEntropyLoss(), "multiclass", TargetForm(False, (3,))),
        (partial(mlp, 2), (X, LABELS), nn.BCEWithLogitsLoss(), "multilabel", TargetForm(False, (2,))),
        (partial(Layer, first_output), (X, X[:, :1]), nn.MSELoss(), "regression", TargetForm(False, ())),
        (partial(mlp, 1), (X, SIGNS), nn.SoftMarginLoss(), "binary", TargetForm(False, (1,), signs=True)),
        (partial(mlp, 1), (X, SIGNS), nn.MSELoss(), "binary", TargetForm(False, (1,), signs=True)),
        (partial(mlp, 1), (X, SIGNS), nn.BCEWithLogitsLoss(), "binary", TargetForm(False, (1,))),
        (partial(mlp, 2), (X, SIGNS), nn.CrossEntropyLoss(), "binary", TargetForm(True, ())),
    ],
)  # fmt: skip
def test_targets_come_as_the_loss_takes_them(model: Any, data: Any, loss: Any, kind: str, form: Any) -> None:
    made = toy(model, data=data, loss=loss)
    assert made.torch_source is not None
    assert (made.data.kind, made.torch_source.model.target) == (kind, form)


@pytest.mark.parametrize(
    ("loss", "last", "words"),
    [
        (nn.CrossEntropyLoss(), nn.Softmax(1), "it ends with softmax, and its loss takes raw outputs"),
        (F.cross_entropy, nn.Softmax(1), "it ends with softmax, and its loss takes raw outputs"),
        (nn.CrossEntropyLoss(), nn.Sigmoid(), "it ends with sigmoid, and"),
        (lambda outputs, y: F.nll_loss(outputs, y), nn.Identity(), "does not end with nn.LogSoftmax"),
        (nn.NLLLoss(), nn.Softmax(1), "does not end with nn.LogSoftmax"),
        (nn.NLLLoss(), nn.LogSoftmax(1), None),
        (lambda outputs, y: F.nll_loss(outputs.log_softmax(1), y), nn.Identity(), None),
        (lambda outputs, y: F.nll_loss(outputs.log(), y), nn.Softmax(1), None),
        (nn.CrossEntropyLoss(), nn.Identity(), None),
        (nn.CrossEntropyLoss(), nn.LogSoftmax(1), None),  # its logarithms of probabilities stay as they are
        (nn.MSELoss(), nn.Softmax(1), None),
    ],
)
def test_a_last_layer_that_does_not_suit_the_loss_is_warned_of(
    loss: Any, last: nn.Module, words: Any
) -> None:
    made = toy(lambda: nn.Sequential(nn.Linear(5, 3), last), loss=loss)
    assert made.torch_source is not None
    warnings, notes = made.torch_source.warnings, made.torch_source.notes
    assert [words in each for each in warnings] == ([True] if words else [])
    assert "JAX" in notes[0]
    assert not any("raw outputs" in note for note in notes)


def test_two_sigmoids_are_warned_of() -> None:
    model = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid(), nn.Flatten(0))
    made = toy(model, data=(X, Y % 2), loss=nn.BCEWithLogitsLoss())
    assert made.torch_source is not None
    assert "it ends with sigmoid" in made.torch_source.warnings[0]


def focal(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    p = torch.sigmoid(outputs.squeeze(1))
    return -(y.squeeze(1) * (1 - p) ** 2 * p.log() + (1 - y.squeeze(1)) * p**2 * (1 - p).log()).mean()


def of_probabilities(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    p = outputs.clamp(1e-6, 1 - 1e-6)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


@pytest.mark.parametrize(
    ("loss", "last", "are_logits"),
    [
        (lambda outputs, y: F.relu(1 - outputs * (2 * y - 1)).mean(), nn.Identity(), True),
        (lambda outputs, y: F.softplus(outputs * (1 - 2 * y)).sum(), nn.Identity(), True),
        (of_probabilities, nn.Sigmoid(), False),
        (nn.BCEWithLogitsLoss(), nn.Identity(), True),
        (focal, nn.Identity(), True),
        (nn.BCELoss(), nn.Sigmoid(), False),
        (nn.MSELoss(), nn.Identity(), False),
    ],
)
def test_a_loss_of_logits_is_recognised(loss: Any, last: nn.Module, are_logits: bool) -> None:
    made = toy(lambda: nn.Sequential(nn.Linear(5, 1), last), data=(X, Y % 2), loss=loss)
    assert made.torch_source is not None
    assert made.torch_source.model.are_logits == are_logits


def test_logits_of_several_classes_are_recognised_by_shifts() -> None:
    def own(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (outputs.logsumexp(1) - outputs.gather(1, y[:, None])[:, 0]).mean()

    def squares(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.mse_loss(outputs, F.one_hot(y, 3).float())

    sources = [toy(loss=each).torch_source for each in (own, squares)]
    assert [None if each is None else each.model.are_logits for each in sources] == [True, False]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (SIGNS, "its loss gets the classes as -1 and 1"),
        (Y % 2 + 1, "its loss gets the classes 1, 2 as the numbers 0 to 1; if they are quantities"),
        (Y % 2, ""),
    ],
)
def test_a_note_says_how_a_loss_gets_classes_with_other_numbers(labels: torch.Tensor, words: str) -> None:
    made = toy(partial(mlp, 1), data=(X, labels), loss=nn.SoftMarginLoss())
    assert made.torch_source is not None
    notes = [note for note in made.torch_source.notes if note.startswith("its loss gets")]
    assert [words in note for note in notes] == ([True] if words else [])


@pytest.mark.parametrize(
    ("data", "loss", "is_one_hot"),
    [
        ((X, Y), nn.MSELoss(), True),
        ((X, Y + 1), nn.BCEWithLogitsLoss(), True),
        ((X, F.one_hot(Y, 3).float()), nn.MSELoss(), False),
        ((X, Y), nn.CrossEntropyLoss(), False),
    ],
)
def test_a_note_says_that_a_loss_gets_class_numbers_as_one_hot_floats(
    data: Any, loss: Any, is_one_hot: bool
) -> None:
    made = toy(data=data, loss=loss)
    assert made.torch_source is not None
    notes = [note for note in made.torch_source.notes if note.startswith("its loss")]
    assert ["each class as 3 floats (one-hot)" in note for note in notes] == [True] * is_one_hot


def test_floats_that_are_class_numbers_are_named_as_such() -> None:
    with pytest.raises(ProblemError, match=r"3 outputs .*it holds floats; .* classes, write y\.long\(\)"):
        toy(data=(X, Y.float()))
    with pytest.raises(ProblemError, match=r"data needs one output .*nn\.Linear\(\.\.\., 1\)$"):
        toy(data=(X, Y + 0.5))


@pytest.mark.parametrize(
    ("last", "drops"),
    [
        (nn.Identity(), False),
        (nn.Dropout(0.0), False),
        (nn.Dropout(0.1), True),
        (Calling(lambda x: F.dropout(x, 0.2)), True),
        (Calling(lambda x: F.dropout(x, 0.0)), False),
        (Calling(lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.1)), True),
        (Calling(lambda x: F.scaled_dot_product_attention(x, x, x, scale=0.5)), False),
        (Calling(nn.TransformerEncoderLayer(3, 1, 4, batch_first=True)), True),
        (Calling(nn.TransformerEncoderLayer(3, 1, 4, dropout=0.0, batch_first=True)), False),
    ],
)
def test_dropout_masks_are_noted_where_there_is_dropout(last: nn.Module, drops: bool) -> None:
    made = toy(lambda: nn.Sequential(nn.Linear(5, 3), copy.deepcopy(last)))
    for road in (made, made.in_series("-")):
        assert road.torch_source is not None
        assert any("dropout masks" in note for note in road.torch_source.notes) == drops


def test_a_factory_with_the_same_weights_for_every_seed_is_noted() -> None:
    kept = mlp()
    for model, is_noted in ((lambda: copy.deepcopy(kept), True), (mlp, False)):
        made = toy(model)
        for road in (made, made.in_series("-")):
            assert road.torch_source is not None
            notes = [each for each in road.torch_source.notes if "starts from the same weights" in each]
            assert len(notes) == is_noted


def test_numbers_of_many_classes_are_classes_and_floats_are_quantities() -> None:
    many = torch.arange(40) % 25
    assert toy(partial(mlp, 25), data=(X, many)).data.kind == "multiclass"
    ratings = (many % 5 + 1).float()
    assert toy(partial(mlp, 1), data=(X, ratings), loss=nn.MSELoss()).data.kind == "regression"
