"""Putting PyTorch modules back as they were: the same tensors and containers, with the contents they had."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from stepsize.range_test.refilling import refill_mapping, refill_sequence, refill_set


def put_back_of(*values: Any) -> Callable[[], None]:
    """Return what puts tensors, modules with all attributes, and containers of these back as they are now.

    Containers are lists, dicts, sets, deques and tuples. An object of another class is left as it is.
    """
    waiting, seen, actions = list(values), {}, []
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # alive, so that no other object gets its id
        if isinstance(value, Tensor):
            actions.append(_numbers_of(value))
        elif isinstance(value, nn.Module):
            waiting.append(vars(value))
        elif isinstance(value, dict):
            actions.append(partial(refill_mapping, value, dict(value)))
            waiting += value.values()
        elif isinstance(value, list | deque):
            actions.append(partial(refill_sequence, value, list(value)))
            waiting += value
        elif isinstance(value, set):
            actions.append(partial(refill_set, value, set(value)))
        elif isinstance(value, tuple):
            waiting += value
    return lambda: _call(actions)


def _call(actions: Iterable[Callable[[], None]]) -> None:
    for action in actions:
        action()


def _numbers_of(tensor: Tensor) -> Callable[[], None]:
    memory, numbers = tensor.detach(), tensor.detach().clone()

    def put_back() -> None:
        if not _is_same_memory(tensor, memory):
            tensor.data = memory  # `tensor.data = ...` gave it another one
        if not _are_equal(tensor, numbers):
            with torch.no_grad():
                tensor.copy_(numbers)

    return put_back


def _is_same_memory(tensor: Tensor, memory: Tensor) -> bool:
    try:
        return tensor.shape == memory.shape and tensor.data_ptr() == memory.data_ptr()
    except (RuntimeError, NotImplementedError):  # a sparse tensor
        return True


def _are_equal(tensor: Tensor, numbers: Tensor) -> bool:
    try:
        return torch.equal(tensor, numbers)
    except (RuntimeError, NotImplementedError):  # nobody can tell, such as of a sparse tensor
        return False
