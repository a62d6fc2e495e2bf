"""PyTorch models as problems: one sentence for each one that cannot be trained."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune, spectral_norm, weight_norm

from stepsize.errors import InputError
from tests.support.torch_problems import IDS, Layer, TwoInputs, X, Y, mlp, toy


class OwnParameter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(5, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.kernel


class OwnGain(nn.Linear):
    """A layer whose reset_parameters() does not know all of its parameters."""

    def __init__(self) -> None:
        super().__init__(5, 3)
        self.gain = nn.Parameter(torch.rand(3))


class KeptProduct(nn.Linear):
    def __init__(self) -> None:
        super().__init__(5, 3)
        self.doubled = 2 * self.weight


def old_weight_norm() -> nn.Module:
    with warnings.catch_warnings(action="ignore"):  # it is deprecated
        return weight_norm(nn.Linear(5, 3))


def pruned() -> nn.Module:
    return prune.l1_unstructured(nn.Linear(5, 3), "weight", 0.5)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "double precision": (
        {"model": lambda: mlp().double()},
        r"'0.weight' is float64 and the data are float32: call .float\(\)",
    ),
    "half precision": ({"model": lambda: mlp().half()}, r"float16 and the data are float32: call .float\(\)"),
    "eval mode": ({"model": lambda: mlp().eval()}, r"is in eval mode; call .train\(\)"),
    "a loss for each row": ({"loss": nn.CrossEntropyLoss(reduction="none")}, "must return one number"),
    "a class of losses": ({"loss": nn.CrossEntropyLoss}, r"write CrossEntropyLoss\(\)"),
    "a misspelt loss": ({"loss": "CrossEntropy"}, "did you mean 'CrossEntropyLoss'"),
    "no loss": ({"model": mlp(), "loss": None}, "a PyTorch model needs a loss"),
    "a loss for a text model": ({"model": "mlp(3)"}, r"model is 'mlp\(3\)'; leave loss out"),
    "a path without a colon": ({"model": "my.make"}, "write 'package.module:function', or leave loss out"),
    "a path to a file": ({"model": "my/nets.py:make"}, "is a file; write the module as 'my.nets:make'"),
    "no optimizer": ({"optimizer": None}, "optimizer=None: a PyTorch model needs an optimizer"),
    "a live optimizer": (
        {"optimizer": torch.optim.SGD(mlp().parameters())},
        r"partial\(torch.optim.SGD, ...\)",
    ),
    "an optimizer of parameters": (
        {"optimizer": lambda parameters: torch.optim.SGD(parameters)},
        "is called with the model, not its parameters",
    ),
    "an optimizer without a loss": ({"loss": None}, "loss=None: a PyTorch model needs a loss beside its opt"),
    "LBFGS": ({"optimizer": torch.optim.LBFGS}, "unknown optimizer for a population 'LBFGS'"),
    "an optimizer by name": ({"optimizer": "adam"}, r"write settings=\{'optimizer': 'adam'\}"),
    "an unknown setting": ({"settings": {"beta": 0.5}}, "unknown argument of SGD 'beta'"),
    "a rate in the settings": ({"settings": {"lr": 0.1}}, "the schedules set the rate; leave lr out"),
    "one output for two classes": (
        {"model": lambda: mlp(1), "data": (X, Y % 2)},
        r"needs an output for each class, .*nn.Linear\(..., 2\), or use nn.BCEWithLogitsLoss",
    ),
    "a wrong setting": ({"settings": {"momentum": -1.0}}, "SGD does not take .* Invalid momentum"),
    "too many outputs": (
        {"model": lambda: mlp(4)},
        r"\(4,\); multiclass data needs one output for each of the 3",
    ),
    "a sequence of outputs": (
        {"model": partial(Layer, lambda layer, x: layer(x)[:, None].expand(-1, 4, -1))},
        r"shape \(4, 3\); multiclass data needs",
    ),
    "rows of another shape": ({"data": (X[:, :4], Y)}, r"does not take rows of shape \(4,\)"),
    "a class with arguments": (
        {"model": nn.Linear},
        r"cannot be called without arguments.*lambda: Linear\(...\)",
    ),
    "no module": ({"model": lambda: 3}, "must return an nn.Module, not int"),
    "no fresh weights": ({"model": OwnParameter()}, "'kernel' is drawn by no reset_parameters"),
    "no fresh gain": ({"model": OwnGain()}, "'gain' is drawn by no reset_parameters"),
    "a kept product": ({"model": KeptProduct}, "keeps 'doubled', computed from its parameters"),
    "the old weight_norm": (
        {"model": old_weight_norm},
        r"uses torch.nn.utils.weight_norm, .* use torch.nn.utils.parametrizations.weight_norm",
    ),
    "an instance with it": ({"model": old_weight_norm()}, "whose hook keeps the weight"),
    "the old spectral_norm": (
        {"model": nn.Sequential(spectral_norm(nn.Linear(5, 3)))},
        r"module '0' \(Linear\) uses .*utils.parametrizations.spectral_norm",
    ),
    "a pruned layer": ({"model": pruned}, r"call prune.remove\(module, name\) first"),
    "a factory with weights": ({"from_weights": True}, "from_weights=True needs a module as the model"),
    "an unknown module": ({"model": "nowhere:make"}, "model 'nowhere:make' cannot be imported"),
    "complex numbers": ({"data": (X.to(torch.complex64), Y)}, "x holds complex64 values"),
    "sequences of classes": (
        {"data": (X, torch.randint(5, (40, 4)))},
        "4 class numbers per row.*training function",
    ),
    "weights of classes": ({"class_weight": "balanced"}, r"CrossEntropyLoss\(weight=...\)"),
    "inputs by other names": (
        {"model": TwoInputs, "data": ({"x": X, "id": IDS}, Y)},
        "the inputs x, id, but the model's forward takes x, ids",
    ),
    "too many inputs": (
        {"model": TwoInputs, "data": ((X, IDS, IDS), Y)},
        r"has 3 inputs, .*takes 2 \(x, ids\)",
    ),
    "a metric for the whole": (
        {"metric": lambda outputs, y: (outputs.argmax(1) == y).float().mean(), "mode": "max"},
        "one number for each of the 4 rows",
    ),
    "a metric without a direction": (
        {"metric": lambda outputs, y: outputs[:, 0]},
        "add mode='max' or mode='min'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_sentence(name: str) -> None:
    changes, words = BAD[name]
    with pytest.raises(InputError, match=words) as refusal:
        toy(**changes)
    assert "\n" not in str(refusal.value)
