"""Parameter groups of a PyTorch optimizer, written out as code or in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from stepsize.checks import spell

Group = Mapping[str, Any]
"""The names of its `parameters`, the `multiplier` of its rate, and its own `settings`."""

LISTED = '[{**own, "params": [parameters[name] for name in names]} for names, own in GROUPS]'


def with_groups(call: str, groups: Sequence[Group]) -> str:
    """Return the code of an optimizer, whose call has `model.parameters()`, with its groups.

    >>> print(with_groups(
    ...     "torch.optim.SGD(model.parameters(), lr=0.1)",
    ...     [{"parameters": ["head.bias"], "multiplier": 0.5, "settings": {"weight_decay": 0.0}}],
    ... ))
    GROUPS = [  # parameters by name, and the settings of their own
        (
            ["head.bias"],
            {"lr": 0.5 * 0.1, "weight_decay": 0},
        ),
    ]
    parameters = dict(model.named_parameters())
    optimizer = torch.optim.SGD(
        [{**own, "params": [parameters[name] for name in names]} for names, own in GROUPS],
        lr=0.1,
    )
    """
    kind, _, arguments = call.partition("(model.parameters(), ")
    rate = re.match(r"lr=([^,)]+)", arguments)
    assert rate is not None
    lines = ["GROUPS = [  # parameters by name, and the settings of their own"]
    for group in groups:
        own = {name: setting(value) for name, value in group["settings"].items()}
        if group["multiplier"] != 1:
            own = {"lr": f"{spell(group['multiplier'])} * {rate[1]}", **own}
        settings = ", ".join(f'"{name}": {value}' for name, value in own.items())
        lines += ["    (", *_names(group["parameters"]), f"        {{{settings}}},", "    ),"]
    return "\n".join([
        *lines, "]", "parameters = dict(model.named_parameters())",
        f"optimizer = {kind}(", f"    {LISTED},", f"    {arguments.removesuffix(')')},", ")",
    ])  # fmt: skip


def are_scaled(groups: Sequence[Group]) -> bool:
    """Return whether the rate of some group is a multiple of the schedule."""
    return any(group["multiplier"] != 1 for group in groups)


def in_words(groups: Sequence[Group]) -> str:
    """Return the groups as text, with the number of parameters of each.

    >>> in_words([{"parameters": ["0.bias"], "multiplier": 0.1, "settings": {"momentum": 0}}])
    '1 group of parameters: 1 parameter with rate * 0.1, momentum=0'
    """
    texts = []
    for group in groups:
        own = [f"{name}={setting(value)}" for name, value in group["settings"].items()]
        if group["multiplier"] != 1:
            own.insert(0, f"rate * {spell(group['multiplier'])}")
        count = len(group["parameters"])
        more = f" with {', '.join(own)}" if own else ""
        texts.append(f"{count} parameter{'s' if count != 1 else ''}{more}")
    return f"{len(groups)} group{'s' if len(groups) != 1 else ''} of parameters: {'; '.join(texts)}"


def setting(value: Any) -> str:
    """Return a setting as code."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return repr(tuple(value)) if isinstance(value, list) else repr(value)
    return spell(value)


def _names(names: Sequence[str]) -> list[str]:
    """Return a list of names as lines of code, one a line unless they fit."""
    quoted = [f'"{name}"' for name in names]
    line = f"        [{', '.join(quoted)}],"
    return (
        [line]
        if len(line) <= 88
        else ["        [", *(f"            {each}," for each in quoted), "        ],"]
    )
