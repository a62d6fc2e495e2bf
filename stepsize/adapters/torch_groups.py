"""One hyperparameter of a PyTorch optimizer, such as the learning rate, in all its parameter groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from torch import Tensor, float32, float64, full_like
from torch.optim import Optimizer

from stepsize.adapters.plain import PlainSchedule, check_plan
from stepsize.adapters.torch_multipliers import multipliers_of
from stepsize.checks import shown
from stepsize.errors import ScheduleError, StateError

Groups = list[dict[str, Any]]


class Hyperparameter:
    """Drive one entry of every parameter group, such as `lr`, from plans, and detect foreign writes.

    `plans` is one plan for all groups, or a list with a plan, or None, for each: a group without a plan keeps
    its own value. A tensor is filled in place, so that captured or compiled code sees the new number. The
    name "momentum" means the first of `betas` where an optimizer has those instead.

    Raises: ScheduleError if `plans` are not plans, the optimizer has no such entry or cannot hold it exactly,
    or the groups differ and neither plans nor multipliers say by how much.
    """

    def __init__(
        self, name: str, plans: Any, optimizer: Optimizer, multipliers: Any, update: int = 0
    ) -> None:
        groups = optimizer.param_groups
        self.name = name
        self.schedules = _schedules(name, plans, len(groups), update)
        self.is_shared = not isinstance(plans, Sequence)
        self.place(self.schedules)
        self._key = _key(name, plans, optimizer)
        self._entry = itemgetter(self._key)
        values = [self.number(group, index) for index, group in enumerate(groups)]
        self.multipliers = multipliers_of(name, groups, values, multipliers, shared=self.is_shared)
        for schedule, multiplier in zip(self.schedules, self.multipliers, strict=True):
            _check_momentum(name, schedule, multiplier)
        self.written: list[Any] = []  # floats
        self._marks: list[Any] = []  # what the groups held when they were written
        self._is_plain = True  # neither tensors nor betas nor groups without a plan: an entry is replaced

    def copy_tensors(self, groups: Groups) -> None:
        """Put a copy of its own tensor into every group: groups may share the one that was passed in."""
        self._is_plain = self._key != "betas" and None not in self.schedules
        for index, group in enumerate(groups):
            self._copy_tensor(group, index)

    def _copy_tensor(self, group: dict[str, Any], index: int) -> None:
        held = self.held(group)
        if isinstance(held, Tensor):
            self.number(group, index)  # a loaded state may bring another type
            self._is_plain = False
            self._put(group, held.detach().clone())

    def write(self, groups: Groups) -> None:
        """Put the value of the next update into every group."""
        written: list[Any] = []
        if self._is_plain and self.is_shared:
            rate, key = self.first.rate, self._key
            for index, multiplier in enumerate(self.multipliers):
                groups[index][key] = value = rate * multiplier
                written.append(value)
            self.written = self._marks = written
            return
        for group, schedule, multiplier in zip(groups, self.schedules, self.multipliers, strict=True):
            if schedule is None:
                written.append(self.held(group))
                continue
            written.append(schedule.rate * multiplier)
            self._fill(group, written[-1])
        self.written, self._marks = written, self._marked(groups)

    def has_changed(self, groups: Groups) -> bool:
        """Return whether an entry was written, or a group added, since the last `write`."""
        return (list(map(self._entry, groups)) if self._is_plain else self._marked(groups)) != self._marks

    def describe_foreign(self, groups: Groups) -> str:
        """Return which value is not the one written, as text; empty if all are."""
        rows = zip(groups, self.schedules, self.written, strict=True)
        for index, (group, schedule, value) in enumerate(rows):
            actual = self.held(group)
            if isinstance(actual, Tensor):  # in its own precision
                actual, value = actual.item(), full_like(actual, value).item()
            if schedule is not None and actual != value:
                return f"{self.name} of group {index} is {shown(actual)}, but {value!r} is planned"
        return ""

    def join(self, group: dict[str, Any], multiplier: float) -> None:
        """Let one more group follow the plan of the others."""
        _check_momentum(self.name, self.first, multiplier)
        self._copy_tensor(group, len(self.multipliers))  # that of the optimizer, which they share
        self.schedules.append(self.first)
        self.multipliers.append(multiplier)

    def state_dict(self) -> dict[str, Any]:
        """Return where its plans are, as plain JSON data."""
        state = {**self.first.state_dict(), "multipliers": list(self.multipliers)}
        if not self.is_shared:
            state["groups"] = [None if each is None else each.state_dict() for each in self.schedules]
        return state

    def resumed(self, state: Any) -> list[PlainSchedule | None]:
        """Return the schedules at the update of `state`; these stay where they are.

        Raises: StateError for another state, plan or multiplier.
        """
        first = _loaded(self.first, state)
        state = json.loads(state) if isinstance(state, str) else state
        multipliers = state.get("multipliers", self.multipliers)  # one from `resume` has none
        if multipliers != self.multipliers:
            raise StateError(
                f"the state has multipliers={multipliers}, this scheduler {self.multipliers}; build it with "
                "the groups and multipliers of the run, those added later included"
            )
        states = state.get("groups")
        if self.is_shared != (states is None):
            where = "in the state but not here" if self.is_shared else "here but not in the state"
            raise StateError(f"{self.name} has a plan for each group {where}; use the plans of the run")
        if states is None:
            return [first] * len(self.schedules)
        if [each is None for each in states] != [each is None for each in self.schedules]:
            raise StateError(f"the state has {self.name} plans for other groups; use the plans of the run")
        pairs = zip(self.schedules, states, strict=True)
        return [None if schedule is None else _loaded(schedule, each) for schedule, each in pairs]

    def place(self, schedules: list[PlainSchedule | None]) -> None:
        """Follow these schedules, such as those that `resumed` returned."""
        self.schedules = schedules
        planned = [each for each in schedules if each is not None]
        self.first = planned[0]
        self.distinct = planned[:1] if self.is_shared else planned

    def held(self, group: dict[str, Any]) -> Any:
        """Return what a group holds, a float or a tensor."""
        held = group[self._key]
        return held[0] if self._key == "betas" else held

    def number(self, group: dict[str, Any], index: int) -> float:
        """Return what a group holds, as a float.

        Raises: ScheduleError if that is not one number, or its type cannot hold the numbers of a plan.
        """
        held, where = self.held(group), f"{self.name} of group {index}"
        if isinstance(held, Tensor) and held.dtype not in (float32, float64):
            raise ScheduleError(
                f"{where} is a tensor of {held.dtype}, which would round the plan's numbers; build the "
                f"optimizer with {self.name}=torch.tensor(0.1), in float32"
            )
        try:
            return float(held)
        except (TypeError, ValueError, RuntimeError):
            raise ScheduleError(
                f"{where} is {shown(held)}, not a number, so the optimizer sets its own; build it with one, "
                f"for example {self.name}=0.1"
            ) from None

    def require_tensors(self, groups: Groups) -> None:
        """Raise ScheduleError if a group holds a number, while a CUDA graph is captured."""
        if not all(isinstance(self.held(group), Tensor) for group in groups):
            raise ScheduleError(
                f"{self.name} is a number, which a CUDA graph would keep for every replay; build the "
                f"optimizer with capturable=True and {self.name}=torch.tensor(0.1, device='cuda')"
            )

    def _fill(self, group: dict[str, Any], value: float) -> None:
        held = self.held(group)
        if isinstance(held, Tensor):
            held.fill_(value)
        else:
            self._put(group, value)

    def _put(self, group: dict[str, Any], value: Any) -> None:
        group[self._key] = (value, *group["betas"][1:]) if self._key == "betas" else value

    def _marked(self, groups: Groups) -> list[Any]:
        """Return what changes with an entry; tensors count their changes, so no device is read."""
        marks = [
            (held, held._version) if isinstance(held, Tensor) else held for held in map(self.held, groups)
        ]
        planned = [*self.schedules, *[self.first] * (len(marks) - len(self.schedules))]
        return [None if each is None else mark for mark, each in zip(marks, planned, strict=False)]


def _schedules(name: str, plans: Any, groups: int, update: int) -> list[PlainSchedule | None]:
    """Return the schedule of each group."""
    parameter = "plan" if name == "lr" else name
    if not isinstance(plans, Sequence) or isinstance(plans, str):
        check_plan(plans, parameter)
        shared: Any = PlainSchedule(plans, update)  # pyright: ignore[reportArgumentType]
        return [shared] * groups
    if len(plans) != groups or all(plan is None for plan in plans):
        raise ScheduleError(
            f"{parameter}={shown(plans)} is not one plan for each of the {groups} parameter groups; write a "
            "list of as many plans, with None for a group that keeps its own value"
        )
    for index, plan in enumerate(plans):
        if plan is not None:
            check_plan(plan, f"{parameter}[{index}]")
    return [None if plan is None else PlainSchedule(plan, update) for plan in plans]


def _loaded(schedule: PlainSchedule, state: Any) -> PlainSchedule:
    again = PlainSchedule(schedule.plan)
    again.load_state_dict(state)
    return again


def _key(name: str, plans: Any, optimizer: Optimizer) -> str:
    """Return the key under which the groups keep `name`."""
    groups = optimizer.param_groups
    keys = ("momentum", "betas") if name == "momentum" else (name,)
    key = next((key for key in keys if all(key in group for group in groups)), None)
    if key is None:
        raise ScheduleError(
            f"{name}={shown(plans)}: {type(optimizer).__name__} has no {' and no '.join(keys)}; "
            f"leave {name}= out, or use an optimizer that has it"
        )
    return key


def _check_momentum(name: str, schedule: PlainSchedule | None, multiplier: float) -> None:
    if name != "momentum" or schedule is None:
        return
    plan = schedule.plan
    highest = plan.values.max() * multiplier
    if highest >= 1:
        raise ScheduleError(f"momentum={shown(plan)} reaches {highest:g}; write a plan that stays below 1")
