"""The settings of a user's PyTorch optimizer as plain data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import torch
from torch import nn

from stepsize.errors import ProblemError, first_line, unknown
from stepsize.problems.torch.optimizer_groups import NAMES, Group, Optimizer

LEFT_OUT = ("params", "param_names", "foreach", "fused", "capturable", "differentiable")
"""Settings that change how PyTorch computes an update, not the update itself."""


def read_optimizer(
    make: Callable[..., torch.optim.Optimizer],
    model: nn.Module,
    trained: Collection[str],
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> Optimizer:
    """Return the optimizer that `make` makes for a model: its name, groups and settings.

    `make` is a class of `torch.optim`, a `partial` of one, or a function of the model that returns an
    optimizer, for groups of parameters. `trained` are the parameters that have gradients.

    Raises: ProblemError for an optimizer that does not train in populations.
    """
    target = make.func if isinstance(make, partial) else make
    try:
        optimizer = make(model.parameters() if inspect.isclass(target) else model)
    except (ValueError, TypeError) as error:
        raise ProblemError(f"the optimizer cannot be made: {first_line(error)}") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ProblemError(f"optimizer must make a torch.optim.Optimizer, not {type(optimizer).__name__}")
    kind = type(optimizer)
    if getattr(torch.optim, kind.__name__, None) is not kind or kind.__name__ not in NAMES:
        raise ProblemError(unknown("optimizer for a population", kind.__name__, NAMES))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = []
    for group in optimizer.param_groups:
        if any(id(parameter) not in names for parameter in group["params"]):
            raise ProblemError("the optimizer has a parameter that is not the model's")
        members = [names[id(parameter)] for parameter in group["params"]]
        settings = {name: _plain(value) for name, value in group.items() if name not in LEFT_OUT}
        groups.append(Group(tuple(name for name in members if name in trained), settings))
    return Optimizer(kind.__name__, tuple(groups), clip_norm, clip_value)


def _plain(value: Any) -> Any:
    """Return a setting as numbers and texts; a rate may be a tensor of one number."""
    if isinstance(value, torch.Tensor):
        return float(value)
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value
