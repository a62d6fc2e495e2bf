"""Rates of single layers: the groups of an optimizer, split by the multiplier of each parameter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from stepsize.errors import StudyError, unknown
from stepsize.problems.torch.optimizer_groups import Group, Optimizer


def split_groups(optimizer: Optimizer, names: Sequence[str]) -> Optimizer:
    """Return the optimizer with a group of its own for the parameters of each name in `names`.

    A name applies to every parameter whose name, or a part of it after a dot, begins with it; the longest
    such name wins. `head` applies to `head.weight` and to `model.head.0.bias`.

    Raises: StudyError for a name that applies to no parameter.
    """
    if not names:
        return optimizer
    parameters = [name for group in optimizer.groups for name in group.names]
    for name in names:
        if not any(_applies(name, parameter) for parameter in parameters):
            known = sorted({parameter.rpartition(".")[0] or parameter for parameter in parameters})
            raise StudyError(unknown("layer in multipliers", name, known))
    return replace(
        optimizer, groups=tuple(each for group in optimizer.groups for each in _split(group, names))
    )


def _split(group: Group, names: Sequence[str]) -> Iterator[Group]:
    longest = {
        parameter: max((name for name in names if _applies(name, parameter)), key=len, default=None)
        for parameter in group.names
    }
    for multiplier in [None, *names]:
        members = tuple(parameter for parameter, name in longest.items() if name == multiplier)
        if members:
            yield replace(group, names=members, multiplier=multiplier)


def _applies(name: str, parameter: str) -> bool:
    return f".{parameter}".find(f".{name}") >= 0
