"""A plan in PyTorch: `TorchScheduler`, for your own loop and for the hosts that take a scheduler."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from stepsize.adapters.plain import check_plan
from stepsize.checks import finite_number, shown
from stepsize.errors import ScheduleError, StateError, require
from stepsize.schedules import Plan

require("torch", "torch")

from torch.optim import Optimizer  # noqa: E402
from torch.optim.lr_scheduler import LRScheduler  # noqa: E402

from stepsize.adapters.torch_groups import Hyperparameter, multipliers_of  # noqa: E402


class TorchScheduler(LRScheduler):
    """Set the learning rate of every update of `optimizer` from `plan`.

    The clock counts completed updates, at the optimizer itself. The next rate is in place as soon as an
    update is complete, so `step()` is only for the hosts that call it and changes nothing: accumulated
    batches, updates skipped by a gradient scaler, and the `step()` of each process do not change the curve.

    The numbers of a plan are absolute; `multipliers` has one factor for each parameter group. `momentum`
    (`betas[0]` where an optimizer has those) and `weight_decay` take their own plans.

    `mismatches` counts "step without update", "update without step" and "foreign value": a rate written by
    something else, which is corrected, with one warning. With `strict` each of them raises.

    Raises: ScheduleError for an optimizer that has a scheduler, or lacks what is planned; for a plan that is
    not one; for multipliers that do not match; at an update past the end of a plan with after="error".

    >>> import torch
    >>> from stepsize.schedules import linear
    >>> weight = torch.zeros(1, requires_grad=True)
    >>> optimizer = torch.optim.SGD([weight], lr=0.1)
    >>> scheduler = TorchScheduler(optimizer, linear(1).plan(updates=4))
    >>> for batch in range(3):
    ...     print(optimizer.param_groups[0]["lr"])
    ...     optimizer.step()
    ...     scheduler.step()
    1.0
    0.75
    0.5
    >>> scheduler.update, scheduler.rate, scheduler.state_dict()["schedule"]
    (3, 0.25, 'linear(1)')
    """

    def __init__(
        self,
        optimizer: Optimizer,
        plan: Plan,
        *,
        multipliers: Sequence[float] | None = None,
        momentum: Plan | None = None,
        weight_decay: Plan | None = None,
        strict: bool = False,
    ) -> None:
        # The base class would wrap optimizer.step, to warn when step() comes first; here no order is wrong.
        self.optimizer = _require_unscheduled(optimizer)
        groups = self.optimizer.param_groups
        check_plan(plan)
        factors = multipliers_of(groups, multipliers)
        plans = {"lr": plan, "momentum": momentum, "weight_decay": weight_decay}
        self._followed = [
            Hyperparameter(name, each, self.optimizer, factors if name == "lr" else [1.0] * len(groups))
            for name, each in plans.items()
            if each is not None
        ]
        self._ends = [each for each in self._followed if each.schedule.plan.after == "error"]
        self.strict = strict
        self.mismatches: Counter[str] = Counter()
        self._running = False  # an update has begun
        self._unstepped = False  # an update is complete, and step() has not been called since
        self._step_count = 0  # hosts read it, and Accelerate adds to it
        self._attach()
        self.base_lrs = self.get_lr()
        self._last_lr = self.get_lr()

    @property
    def plan(self) -> Plan:
        """The plan of the learning rate."""
        return self._followed[0].schedule.plan

    @property
    def update(self) -> int:
        """The updates completed so far."""
        return self._followed[0].schedule.update

    @property
    def last_epoch(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The updates completed so far, by PyTorch's name."""
        return self.update

    @property
    def rate(self) -> float:
        """The rate of the next update, for a group whose multiplier is 1."""
        return self._followed[0].schedule.rate

    def get_lr(self) -> list[Any]:
        """Return the rate of the next update in every group."""
        return list(self._followed[0].written)

    def get_last_lr(self) -> list[Any]:
        """Return the rate of the last update in every group; once `step()` was called, that of the next."""
        return list(self._last_lr)

    def step(self, metric: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Note that the host has seen a completed update; `step(metric)` is `observe(metric)`."""
        if metric is not None:
            self.observe(metric)
            return
        self._step_count += 1
        self._last_lr = self._followed[0].written
        if not self._unstepped:
            self._mismatch(
                "step without update",
                f"step() was called after update {self.update}, and no update since: it was called twice, "
                "before optimizer.step(), or after a skipped update; call it once for each update",
            )
        self._unstepped = False

    def observe(self, metric: Any) -> None:
        """Observe one more value of the metric that a plan's factor, such as `plateau`, follows."""
        for each in self._followed:
            self._correct(each)  # so that foreign values are reported
        driven = [each for each in self._followed if each.schedule.plan.metric_factor is not None]
        for each in driven or self._followed[:1]:
            each.schedule.observe(metric)
        self._write_all()
        self._last_lr = self._followed[0].written

    def add_param_group(self, group: dict[str, Any], multiplier: float = 1.0) -> None:
        """Add a parameter group to the optimizer; it joins the plan where the run is."""
        self._check_groups()
        factor = finite_number("multiplier", multiplier)
        self.optimizer.add_param_group(group)
        for each in self._followed:
            each.multipliers.append(factor if each.name == "lr" else 1.0)
        self._write_all()

    def state_dict(self) -> dict[str, Any]:
        """Return where the run is, as plain JSON data; it does not need the optimizer's state."""
        rate, *others = self._followed
        return {
            **rate.schedule.state_dict(),
            "multipliers": list(rate.multipliers),
            **{each.name: each.schedule.state_dict() for each in others},
        }

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue where a run of the same plans was; before or after the optimizer's state is loaded.

        Raises: StateError if `state_dict` is not a state, is damaged, or has other plans or multipliers.
        """
        rate, *others = self._followed
        schedules = [rate.resumed(state_dict)]
        state = json.loads(state_dict) if isinstance(state_dict, str) else state_dict
        multipliers = state.get("multipliers", rate.multipliers)  # one from `resume` has none
        if multipliers != rate.multipliers:
            raise StateError(
                f"the state has multipliers={multipliers}, this scheduler {rate.multipliers}; build it with "
                "the groups and multipliers of the run, those added later included"
            )
        planned = {each.name for each in others}
        for name in sorted(planned ^ ({"momentum", "weight_decay"} & set(state))):
            where = "here and not in the state" if name in planned else "in the state and not here"
            raise StateError(
                f"{name} is planned {where}; use the same plans, or resume it separately: "
                f'{{**state, "{name}": resume(...).state}}'
            )
        schedules += [each.resumed(state[each.name]) for each in others]
        positions = {schedule.update for schedule in schedules}
        if len(positions) > 1:
            raise StateError(
                f"the states of the plans are at updates {sorted(positions)}; load those of one run"
            )
        for each, schedule in zip(self._followed, schedules, strict=True):
            each.schedule = schedule
        self._unstepped = False
        self._write_all()
        self._last_lr = self.get_lr()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Attach to the optimizer that was copied or pickled along; its hooks were not."""
        self.__dict__.update(state)
        self._attach()

    def _attach(self) -> None:
        _refuse_second(self.optimizer)
        self.optimizer.register_step_pre_hook(self._before)
        self.optimizer.register_step_post_hook(self._after)
        self.optimizer.register_load_state_dict_post_hook(self._reloaded)
        self._reloaded(self.optimizer)

    def _reloaded(self, optimizer: Optimizer) -> None:
        for each in self._followed:
            each.copy_tensors(optimizer.param_groups)
        self._write_all()

    def _write_all(self) -> None:
        self._check_groups()
        for each in self._followed:
            each.write(self.optimizer.param_groups)

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Make sure that the update which begins now uses the planned values."""
        self._running = True
        for each in self._followed:
            if each.has_changed(optimizer.param_groups):
                self._correct(each)
        if self._ends and not getattr(optimizer, "found_inf", None):
            for each in self._ends:
                each.schedule.plan(self.update)  # the one that is over raises

    def _correct(self, followed: Hyperparameter) -> None:
        self._check_groups()
        difference = followed.describe_foreign(self.optimizer.param_groups)
        followed.write(self.optimizer.param_groups)
        if difference:
            self._mismatch(
                "foreign value",
                f"update {self.update}: {difference}; another scheduler or a callback writes it too. The "
                "plan has been applied; remove the other one, or make it a factor of the plan",
            )

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Count one completed update and write the values of the next."""
        if not self._running:
            return  # a subclass's step() that calls its parent's comes here twice for one update
        self._running = False
        if not getattr(optimizer, "found_inf", None):  # else a gradient scaler had a fused optimizer skip it
            self._last_lr = self._followed[0].written
            for each in self._followed:
                each.schedule.step()
                each.write(optimizer.param_groups)
        if self._unstepped:
            self._mismatch(
                "update without step",
                f"update {self.update} is complete, and step() was not called after the one before; "
                "call it once for each update",
            )
        self._unstepped = True

    def _mismatch(self, kind: str, message: str) -> None:
        self.mismatches[kind] += 1
        if self.strict:
            raise ScheduleError(message)
        if kind == "foreign value" and self.mismatches[kind] == 1:
            warnings.warn(message, UserWarning, stacklevel=5)  # the line that calls optimizer.step()

    def _check_groups(self) -> None:
        groups, known = len(self.optimizer.param_groups), len(self._followed[0].multipliers)
        if groups != known:
            raise ScheduleError(
                f"the optimizer has {groups} parameter groups, and {known} of them follow the plan; "
                "add groups by scheduler.add_param_group(group, multiplier=1.0), not by the optimizer"
            )


def _require_unscheduled(optimizer: Any) -> Optimizer:
    """Return the optimizer inside what a host may have wrapped.

    Raises: ScheduleError if it is not an optimizer, or has a scheduler.
    """
    if not isinstance(optimizer, Optimizer):
        raise ScheduleError(
            f"optimizer={shown(optimizer)} is not a PyTorch optimizer; write for example "
            "TorchScheduler(torch.optim.SGD(model.parameters(), lr=0.1), plan)"
        )
    while isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = inner
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        raise ScheduleError(
            f"this {type(optimizer).__name__} already has a scheduler of PyTorch; build a new optimizer for "
            "this one, or plan what stepsize.dialects.from_torch returns for the other"
        )
    return optimizer


def _refuse_second(optimizer: Optimizer) -> None:
    for hook in optimizer._optimizer_step_pre_hooks.values():
        if isinstance(getattr(hook, "__self__", None), TorchScheduler):
            raise ScheduleError(
                f"this {type(optimizer).__name__} already has a TorchScheduler; build a new optimizer"
            )
