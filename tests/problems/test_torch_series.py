"""PyTorch models that cannot be populations: why, in one sentence, and what a study knows of them."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stepsize.errors import ProblemError
from stepsize.problems.problem import Problem
from stepsize.study.study import make_study
from tests.support.torch_problems import Layer, X, Y, mlp, toy


def branching(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = layer(x)
    return 2 * y if y.sum() > 0 else y


def folded(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = layer(x)[:, None, :, None]
    return nn.functional.unfold(y, (3, 1)).flatten(1)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0] * 2 * ctx.saved_tensors[0]


def squared(layer: nn.Module, x: torch.Tensor) -> Any:
    return Square.apply(layer(x))


def drawn(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return layer(x) * (1 + 0.1 * random.random())


def half(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return layer(x).float()


def double(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return layer(x.double()).float()


def hooked() -> nn.Module:
    model = mlp()
    model[0].register_full_backward_hook(lambda *_: None)
    return model


def branching_loss(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    loss = nn.functional.cross_entropy(outputs, y)
    return loss if loss > 0.1 else 0.5 * loss


def branching_metric(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    right = (outputs.argmax(1) == y).float()
    return right if right.sum() > 0 else 0 * right


IN_SERIES: dict[str, tuple[dict[str, Any], str]] = {
    "an if on data": (
        {"model": partial(Layer, branching)},
        r"test_torch_series.py, line \d+, 'return .*': the graph depends on its data",
    ),
    "an autograd function": (
        {"model": partial(Layer, squared)},
        r"test_torch_series.py, line \d+, 'return Square.apply.*': the model uses a torch.autograd.Function",
    ),
    "Python's random numbers": ({"model": partial(Layer, drawn)}, "draws random numbers from Python"),
    "autocast": ({"model": partial(Layer, half)}, "a value is bfloat16"),
    "double precision inside": (
        {"model": lambda: Layer(double).double()},
        "'layer.weight' is float64, and a population trains in float32",
    ),
    "a hook": ({"model": hooked}, r"module '0' \(Linear\) has a backward hook"),
    "a cumulative mean": (
        {"model": lambda: nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3, momentum=None))},
        r"module '1' \(BatchNorm1d\) has momentum=None",
    ),
    "an if in the loss": ({"loss": branching_loss}, "the graph depends on its data"),
    "an if in the metric": ({"metric": branching_metric, "mode": "max"}, "the graph depends on its data"),
}


@pytest.mark.parametrize("name", IN_SERIES)
def test_what_cannot_be_a_population_trains_in_series_and_a_note_says_why(name: str) -> None:
    changes, words = IN_SERIES[name]
    problem = toy(**changes)
    assert problem.series is not None
    assert problem.expensive
    note, *_ = problem.facts()["protocol"]["model_notes"]
    assert note.startswith("trained in PyTorch, one run at a time in a process for each core, because ")
    assert problem.series in note
    with pytest.raises(ProblemError, match=words):
        raise ProblemError(problem.series)
    assert "\n" not in note
    assert not problem.facts()["protocol"]["optimizer_groups"]


def test_what_the_loss_takes_is_read_as_from_a_graph() -> None:
    """The link of the metric and the warnings are the same on both roads."""
    ends = {
        "logits": (mlp, nn.CrossEntropyLoss()),
        "a softmax before logits": (lambda: nn.Sequential(mlp(), nn.Softmax(1)), nn.CrossEntropyLoss()),
        "logarithms": (lambda: nn.Sequential(mlp(), nn.LogSoftmax(1)), nn.NLLLoss()),
        "raw outputs as logarithms": (mlp, nn.NLLLoss()),
        "a margin": (mlp, nn.MultiMarginLoss()),
    }
    for model, loss in ends.values():
        one = toy(model, loss=loss)
        other = one.in_series("-")
        assert one.torch_source is not None
        assert other.torch_source is not None
        first, second = one.torch_source.model, other.torch_source.model
        assert (first.are_logits, first.sums, first.target) == (second.are_logits, second.sums, second.target)
        assert one.torch_source.warnings == other.torch_source.warnings


def in_series(source: str, **changes: Any) -> Problem:
    names: dict[str, Any] = {"__name__": "notebook"}
    exec(f"import torch\nfrom torch import nn\n{source}", names)
    return toy(names["make"], **changes).in_series("-")


NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.factor = nn.Linear(5, 3), 4
        self.linear.register_full_backward_hook(lambda *_: None)
    def forward(self, x):
        return self.linear(x) * (self.factor if x.sum() > 0 else 1)
def make():
    return nn.Sequential(Net())
"""


def test_an_edit_of_the_model_or_the_loss_is_another_study() -> None:
    whole = in_series(NET).digest
    assert in_series(NET).digest == whole
    assert in_series(NET.replace("else 1", "else 2")).digest != whole
    assert in_series(NET.replace("= nn.Linear(5, 3), 4", "= nn.Linear(5, 3), 8")).digest != whole
    assert in_series(NET, loss=nn.CrossEntropyLoss(label_smoothing=0.1)).digest != whole
    assert in_series(NET, optimizer=torch.optim.Adam).digest != whole


def test_the_digest_is_the_same_in_another_process() -> None:
    code = (
        "import torch; torch.nn.Linear(1, 1).register_full_backward_hook(lambda *_: None)\n"
        "from tests.problems.test_torch_series import NET, in_series\n"
        "print(in_series(NET).digest)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == in_series(NET).digest


def drawn_by_numpy() -> nn.Module:
    model = mlp()
    model[0].weight.data.copy_(torch.from_numpy(np.random.normal(size=(8, 5))))
    return model


def test_weights_that_a_factory_draws_with_numpy_follow_from_the_seed() -> None:
    """Else no call of the same study would find its runs again."""
    state = np.random.get_state()[1].copy()
    assert toy(drawn_by_numpy).digest == toy(drawn_by_numpy).digest
    assert toy(drawn_by_numpy).in_series("-").digest == toy(drawn_by_numpy).in_series("-").digest
    assert (np.random.get_state()[1] == state).all()


def test_a_variant_of_a_problem_in_series_is_in_series() -> None:
    problem = toy(partial(Layer, branching))
    other = problem.variant({"model": mlp, "epochs": 3})
    assert other.series == problem.series
    assert other.epochs == 3
    assert "torch" in problem.software()
    study = make_study(problem, ["constant(lr)"], seeds=30)
    assert len(study.tuning.seeds) + len(study.tuning.fine_seeds) < 16  # the tuning of a training function


def test_what_pytorch_does_not_train_either_is_refused() -> None:
    with pytest.raises(ProblemError, match=r"\(2,\); multiclass data needs one output for each of the 3"):
        toy(partial(Layer, lambda layer, x: branching(layer, x)[:, :2]))
    with pytest.raises(ProblemError, match="does not take rows of shape"):
        toy(hooked, data=(X[:, :4], Y))
