"""Layers, functions and losses of torch.nn: outputs, gradients and buffers are PyTorch's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from stepsize.engine.torch.interpreter import run, unsupported_operations
from stepsize.problems.torch.export import training_graph
from tests.engine.torch.layers import FAMILIES, Shifted, total

EXPORTED_ROWS, ROWS = 3, 5


def draw(family: str, rows: int) -> tuple[torch.Tensor, ...]:
    _, shape, others = FAMILIES[family]
    return torch.randn(rows, *shape), *others(rows), torch.zeros(rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_layers(family: str) -> None:
    torch.manual_seed(0)
    layers, shape, _ = FAMILIES[family]
    model = Shifted(layers, shape).train()
    *inputs, target = draw(family, EXPORTED_ROWS)
    graph = training_graph(model, total, inputs, target)
    assert list(unsupported_operations(graph)) == []
    parameters, buffers = arrays(model.named_parameters()), arrays(model.named_buffers())
    *inputs, target = draw(family, ROWS)
    batch = [jnp.asarray(tensor.numpy()) for tensor in (*inputs, target)]

    def loss(parameters: Any) -> Any:
        value, outputs, after = run(graph, parameters, buffers, batch, jax.random.key(0))
        return value, (outputs, after)

    (_, (outputs, after)), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(parameters)
    expected = model(*inputs)
    total(expected, target).backward()
    for name in expected:
        np.testing.assert_allclose(outputs[name], expected[name].detach(), rtol=2e-5, atol=2e-6, err_msg=name)
    for name, parameter in model.named_parameters():
        size = float(parameter.grad.abs().max())
        np.testing.assert_allclose(
            gradients[name], parameter.grad, rtol=1e-4, atol=1e-5 * max(size, 1), err_msg=name
        )
    for name, buffer in model.named_buffers():
        np.testing.assert_allclose(after[name], buffer, rtol=1e-5, atol=1e-6, err_msg=name)


def arrays(tensors: Any) -> dict[str, jax.Array]:
    return {name: jnp.asarray(tensor.detach().numpy().copy()) for name, tensor in tensors}
