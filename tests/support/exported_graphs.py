"""A small PyTorch model that carries out any function, and its export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stepsize.problems.torch.export import export_model

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


def arrays(tensors: Any) -> dict[str, jax.Array]:
    return {name: jnp.asarray(tensor.detach().numpy()) for name, tensor in tensors}
