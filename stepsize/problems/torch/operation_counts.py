"""The work of a PyTorch model: what its forward pass computes for a row, counted while it runs once."""

from __future__ import annotations

import copy
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from stepsize.problems.model_operations import Operations

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm")
VIEWS = ("view", "t", "transpose", "permute", "expand", "unsqueeze", "squeeze", "detach", "slice", "select",
         "_unsafe_view", "as_strided", "alias", "split")  # fmt: skip


def count_operations(model: nn.Module, inputs: list[torch.Tensor]) -> Operations | None:
    """Return what the model computes for one of the rows of `inputs`; None for a recurrent layer.

    >>> count_operations(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), [torch.zeros(2, 1, 8, 8)])
    Operations(products=1296.0, elements=288.0, calls=2)
    """
    if any(isinstance(module, nn.RNNBase) for module in model.modules()):
        return None  # PyTorch writes its steps out, JAX does not
    counter, model = _Counter(), copy.deepcopy(model)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), counter:
        model(*inputs)
    rows = len(inputs[0])
    return Operations(counter.products / rows, counter.elements / rows, counter.calls)


class _Counter(TorchDispatchMode):
    """Adds up the multiplications of products and convolutions, and the numbers that are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.products = self.elements = self.calls = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        first = result[0] if isinstance(result, tuple | list) else result
        if isinstance(first, torch.Tensor) and name not in VIEWS:
            self.calls += 1
            self.elements += first.numel()
            self.products += _products(name, args, first)
        return result


def _products(name: str, args: tuple[Any, ...], result: torch.Tensor) -> int:
    if name in PRODUCTS:
        left = args[1] if name in ("addmm", "baddbmm") else args[0]
        return result.numel() * left.shape[-1]
    if name == "convolution":
        x, weight, is_transposed = args[0], args[1], args[6]
        places = x if is_transposed else result
        return places.numel() // places.shape[1] * prod(weight.shape)
    return 0
