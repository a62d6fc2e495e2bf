"""PyTorch's optimizers in JAX: plain data, a state before the first update, and one update.

The learning rate, the momentum and the weight decay of every group are inputs of an update, so they may
change without compiling again. Everything else is part of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from stepsize.engine.torch.operations.reductions import norm
from stepsize.engine.torch.optimizer_rules import RULES, Slot
from stepsize.problems.torch.optimizer_groups import Optimizer

Arrays = Mapping[str, jax.Array]


def start(optimizer: Optimizer, parameters: Arrays) -> dict[str, Slot]:
    """Return the state of every parameter before the first update."""
    begin = RULES[optimizer.name][0]
    slots: dict[str, Slot] = {}
    for group in optimizer.groups:
        slots |= {name: begin(parameters[name], group.settings) for name in group.names}
    return slots


def update(
    optimizer: Optimizer,
    parameters: Arrays,
    gradients: Arrays,
    slots: Mapping[str, Slot],
    count: jax.Array,
    driven: Sequence[Mapping[str, jax.Array]],
) -> tuple[dict[str, jax.Array], dict[str, Slot]]:
    """Return parameters and state after one update.

    `count` is the number of updates before this one. `driven` has for each group the values that change:
    `lr`, `momentum` (the first of `betas` in optimizers that have them) and `weight_decay`. Values that are
    left out are those of the group's settings.
    """
    step = RULES[optimizer.name][1]
    gradients = clipped(optimizer, gradients)
    new, new_slots = dict(parameters), dict(slots)
    for group, values in zip(optimizer.groups, driven, strict=True):
        settings = _driven_settings(group.settings, values)
        for name in group.names:
            gradient = -gradients[name] if settings.get("maximize") else gradients[name]
            new[name], new_slots[name] = step(parameters[name], gradient, slots[name], settings, count + 1)
    return new, new_slots


def clipped(optimizer: Optimizer, gradients: Arrays) -> Arrays:
    """Return the gradients of all groups, clipped to the optimizer's bounds."""
    names = [name for group in optimizer.groups for name in group.names]
    if optimizer.clip_norm is not None:
        total = norm(jnp.stack([norm(gradients[name]) for name in names]))
        factor = jnp.minimum(optimizer.clip_norm / (total + 1e-6), 1.0)
        gradients = {name: gradients[name] * factor for name in names}
    if optimizer.clip_value is not None:
        bound = optimizer.clip_value
        gradients = {name: jnp.clip(gradients[name], -bound, bound) for name in names}
    return gradients


def _driven_settings(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**settings, **values}
    if "betas" in settings and "momentum" in values:
        merged["betas"] = (merged.pop("momentum"), settings["betas"][1])
    return merged
