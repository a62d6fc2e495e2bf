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
    """Follow a plan with one entry of every group: `write` it, and see whether anybody else did.

    A tensor is filled in place, so what was captured or compiled with it sees the new number. The name
    "momentum" means the first of `betas` where an optimizer has those instead.

    Raises: ScheduleError if the plan is none, or the optimizer has no such entry.
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

    def own(self, groups: Groups) -> None:
        """Give every group a tensor of its own where it has one: groups may share the one of the call."""
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

    def touched(self, groups: Groups) -> bool:
        """Tell whether somebody has written an entry, or added a group, since."""
        return (list(map(self._entry, groups)) if self._numbers else self._marked(groups)) != self._marks

    def foreign(self, groups: Groups) -> str:
        """Say which value is not the one written, or nothing if all are."""
        for index, (group, value) in enumerate(zip(groups, self.written, strict=True)):
            found = self._read(group)
            if isinstance(found, Tensor):  # in its own precision
                found, value = found.item(), full_like(found, value).item()
            if found != value:
                return f"{self.name} of group {index} is {shown(found)} where {value!r} is planned"
        return ""

    def resumed(self, state: Any) -> PlainSchedule:
        """Return the schedule where `state` says that the run is; this one stays where it was."""
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
        """Return what changes when an entry does; a tensor counts its changes, so no device is asked."""
        return [
            (held, held._version) if isinstance(held, Tensor) else held for held in map(self._read, groups)
        ]


def _key(name: str, plan: Plan, optimizer: Optimizer) -> str:
    """Return where the groups keep what `name` means."""
    groups = optimizer.param_groups
    keys = ("momentum", "betas") if name == "momentum" else (name,)
    key = next((key for key in keys if all(key in group for group in groups)), None)
    if key is None:
        raise ScheduleError(
            f"{name}={shown(plan)}: {type(optimizer).__name__} has no {' and no '.join(keys)}; "
            f"leave {name}= out, or take an optimizer that has it"
        )
    if name == "momentum" and plan.values.max() >= 1:
        raise ScheduleError(
            f"momentum={shown(plan)} reaches {plan.values.max():g}; write a plan that stays below 1"
        )
    return key


def multipliers_of(groups: Groups, given: Any) -> list[float]:
    """Return one multiplier a group: those given, or 1 for groups that all have the same rate."""
    if given is None:
        rates = [float(group["lr"]) for group in groups]
        if len(set(rates)) == 1:
            return [1.0] * len(groups)
        ratios = ", ".join(spell(rate / max(rates)) for rate in rates)
        raise ScheduleError(
            f"the parameter groups have rates of their own, {', '.join(map(spell, rates))}, but a plan's "
            f"numbers are absolute; write multipliers=[{ratios}] to keep the ratios, or a 1 for every group"
        )
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != len(groups):
        raise ScheduleError(
            f"multipliers={shown(given)} is not one number for each of the {len(groups)} parameter groups; "
            f"write for example multipliers={[1] * len(groups)}"
        )
    return [finite_number(f"multipliers[{index}]", value) for index, value in enumerate(given)]
