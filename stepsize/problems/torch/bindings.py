"""Which tensors the parameters and buffers of a model are, and what a pass makes of it that no graph shows.

A buffer may be assigned a new tensor, whose value a graph carries to the next batch. It carries no value to
a buffer that shares its memory with another, and a parameter that is assigned leaves the optimizer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from stepsize.problems.torch.training_module import Training


class Bound(NamedTuple):
    """A parameter or a buffer with the module that has it, and where its memory begins."""

    path: str
    module: nn.Module
    name: str
    tensor: torch.Tensor
    memory: int


def bindings(training: Training) -> list[Bound]:
    """Return all parameters and buffers, those that are shared once for each of their names."""
    return [
        Bound(path, module, name, tensor, _memory(tensor))
        for path, module in training.named_modules()
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]
        if tensor is not None
    ]


def unseen_changes(before: list[Bound], after: list[Bound]) -> Iterator[tuple[Bound, str]]:
    """Yield what a pass has bound anew and no graph shows, with words for what changed."""
    old = {(bound.path, bound.name): bound for bound in before}
    shared = {memory for each in (before, after) for memory in _shared(each)}
    for bound in after:
        known = old.get((bound.path, bound.name))
        if known is None:  # a new buffer, which the state in Python shows
            continue
        if bound.tensor is not known.tensor and bound.name in bound.module._parameters:
            yield bound, f"its parameter {bound.name!r}"
        elif bound.tensor is known.tensor and bound.memory != known.memory:
            yield bound, f"the memory of {bound.name!r}"
        elif bound.tensor is not known.tensor and {bound.memory, known.memory} & shared:
            yield bound, f"the memory that {bound.name!r} shares"


def _shared(bound: list[Bound]) -> set[int]:
    counts = Counter(each.memory for each in bound)
    return {memory for memory, count in counts.items() if memory and count > 1}


def _memory(tensor: torch.Tensor) -> int:
    """Return where the memory of a tensor begins; 0 for one that has none of its own."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # a sparse tensor
        return 0
