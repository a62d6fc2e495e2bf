"""A PyTorch optimizer as plain data: its name, its groups of parameters, and how gradients are clipped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from stepsize.errors import StudyError

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

    `own` are the settings that differ from the defaults of the optimizer as the user made it; no candidate
    changes them. The group's rate is `scale` times that of the schedule, times the multiplier called
    `multiplier`, if it has one.
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

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the groups that have none of their own; without those that every group has."""
        shared: dict[str, Any] = {}
        for group in self.groups:
            shared |= {name: value for name, value in group.settings.items() if name not in group.own}
        return shared

    def group_facts(self, trained: Collection[str]) -> list[dict[str, Any]] | None:
        """Return the groups as JSON values, None if `model.parameters()` and the settings say the same.

        Each has the names of its `parameters`, its rate as a multiple of the schedule, `multiplier`, and its
        own `settings`. `trained` are the parameters that have gradients.
        """
        is_plain = all(not group.own and group.scale == 1 for group in self.groups)
        if is_plain and {name for group in self.groups for name in group.names} == set(trained):
            return None
        return [
            {
                "parameters": list(group.names),
                "multiplier": group.scale,
                "settings": {name: json_value(group.settings[name]) for name in group.own},
            }
            for group in self.groups
        ]


def require_momentum(name: str, settings: Mapping[str, Any]) -> None:
    """Raise StudyError for an optimizer whose momentum no schedule can set."""
    if "momentum" not in settings and "betas" not in settings:
        raise StudyError(
            f"optimizer {name!r} has no momentum that a schedule could set; leave momentum out, or use "
            "another optimizer"
        )


def json_value(value: Any) -> Any:
    """Return a setting as a JSON value."""
    return list(value) if isinstance(value, tuple) else value
