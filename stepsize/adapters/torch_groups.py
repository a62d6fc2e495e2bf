"""One hyperparameter of a PyTorch optimizer, such as the learning rate, in all its parameter groups."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from torch import Tensor, full_like
from torch.optim import Optimizer

from stepsize.adapters.plain import PlainSchedule, check_plan
from stepsize.checks import finite_number, shown, spell
from stepsize.errors import ScheduleError
from stepsize.schedules import Plan

Groups = list[dict[str, Any]]


class Hyperparameter:
    """Drive one entry of every parameter group, such as `lr`, from a plan, and detect foreign writes.

    A tensor is filled in place, so that captured or compiled code sees the new number. The name "momentum"
    means the first of `betas` where an optimizer has those instead.

    Raises: ScheduleError if `plan` is not a plan, or the optimizer has no such entry.
    """

    def __init__(self, name: str, plan: Plan, optimizer: Optimizer, multipliers: Sequence[float]) -> None:
        check_plan(plan, "plan" if name == "lr" else name)
        self.name = name
        self.schedule = PlainSchedule(plan)
        self.multipliers = list(multipliers)
        self.written: list[Any] = []  # floats
        self._marks: list[Any] = []  # what the groups held when they were written
        self._key = _key(name, plan, optimizer)
        self._entry = itemgetter(self._key)
        self._numbers = True  # neither tensors nor betas, so an entry is simply replaced

    def copy_tensors(self, groups: Groups) -> None:
        """Give every group its own copy of a tensor: groups may share the one that was passed in."""
        self._numbers = self._key != "betas"
        for group in groups:
            held = self._read(group)
            if isinstance(held, Tensor):
                self._numbers = False
                self._put(group, held.detach().clone())

    def write(self, groups: Groups) -> None:
        """Put the rate of the next update into every group."""
        rate, written = self.schedule.rate, []
        for index, multiplier in enumerate(self.multipliers):
            value = rate * multiplier
            written.append(value)
            if self._numbers:
                groups[index][self._key] = value
            else:
                self._fill(groups[index], value)
        self.written = written
        self._marks = written if self._numbers else self._marked(groups)

    def has_changed(self, groups: Groups) -> bool:
        """Return whether an entry was written, or a group added, since the last `write`."""
        return (list(map(self._entry, groups)) if self._numbers else self._marked(groups)) != self._marks

    def describe_foreign(self, groups: Groups) -> str:
        """Return which value is not the one written, as text; empty if all are."""
        for index, (group, value) in enumerate(zip(groups, self.written, strict=True)):
            actual = self._read(group)
            if isinstance(actual, Tensor):  # in its own precision
                actual, value = actual.item(), full_like(actual, value).item()
            if actual != value:
                return f"{self.name} of group {index} is {shown(actual)} where {value!r} is planned"
        return ""

    def resumed(self, state: Any) -> PlainSchedule:
        """Return the schedule at the update of `state`; this one stays where it was."""
        schedule = PlainSchedule(self.schedule.plan)
        schedule.load_state_dict(state)
        return schedule

    def _read(self, group: dict[str, Any]) -> Any:
        held = group[self._key]
        return held[0] if self._key == "betas" else held

    def _fill(self, group: dict[str, Any], value: float) -> None:
        held = self._read(group)
        if isinstance(held, Tensor):
            held.fill_(value)
        else:
            self._put(group, value)

    def _put(self, group: dict[str, Any], value: Any) -> None:
        group[self._key] = (value, *group["betas"][1:]) if self._key == "betas" else value

    def _marked(self, groups: Groups) -> list[Any]:
        """Return what changes with an entry; tensors count their changes, so no device is read."""
        return [
            (held, held._version) if isinstance(held, Tensor) else held for held in map(self._read, groups)
        ]


def _key(name: str, plan: Plan, optimizer: Optimizer) -> str:
    """Return the key under which the groups keep `name`."""
    groups = optimizer.param_groups
    keys = ("momentum", "betas") if name == "momentum" else (name,)
    key = next((key for key in keys if all(key in group for group in groups)), None)
    if key is None:
        raise ScheduleError(
            f"{name}={shown(plan)}: {type(optimizer).__name__} has no {' and no '.join(keys)}; "
            f"leave {name}= out, or use an optimizer that has it"
        )
    if name == "momentum" and plan.values.max() >= 1:
        raise ScheduleError(
            f"momentum={shown(plan)} reaches {plan.values.max():g}; write a plan that stays below 1"
        )
    return key


def multipliers_of(groups: Groups, multipliers: Any) -> list[float]:
    """Return one multiplier for each group; 1 by default, if all groups have the same rate."""
    if multipliers is None:
        rates = [float(group["lr"]) for group in groups]
        if len(set(rates)) == 1:
            return [1.0] * len(groups)
        ratios = ", ".join(spell(rate / max(rates)) for rate in rates)
        raise ScheduleError(
            f"the parameter groups have different rates, {', '.join(map(spell, rates))}, but a plan's "
            f"numbers are absolute; write multipliers=[{ratios}] to keep the ratios, or a 1 for every group"
        )
    wrong = not isinstance(multipliers, Sequence) or isinstance(multipliers, str)
    if wrong or len(multipliers) != len(groups):
        raise ScheduleError(
            f"multipliers={shown(multipliers)} is not one number for each of the {len(groups)} parameter "
            f"groups; write for example multipliers={[1] * len(groups)}"
        )
    return [finite_number(f"multipliers[{index}]", value) for index, value in enumerate(multipliers)]
