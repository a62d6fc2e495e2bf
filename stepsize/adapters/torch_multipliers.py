"""The factors by which the parameter groups of a PyTorch optimizer follow one plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stepsize.checks import finite_number, shown, spell
from stepsize.errors import ScheduleError

SCALE = "lr_scale"  # under which timm keeps the layer decay of a group


def by_name(multipliers: Any, planned: Sequence[str]) -> dict[str, Any]:
    """Return the multipliers of each hyperparameter: a list is for `lr`, a dict names what it is for.

    >>> by_name([1, 0.1], ["lr"]), by_name({"weight_decay": [1, 0]}, ["lr", "weight_decay"])
    ({'lr': [1, 0.1]}, {'weight_decay': [1, 0]})
    """
    if multipliers is None:
        return {}
    if not isinstance(multipliers, Mapping):
        return {"lr": multipliers}
    for name in multipliers:
        if name not in planned:
            raise ScheduleError(
                f"multipliers={shown(dict(multipliers))}: {name} has no plan here; write multipliers for "
                f"{', '.join(planned)}"
            )
    return dict(multipliers)


def multipliers_of(
    name: str, groups: list[dict[str, Any]], values: list[float], multipliers: Any, shared: bool
) -> list[float]:
    """Return one multiplier for each group; 1 by default, if the groups agree or have plans of their own.

    Raises: ScheduleError if the groups hold different values, or timm's `lr_scale`, and share a plan without
    multipliers; and for multipliers that are not one number for each group.
    """
    if multipliers is None:
        if shared:
            _require_agreement(name, groups, values)
        return [1.0] * len(groups)
    parameter = "multipliers" if name == "lr" else f'multipliers["{name}"]'
    wrong = not isinstance(multipliers, Sequence) or isinstance(multipliers, str)
    if wrong or len(multipliers) != len(groups):
        raise ScheduleError(
            f"{parameter}={shown(multipliers)} is not one number for each of the {len(groups)} parameter "
            f"groups; write for example {_argument(name, [1.0] * len(groups))}"
        )
    return [finite_number(f"{parameter}[{index}]", value) for index, value in enumerate(multipliers)]


def _require_agreement(name: str, groups: list[dict[str, Any]], values: list[float]) -> None:
    scales = [float(group.get(SCALE, 1.0)) if name == "lr" else 1.0 for group in groups]
    top = max(values)
    ratios = [scale * (value / top if top > 0 else 1.0) for value, scale in zip(values, scales, strict=True)]
    if all(ratio == 1 for ratio in ratios):
        return
    if len(set(values)) > 1:
        kind = "rates" if name == "lr" else f"values of {name}"
        difference = f"different {kind}, {', '.join(map(spell, values))}"
    else:
        difference = f"an {SCALE}, which plans ignore, {', '.join(map(spell, scales))}"
    raise ScheduleError(
        f"the parameter groups have {difference}, but a plan's numbers are absolute; write "
        f"{_argument(name, ratios)} to keep the ratios, or a 1 for every group; or a list with a plan for "
        "each group, None for a group that keeps its own value"
    )


def _argument(name: str, multipliers: list[float]) -> str:
    text = f"[{', '.join(spell(float(f'{each:.12g}')) for each in multipliers)}]"  # 0.1, not 0.01 / 0.1
    return f"multipliers={text}" if name == "lr" else f'multipliers={{"{name}": {text}}}'


def of_added_group(
    group: dict[str, Any], defaults: dict[str, Any], planned: Sequence[str], multiplier: Any
) -> dict[str, float]:
    """Return the multiplier of each hyperparameter for a group that joins a running plan.

    Raises: ScheduleError if the group brings its own value of something planned, and no multiplier for it.
    """
    named = (
        {} if multiplier is None else multiplier if isinstance(multiplier, Mapping) else {"lr": multiplier}
    )
    by_name(named, planned)
    for name in planned:
        keys = ("momentum", "betas") if name == "momentum" else (name, SCALE) if name == "lr" else (name,)
        for key in keys:
            if name in named or key not in group:
                continue
            value, default = group[key], {**defaults, SCALE: 1.0}.get(key)
            if (value[0] != default[0]) if key == "betas" and default else value != default:
                example = "multiplier=0.1" if name == "lr" else f'multiplier={{"{name}": 0.1}}'
                raise ScheduleError(
                    f"the group has {key}={shown(value)} of its own, and the plan would overwrite it; "
                    f"write its multiplier of the plan, for example {example}, or leave {key} out"
                )
    label = "multiplier" if not isinstance(multiplier, Mapping) else "multiplier[{!r}]"
    return {name: finite_number(label.format(name), named.get(name, 1.0)) for name in planned}
