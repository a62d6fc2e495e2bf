"""Whole numbers that a model computes: a population counts with 32 bits, and PyTorch with 64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stepsize.errors import NoPopulation, ProblemError, first_line

WIDEST = torch.iinfo(torch.int32)
ARITHMETIC = {
    "add", "sub", "rsub", "mul", "pow", "neg", "sum", "prod", "cumsum", "cumprod", "bitwise_left_shift",
    "__lshift__", "mm", "bmm", "mv", "dot", "addmm", "_to_copy",
}  # fmt: skip


def check_whole_numbers(
    module: nn.Module,
    example: Sequence[torch.Tensor],
    batches: Callable[[], Iterable[Sequence[torch.Tensor]]],
) -> None:
    """Raise NoPopulation for a model with whole numbers that do not fit into 32 bits.

    Those that it holds are checked, and those that it computes of a batch. If it calculates with whole
    numbers, which other rows may make larger, it is called with all `batches`.

    Raises: ProblemError if it fails with one of them.
    """
    for name, buffer in module.named_buffers():
        _check(buffer, f"buffer {name!r} holds")
    own = copy.deepcopy(module).eval()
    if _calculates(own, example):
        for batch in batches():
            _calculates(own, batch)


def _calculates(module: nn.Module, batch: Sequence[torch.Tensor]) -> bool:
    """Return whether a model calculates with whole numbers of a batch."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]), _Watch() as watch:
        try:
            module(*batch)
        except NoPopulation:
            raise
        except Exception as error:  # a user's model may raise anything
            raise ProblemError(
                f"the model does not take all rows of the data: {type(error).__name__}: {first_line(error)}"
            ) from error
    return watch.calculates


class _Watch(TorchDispatchMode):
    """Checks the whole numbers that every operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.calculates = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = str(func).removeprefix("aten.").partition(".")[0]
        for each in tree_leaves(result):
            if isinstance(each, torch.Tensor) and each.dtype == torch.int64:
                _check(each, f"it computes, in {name!r},")
                self.calculates |= name.removesuffix("_") in ARITHMETIC
        return result


def _check(tensor: torch.Tensor, what: str) -> None:
    if tensor.dtype == torch.int64 and tensor.numel():
        low, high = (int(each) for each in tensor.aminmax())
        if low < WIDEST.min or high > WIDEST.max:
            largest = high if high > WIDEST.max else low
            raise NoPopulation(f"{what} the whole number {largest:,}, and a population counts with 32 bits")
