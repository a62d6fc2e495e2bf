"""What export keeps, and that its result is plain data."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
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

from stepsize.engine.torch.interpreter import run
from stepsize.errors import ProblemError
from stepsize.problems.torch.export import training_graph
from stepsize.problems.torch.initial_weights import initial_weights
from tests.engine.torch.loops import graph_of
from tests.engine.torch.models import CASES
from tests.support.exported_graphs import Model, X, Y, arrays, export


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
