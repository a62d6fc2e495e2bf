"""A model with its loss, as one module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Training(nn.Module):
    """A model and its loss, which is in training or evaluation mode with it."""

    def __init__(self, model: nn.Module, loss: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def train(self, mode: bool = True) -> Training:
        """Put the model and the loss in training mode or not, by the methods that a user's loop calls."""
        self.training = mode
        for each in self.children():
            if mode:
                each.train()
            else:
                each.eval()
        return self

    def forward(self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Return the loss and the model's outputs."""
        outputs = self.model(*inputs)
        return self.loss(outputs, target), outputs


class InPlace(Training):
    """The same, for a graph: a buffer that is assigned in the pass gets the new value in place.

    An assignment gives the buffer's name to another tensor, which the graph of a module in a module omits.
    """

    def forward(self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Return the loss and the model's outputs, and carry over the buffers that were assigned."""
        before = [
            (module._buffers, name, tensor)
            for module in self.modules()
            for name, tensor in module._buffers.items()
            if tensor is not None
        ]
        result = super().forward(inputs, target)
        assigned = [(buffers, name, old) for buffers, name, old in before if buffers[name] is not old]
        values = [torch.clone(each) for buffers, name, _ in assigned if (each := buffers[name]) is not None]
        for (buffers, name, old), value in zip(assigned, values, strict=True):
            buffers[name] = old.copy_(value)
        return result
