"""A PyTorch optimizer as plain data: its name, its groups of parameters, and how gradients are clipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMES = (
    "ASGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
)
"""The optimizers of `torch.optim` that train in populations."""


@dataclass(frozen=True)
class Group:
    """A group of parameters, by name, with the settings that PyTorch keeps for it.

    `own` are the settings that differ from the optimizer's defaults. The group's rate is `scale` times that
    of the schedule, times the multiplier called `multiplier`, if it has one.
    """

    names: tuple[str, ...]
    settings: Mapping[str, Any]
    own: tuple[str, ...] = ()
    scale: float = 1.0
    multiplier: str | None = None


@dataclass(frozen=True)
class Optimizer:
    """An optimizer by PyTorch's name for it, its groups, and how gradients are clipped before an update.

    The bounds are those of `clip_grad_norm_` and `clip_grad_value_`; the norm is bounded first.
    """

    name: str
    groups: tuple[Group, ...]
    clip_norm: float | None = None
    clip_value: float | None = None
