"""Small PyTorch models and the problems made of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from stepsize.problems.problem import Problem
from stepsize.problems.torch import reading
from stepsize.problems.torch.graph import ExportedModel

torch.manual_seed(0)
LABELS = (torch.randn(40, 2) > 0).float()
X, Y, IDS = torch.randn(40, 5), torch.arange(40) % 3, torch.arange(40) % 7
USUAL = {
    "loss": nn.CrossEntropyLoss(),
    "optimizer": torch.optim.SGD,
    "data": (X, Y),
    "epochs": 2,
    "name": "toy",
}


def mlp(outputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, outputs))


_export, _graphs = reading.export_model, {}


def _export_once(
    model: nn.Module, loss: Any, inputs: list[torch.Tensor], target: torch.Tensor
) -> ExportedModel:
    key = tuple((tuple(tensor.shape), tensor.dtype) for tensor in (*inputs, target))
    if key not in _graphs:
        _graphs[key] = _export(model, loss, inputs, target)
    return _graphs[key]


def toy(model: Any = mlp, **changes: Any) -> Problem:
    settings = {**USUAL, **changes}
    usual = model is mlp and settings["loss"] is USUAL["loss"]  # whose graph takes half a second
    once: AbstractContextManager[Any] = patch.object(reading, "export_model", _export_once)
    with once if usual else nullcontext():
        return Problem(model=model, **settings)


class Layer(nn.Module):
    """A linear layer, and then what `rest` does with it."""

    def __init__(self, rest: Callable[..., Any] = lambda layer, x: layer(x)) -> None:
        super().__init__()
        self.layer, self.rest = nn.Linear(5, 3), rest

    def forward(self, x: torch.Tensor) -> Any:
        return self.rest(self.layer, x)


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.embed = nn.Linear(5, 3), nn.Embedding(7, 3)

    def forward(self, x: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return self.linear(x) + self.embed(ids)


def first_output(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return layer(x)[:, 0]


Groups = list[dict[str, Any]]
"""The settings of their own of an optimizer's groups."""


def grouped(kind: Callable[..., torch.optim.Optimizer], groups: Groups, **usual: Any) -> Callable[..., Any]:
    """Return a function that makes an optimizer that has a group for each layer."""

    def make(model: nn.Module) -> torch.optim.Optimizer:
        layers = [list(each.parameters()) for each in model.children() if list(each.parameters())]
        return kind([{"params": layer, **own} for layer, own in zip(layers, groups, strict=True)], **usual)

    return make


FIRST = grouped(torch.optim.SGD, [{"momentum": 0.9}, {}], lr=0.01)
LAST = grouped(torch.optim.SGD, [{}, {"momentum": 0.9}], lr=0.01)
NONE = grouped(torch.optim.SGD, [{"momentum": 0.0}, {}], lr=0.01, momentum=0.8)
BOTH = grouped(torch.optim.SGD, [{"momentum": 0.9}, {"momentum": 0.7}], lr=0.01)
