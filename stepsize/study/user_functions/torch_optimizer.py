"""A PyTorch optimizer whose rates and momentum a study sets before each update, as in a population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from stepsize.engine.torch.layer_rates import split_groups
from stepsize.problems.torch.optimizer_groups import Optimizer
from stepsize.problems.torch.optimizer_settings import clipping_of, made_optimizer, plain_form


class DrivenOptimizer:
    """The optimizer that `make` makes for a model with some settings, and the clipping in front of it.

    `multipliers` are those of the rate by the beginning of a parameter's name. Without them, the groups stay
    as the user made them, for hooks and for parameters that get their first gradient later.
    """

    def __init__(
        self,
        make: Any,
        model: nn.Module,
        settings: Mapping[str, Any],
        multipliers: Mapping[str, float],
    ) -> None:
        made = made_optimizer(make, model, settings)
        self._optimizer = made.optimizer
        parameters = dict(model.named_parameters())
        plain = plain_form(made, model, parameters, clipping_of(settings))
        self._plain: Optimizer = split_groups(plain, list(multipliers))
        groups = {id(each): group for group in self._optimizer.param_groups for each in group["params"]}
        split = [group for group in self._plain.groups if group.names or not multipliers]
        if multipliers:
            self._optimizer.param_groups[:] = [
                {**groups[id(parameters[each.names[0]])], "params": [parameters[name] for name in each.names]}
                for each in split
            ]
        self._factors = [
            each.scale * (1.0 if each.multiplier is None else multipliers[each.multiplier]) for each in split
        ]
        self._parameters = [parameters[name] for each in split for name in each.names]

    def drive(self, rate: float, momentum: float | None) -> None:
        """Set the rate of an update, and its momentum if that is scheduled."""
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group["lr"] = float(rate) * factor
            if momentum is not None and "betas" in group:
                group["betas"] = (float(momentum), *group["betas"][1:])
            elif momentum is not None:
                group["momentum"] = float(momentum)

    def zero_grad(self) -> None:
        """Forget the gradients of the last update."""
        self._optimizer.zero_grad()

    def step(self) -> None:
        """Clip the gradients, and make the update."""
        if self._plain.clip_norm is not None:
            clip_grad_norm_(self._parameters, self._plain.clip_norm)
        if self._plain.clip_value is not None:
            clip_grad_value_(self._parameters, self._plain.clip_value)
        self._optimizer.step()
