"""What export refuses, and in which words."""

from __future__ import annotations

import random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stepsize.engine.torch.interpreter import run, unsupported_operations
from stepsize.errors import ProblemError
from stepsize.problems.torch.export import training_graph
from tests.support.exported_graphs import Model, X, Y, arrays, export


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def clamped(model: Model, x: Tensor) -> Tensor:
    with torch.no_grad():
        model.linear.weight.clamp_(-1, 1)
    return x


def hooked(model: Model, x: Tensor) -> Tensor:
    x.register_hook(lambda gradient: 2 * gradient)
    return x


def half(model: Model, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return model.linear(x).float()


def with_backward_hook() -> nn.Module:
    model = Model()
    model.linear.register_full_backward_hook(lambda *_: None)
    return model


def with_parameter_hook() -> nn.Module:
    model = Model()
    model.linear.weight.register_hook(lambda gradient: gradient)
    return model


def frozen() -> nn.Module:
    return Model().requires_grad_(False)


REFUSED = {
    "an if on data": (
        Model(lambda _, x: x if x.sum() > 0 else -x),
        r"graph depends on its data.*\(torch.where would not\)",
    ),
    "one batch size": (
        Model(lambda _, x: x.view(6, 2, 2).flatten(1)),
        r"of one batch size only \(x.shape",
    ),
    "an autograd function": (
        Model(lambda _, x: Square.apply(x)),
        r"test_export_refusals.py, line \d+, .*Square.apply.*: the model uses a torch.autograd.Function",
    ),
    "parameters in place": (Model(clamped), "changes its parameter 'linear.weight' in place"),
    "Python's random numbers": (
        Model(lambda _, x: x * random.random()),
        "draws random numbers from Python or NumPy",
    ),
    "NumPy's random numbers": (
        Model(lambda _, x: x * np.random.rand()),
        "draws random numbers from Python or NumPy",
    ),
    "a tensor hook": (Model(hooked), "registers a hook on a tensor"),
    "half precision": (Model(half), "a value is bfloat16, and a population trains in float32"),
    "a backward hook": (with_backward_hook(), r"module 'linear' \(Linear\) has a backward hook"),
    "a parameter hook": (with_parameter_hook(), "parameter 'linear.weight' has a hook"),
    "double precision": (Model().double(), "'linear.weight' is float64, and a population trains in float32"),
    "eval mode": (Model().eval(), r"the model \(Model\) is in eval mode; call .train\(\)"),
    "a layer in eval mode": (
        nn.Sequential(nn.Linear(4, 4), nn.Dropout().eval()),
        r"module '1' \(Dropout\) is in",
    ),
    "nothing to train": (frozen(), "no parameter with requires_grad=True"),
    "a lazy layer": (nn.LazyLinear(4), "parameter 'weight' has no shape yet"),
    "a class": (nn.Linear, "model must be an nn.Module, not type"),
    "an output of its own": (Model(lambda _, x: {"x": x, "names": {1, 2}}), "cannot export the model.*set"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_population_is_refused_in_one_sentence(case: str) -> None:
    model, message = REFUSED[case]
    with pytest.raises(ProblemError, match=message) as caught:
        export(
            model,
            lambda outputs, target: F.mse_loss(
                outputs["x"] if isinstance(outputs, dict) else outputs, target
            ),
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (nn.MSELoss(reduction="none"), r"must return one number as a tensor, but returned a tensor \(6, 4\)"),
        (lambda outputs, target: 0.0, "must return one number as a tensor, but returned 0.0"),
        (nn.MSELoss, r"loss must be a function of outputs and targets: write MSELoss\(\)"),
        ("mse", "loss must be a function of outputs and targets, not str"),
        (nn.PReLU(), "the loss has parameters"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(loss: Any, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        export(Model(), loss)


@pytest.mark.parametrize(
    ("inputs", "target", "message"),
    [
        ((X.double(),), Y, r"inputs\[0\] is float64"),
        ((X,), Y[:3], r"inputs\[0\] has shape \(6, 4\) and the target has shape \(3, 4\); the first axis"),
        ((X,), Y[:, :1], "the outputs do not fit the targets: Using a target size"),
        ((X,), torch.randn(6, 3), "fails on a batch: The size of tensor a"),
        ((X[:, :3],), Y, "fails on a batch: mat1 and mat2 shapes"),
    ],
)
def test_data_that_does_not_fit_is_refused(inputs: Any, target: Tensor, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        export(Model(), F.mse_loss, inputs, target)


def test_an_operation_that_is_not_supported_names_itself_and_its_line() -> None:
    graph = training_graph(Model(lambda _, x: torch.special.bessel_j0(x)), F.mse_loss, (X,), Y)
    (message,) = unsupported_operations(graph)
    assert message.startswith("exported_graphs.py, line ")  # where the function is called
    assert message.endswith("PyTorch's operation 'special_bessel_j0' is not supported in a population")
    with pytest.raises(ProblemError, match="special_bessel_j0"):
        run(graph, arrays(Model().named_parameters()), {"mean": jnp.zeros(4)}, [X.numpy(), Y.numpy()], None)


def test_one_row_in_a_batch_normalisation_is_refused_as_in_pytorch() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    graph = training_graph(model, F.mse_loss, (X,), Y)
    values = arrays(model.named_parameters()), arrays(model.named_buffers())
    with pytest.raises(ProblemError, match="more than one value a channel, and this batch has one row"):
        run(graph, *values, [X[:1].numpy(), Y[:1].numpy()], jax.random.key(0))


def test_a_pytorch_without_export_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.8.1")
    with pytest.raises(
        ProblemError, match=r"PyTorch 2\.8\.1 is too old to export a model: install torch>=2\.9"
    ):
        export(Model())
