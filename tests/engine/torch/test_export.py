"""What export keeps, what it refuses and in which words, and that its result is plain data."""

from __future__ import annotations

import gc
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch.fx import graph_module
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.nn import functional as F

from stepsize.engine.torch.interpreter import run, unsupported_operations
from stepsize.errors import ProblemError
from stepsize.problems.torch.export import export_model, training_graph
from stepsize.problems.torch.initial_weights import initial_weights
from tests.engine.torch.loops import graph_of
from tests.engine.torch.models import CASES

X, Y = torch.linspace(-1, 1, 24).reshape(6, 4), torch.linspace(0, 1, 24).reshape(6, 4)


class Model(nn.Module):
    """A linear layer, and a function of the module and its result."""

    def __init__(self, function: Callable[..., Any] = lambda self, x: x) -> None:
        super().__init__()
        self.linear, self.unused, self.function = nn.Linear(4, 4), nn.Linear(4, 4), function
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor) -> Any:
        return self.function(self, self.linear(x))


def export(model: Any, loss: Any = F.mse_loss, inputs: Any = (X,), target: Tensor = Y) -> Any:
    return export_model(model, loss, inputs, target)


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
        "graph depends on its data.*use torch.where",
    ),
    "one batch size": (
        Model(lambda _, x: x.view(6, 2, 2).flatten(1)),
        "one batch size only; use x.shape",
    ),
    "an autograd function": (Model(lambda _, x: Square.apply(x)), "uses a torch.autograd.Function"),
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
    "half precision": (Model(half), "a value is bfloat16; a population trains in float32"),
    "a backward hook": (with_backward_hook(), r"module 'linear' \(Linear\) has a backward hook"),
    "a parameter hook": (with_parameter_hook(), "parameter 'linear.weight' has a hook"),
    "double precision": (Model().double(), r"'linear.weight' is float64; .* call .float\(\)"),
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
    assert message.startswith("test_export.py, line ")
    assert message.endswith("PyTorch's operation 'special_bessel_j0' is not supported in a population")
    with pytest.raises(ProblemError, match="special_bessel_j0"):
        run(graph, arrays(Model().named_parameters()), {"mean": jnp.zeros(4)}, [X.numpy(), Y.numpy()], None)


def test_one_row_in_a_batch_normalisation_is_refused_as_in_pytorch() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    graph = training_graph(model, F.mse_loss, (X,), Y)
    values = arrays(model.named_parameters()), arrays(model.named_buffers())
    with pytest.raises(ProblemError, match="more than one value a channel, and this batch has one row"):
        run(graph, *values, [X[:1].numpy(), Y[:1].numpy()], jax.random.key(0))


def arrays(tensors: Any) -> dict[str, jax.Array]:
    return {name: jnp.asarray(tensor.detach().numpy()) for name, tensor in tensors}


def test_shared_frozen_and_unused_parameters() -> None:
    names = graph_of("decoder").parameters.values()
    assert "embed.weight" in names
    assert "head.weight" not in names
    model = Model(lambda self, x: x + self.unused(x).detach())
    model.linear.bias.requires_grad_(False)
    graphs = export(model)
    assert graphs.parameters == ("linear.weight",)
    assert set(graphs.frozen) == {"linear.bias", "unused.weight", "unused.bias"}


def test_a_buffer_that_follows_the_batches_is_state_and_gets_no_gradient() -> None:
    def follow(self: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
        return x - self.mean

    torch.manual_seed(0)
    model = Model(follow)
    graph, values = training_graph(model, F.mse_loss, (X,), Y), arrays(model.named_parameters())

    def loss(values: Any) -> Any:
        value, _, after = run(graph, values, {"mean": jnp.zeros(4)}, [X.numpy(), Y.numpy()], None)
        return value, after

    gradients, after = jax.grad(loss, has_aux=True)(values)
    F.mse_loss(model(X), Y).backward()
    np.testing.assert_allclose(after["mean"], model.mean, atol=1e-6)
    np.testing.assert_allclose(gradients["linear.weight"], model.linear.weight.grad, atol=1e-6)


def test_targets_that_are_the_inputs_are_kept_apart() -> None:
    graph = training_graph(Model(), F.mse_loss, (X,), X)
    values = arrays(Model().named_parameters()), {"mean": jnp.zeros(4)}
    first, second = (run(graph, *values, [X.numpy(), target], None)[0] for target in (X.numpy(), Y.numpy()))
    assert first != second


def test_the_users_model_and_random_state_are_left_alone() -> None:
    model, state = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), torch.get_rng_state()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export(model)
    initial_weights(lambda: nn.Linear(2, 2), [1, 2])
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_weights_of_a_seed_are_those_of_the_users_script() -> None:
    weights, buffers = initial_weights(CASES["resnet"].model, [0, 7])
    torch.manual_seed(7)
    model = CASES["resnet"].model()
    assert all(np.array_equal(weights[name][1], value.detach()) for name, value in model.named_parameters())
    assert all(np.array_equal(buffers[name][1], value) for name, value in model.named_buffers())
    with pytest.raises(
        ProblemError, match="the model of seed 1 has other parameters or shapes than that of seed 0"
    ):
        initial_weights(lambda: nn.Linear(2, 2 + torch.initial_seed() % 2), [0, 1])


def test_a_graph_is_plain_data_and_runs_without_pytorch() -> None:
    case = CASES["two_inputs"]
    torch.manual_seed(0)
    model, batch = case.model(), [tensor.numpy() for tensor in (*case.inputs(4), case.targets(4))]
    weights, buffers = ({k: v[0] for k, v in each.items()} for each in initial_weights(case.model, [3]))
    code = """
import pickle, sys
import jax
from stepsize.engine.torch import interpreter, optimizers
graph, weights, buffers, batch = pickle.load(sys.stdin.buffer)
loss, _, _ = interpreter.run(graph, weights, buffers, batch, jax.random.key(0))
assert "torch" not in sys.modules
print(float(loss))
"""
    data = pickle.dumps((graph_of("two_inputs"), weights, buffers, batch))
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    torch.manual_seed(3)
    model = case.model()
    *inputs, target = map(torch.as_tensor, batch)
    assert float(done.stdout) == pytest.approx(case.loss(model(*inputs), target).item(), rel=1e-6)


def test_a_pytorch_without_export_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.8.1")
    with pytest.raises(
        ProblemError, match=r"PyTorch 2\.8\.1 is too old to export a model: install torch>=2\.9"
    ):
        export(Model())


def test_an_export_leaves_nothing_behind_and_compiled_functions_alone() -> None:
    """PyTorch keeps the symbols and sources of every export; a function of the user is not compiled again."""
    counter = CompileCounter()
    double = torch.compile(lambda x: 2 * x, backend=counter, dynamic=True)

    def kept() -> tuple[int, int]:
        for _ in range(4):  # what one pass frees lets the next one see more
            gc.collect()
        environments = [each for each in gc.get_objects() if type(each) is ShapeEnv]
        return len(environments), len(graph_module._loader.eval_cache)

    def use() -> None:
        training_graph(Model(), F.mse_loss, [X], Y)
        for rows in (len(X), len(X) + 3):
            double(torch.ones(rows, 4))

    use()
    gc.freeze()  # what other tests left is not looked through each time
    try:
        use()
        before, compiled = kept(), counter.frame_count
        use()
        use()
        assert (kept(), counter.frame_count) == (before, compiled)
    finally:
        gc.unfreeze()
