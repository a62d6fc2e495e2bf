"""Graphs that are not decomposed: what is read off them is exactly what decomposing them would leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stepsize.problems.torch.export import export_metric, export_model, training_graph
from stepsize.problems.torch.functional_graphs import UNCHANGED, is_functional
from tests.support.torch_problems import Layer, mlp

X, Y, T = torch.randn(4, 5), torch.arange(4) % 3, torch.rand(4, 3)
SQUARE = torch.rand(3, 3)
ACTIVATIONS = (
    nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.LeakyReLU(0.3),
    nn.Softplus(2, 3), nn.Softmax(-1), nn.LogSoftmax(1), nn.LayerNorm(3),
)  # fmt: skip


class Everything(nn.Module):
    """Every operation that stays, some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.words, self.last = nn.Linear(5, 3, bias=False), nn.Embedding(3, 3), nn.Linear(3, 3)
        self.rest = nn.Sequential(*ACTIVATIONS)

    def forward(self, x: torch.Tensor, y: torch.Tensor, target: torch.Tensor) -> dict[str, Any]:
        logits = self.last(self.rest(self.first(x)))
        losses = [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.soft_margin_loss]
        return {
            "logits": logits,
            "words": self.words(y),
            "losses": [
                loss(logits, target, reduction=how) for loss in losses for how in ("mean", "sum", "none")
            ],
            "binary": F.binary_cross_entropy(logits.sigmoid(), target),
            "binary logits": F.binary_cross_entropy_with_logits(logits, target),
            "classes": F.nll_loss(logits.log_softmax(1), y, reduction="sum"),
            "means": [logits.mean(), logits.mean(1, keepdim=True)],
        }


def narrow(outputs: Any, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(outputs["logits"], target, label_smoothing=0.1, ignore_index=1)


def pair(layer: nn.Module, x: torch.Tensor) -> Any:
    return layer(x), {"weight": layer.weight, "again": [layer(x).relu()]}


def tied() -> nn.Module:
    layer = nn.Linear(5, 5)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(5, 3))


def on_first(loss: Any) -> Callable[..., torch.Tensor]:
    return lambda outputs, target: loss(outputs[0], target)


STAY = {
    "everything": (Everything(), narrow, (X, Y, T), Y),
    "an mlp": (mlp(), nn.CrossEntropyLoss(weight=torch.rand(3)), (X,), Y),
    "shares of classes": (mlp(), nn.CrossEntropyLoss(), (X,), T),
    "shared weights": (tied(), nn.BCEWithLogitsLoss(pos_weight=torch.rand(3)), (X,), T),
    "a weight among the outputs": (Layer(pair), on_first(nn.MSELoss()), (X,), T),
}


def two_ways(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]) -> tuple[Any, Any, set[bool]]:
    """Return what is exported, and what is if every graph is decomposed, and which answers there were."""
    answers = set()

    def noted(program: torch.export.ExportedProgram) -> bool:
        answers.add(is_functional(program))
        return is_functional(program)

    with monkeypatch.context() as patch:
        patch.setattr("stepsize.problems.torch.export.is_functional", noted)
        exported = make()
        patch.setattr("stepsize.problems.torch.export.is_functional", lambda program: False)
        return exported, make(), answers


@pytest.mark.parametrize("name", STAY)
def test_a_graph_that_is_not_decomposed_is_what_decomposing_leaves(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every operation that stays is in one of them."""
    graph, decomposed, answers = two_ways(monkeypatch, lambda: training_graph(*STAY[name]))
    assert answers == {True}
    assert repr(graph) == repr(decomposed)
    if name == "everything":
        found = {node.operation for node in graph.nodes} - {"getitem"}
        assert found == {each.removesuffix(".default") for each in UNCHANGED}


def test_so_are_both_graphs_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    exported, decomposed, answers = two_ways(monkeypatch, lambda: export_model(*STAY["an mlp"]))
    assert answers == {True}
    assert repr(exported) == repr(decomposed)


def test_so_is_that_of_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    def metric(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return F.l1_loss(outputs.softmax(1), target, reduction="none").mean(1)

    exported, decomposed, answers = two_ways(monkeypatch, lambda: export_metric(metric, torch.rand(4, 3), T))
    assert answers == {True}
    assert repr(exported) == repr(decomposed)


def unused(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return (layer(x).tanh(), layer(x).relu())[1]


OTHERS = {
    "a change in place": lambda layer, x: layer(x).relu_(),
    "a name that sizes take": lambda layer, x: layer(x) + 1,
    "what nobody uses": unused,
    "another view of the memory": lambda layer, x: layer(x).flatten(1),
    "a dropout": lambda layer, x: F.dropout(layer(x), 0.5),
}


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_graph_is_decomposed_for_it_would_differ(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> str:
        return repr(training_graph(Layer(OTHERS[name]), nn.CrossEntropyLoss(), (X,), Y))

    decomposed = make()
    monkeypatch.setattr("stepsize.problems.torch.export.is_functional", lambda program: True)
    assert make() != decomposed


def without_gradients(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        hidden = x.tanh()
    return layer(hidden)


@pytest.mark.parametrize("rest", [without_gradients, lambda layer, x: F.linear(layer(x), SQUARE)])
def test_so_is_one_with_a_region_or_a_constant(rest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, answers = two_ways(monkeypatch, lambda: training_graph(Layer(rest), nn.CrossEntropyLoss(), (X,), Y))
    assert answers == {False}
