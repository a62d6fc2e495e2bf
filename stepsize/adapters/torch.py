"""A plan in PyTorch: `TorchScheduler`, for your own loop and for the hosts that take a scheduler."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stepsize.checks import shown
from stepsize.errors import ScheduleError, StateError, require
from stepsize.schedules import Plan

require("torch", "torch")

from torch.optim import Optimizer  # noqa: E402
from torch.optim.lr_scheduler import LRScheduler  # noqa: E402

from stepsize.adapters.torch_clock import Clock, release_forgotten  # noqa: E402
from stepsize.adapters.torch_compiled import in_compiled_code  # noqa: E402
from stepsize.adapters.torch_groups import Hyperparameter  # noqa: E402
from stepsize.adapters.torch_multipliers import by_name, of_added_group  # noqa: E402
from stepsize.adapters.torch_optimizers import has_updated, require_unscheduled, wrapped  # noqa: E402

Plans = Plan | Sequence[Plan | None]


class TorchScheduler(LRScheduler):
    """Set the learning rate of every update of `optimizer` from `plan`.

    The clock counts completed updates, at the optimizer itself. The next rate is in place as soon as an
    update is complete, so `step()` is only for the hosts that call it and changes nothing: accumulated
    batches, updates skipped by a gradient scaler, and the `step()` of each process do not change the curve.
    An update that `optimizer.step()` does not make, such as the replay of a CUDA graph, needs `advance()`.

    The numbers of a plan are absolute; `multipliers` has one factor for each parameter group. `momentum`
    (`betas[0]` where an optimizer has those) and `weight_decay` take their own plans, and
    `multipliers={"lr": [1, 0.1], "weight_decay": [1, 0]}` has factors for each. Each plan may be a list with
    a plan for each group, or None for a group that keeps its own value. A run whose state is lost begins at
    `update`. With an optimizer that has made updates, say so: `update=0` for a plan that begins here.

    `mismatches` counts "step without update", "update without step", "no update", "metric not observed",
    "plan is over", "state not loaded" and "foreign value": a rate written by something else, which is
    corrected. All but the first two warn once. With `strict` each of them raises.

    Raises: ScheduleError for an optimizer that has a scheduler, or lacks what is planned; for a plan that is
    not one; for groups that differ without multipliers, or multipliers that do not match; at an update past
    the end of a plan with after="error".

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
    >>> scheduler
    TorchScheduler(linear(1): update 3 of 4, rate 0.25)
    >>> scheduler.update, scheduler.rate, scheduler.state_dict()["schedule"]
    (3, 0.25, 'linear(1)')
    """

    def __init__(
        self,
        optimizer: Optimizer,
        plan: Plans,
        *,
        multipliers: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
        momentum: Plans | None = None,
        weight_decay: Plans | None = None,
        strict: bool = False,
        update: int | None = None,
    ) -> None:
        # The base class would wrap optimizer.step, to warn when step() comes first; here no order is wrong.
        chain = wrapped(optimizer)
        require_unscheduled(chain)
        self.optimizer = optimizer
        plans = {"lr": plan, "momentum": momentum, "weight_decay": weight_decay}
        plans = {name: each for name, each in plans.items() if name == "lr" or each is not None}
        factors = by_name(multipliers, list(plans))
        self._clock = Clock(
            [
                Hyperparameter(name, each, chain[-1], factors.get(name), update if update is not None else 0)
                for name, each in plans.items()
            ],
            strict,
        )
        self._step_count = 0  # hosts read it, and Accelerate adds to it
        if self._attach() and update is None:
            self._clock.forgotten = "the optimizer has made updates before"
        self.base_lrs = self.get_lr()

    def __repr__(self) -> str:
        at = f"update {self.update:,} of {self.plan.horizon:,}, rate {self.rate:g}"
        return f"{type(self).__name__}({self.plan.schedule}: {at})"

    @property
    def plan(self) -> Plan:
        """The plan of the learning rate; that of the first group that has one."""
        return self._rates.first.plan

    @property
    def update(self) -> int:
        """The updates completed so far."""
        return self._clock.update

    @property
    def rate(self) -> float:
        """The rate of the next update, for a group that follows `plan` with multiplier 1."""
        return self._rates.first.rate

    @property
    def strict(self) -> bool:
        """Whether every mismatch raises."""
        return self._clock.strict

    @strict.setter
    def strict(self, strict: bool) -> None:
        self._clock.strict = strict

    @property
    def mismatches(self) -> Counter[str]:
        """How often something did not match the plan, by kind."""
        return self._clock.mismatches

    @property
    def last_epoch(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The updates completed so far, by PyTorch's name."""
        return self.update

    @last_epoch.setter
    def last_epoch(self, epoch: Any) -> None:
        joined = isinstance(epoch, int) and epoch < 0  # by SequentialLR, which takes 1 off
        advice = (
            "to join schedules as SequentialLR does, plan them together, as in (first >> second).plan(...)"
            if joined
            else f"to begin at an update, write TorchScheduler(optimizer, plan, update={shown(epoch)}) after "
            "detach() of this one; to continue a run, load_state_dict(state)"
        )
        raise ScheduleError(
            f"last_epoch={shown(epoch)} cannot be set: the optimizer's updates are counted; {advice}"
        )

    @property
    def _last_lr(self) -> list[Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.get_last_lr()  # hosts read it

    def get_lr(self) -> list[Any]:
        """Return the rate of the next update in every group."""
        if self._clock.is_paused:
            return [float(self._rates.held(group)) for group in self._stepping.param_groups]
        return list(self._rates.written)

    def get_last_lr(self) -> list[Any]:
        """Return the rate of the last update in every group; once `step()` was called, that of the next."""
        return self.get_lr() if self._clock.is_paused else list(self._clock.last)

    def step(self, metric: Any = None, epoch: Any = None, *, metrics: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Note that the host has seen a completed update; `step(metric)` is `observe(metric)`.

        Raises: ScheduleError for an epoch, which PyTorch's `step` takes: the clock counts by itself.
        """
        if in_compiled_code():
            self._clock.outside(self._step, metric if metrics is None else metrics, epoch)
        else:
            self._step(metric if metrics is None else metrics, epoch)

    def _step(self, metric: Any, epoch: Any) -> None:
        self._require_attached()
        if metric is None and epoch is None:
            self._step_count += 1
            self._clock.stepped()
            return
        is_epoch = isinstance(metric, int | np.integer) and not isinstance(metric, bool)
        if is_epoch or epoch is not None:
            number = metric if is_epoch else epoch
            raise ScheduleError(
                f"step({shown(number)}): an int is read as an epoch, and the clock counts by itself; write "
                f"step() after an update, or observe({shown(number)}) for a metric"
            )
        self.observe(metric)

    def observe(self, metric: Any) -> None:
        """Observe one more value of the metric that a plan's factor, such as `plateau`, follows."""
        self._require_attached()
        if not self._clock.is_followed(self._stepping):
            return  # what a finder of rates observes is undone
        schedules = [one for each in self._clock.followed for one in each.distinct]
        driven = [each for each in schedules if each.plan.metric_factor is not None]
        for each in driven or schedules[:1]:
            each.observe(metric)
        self._clock.observed(self._stepping)

    def advance(self) -> None:
        """Count an update that was not made by `optimizer.step()`, such as the replay of a CUDA graph."""
        self._require_attached()
        self._clock.advance(self._stepping)

    def pause(self) -> None:
        """Leave the rates to somebody else, such as a finder of rates: no update counts until `resume()`."""
        self._clock.is_paused = True

    def resume(self) -> None:
        """Continue the plan at the update where it was paused."""
        self._require_attached()
        self._clock.is_paused = False
        self._clock.adopt(self._stepping)

    def detach(self) -> None:
        """Release the optimizer, which keeps its present values and may get another scheduler."""
        self._clock.detach()

    def add_param_group(
        self, group: dict[str, Any], multiplier: float | Mapping[str, float] | None = None
    ) -> None:
        """Add a parameter group to the optimizer; it joins the plan where the run is.

        `multiplier` is the factor of its rate, or of each hyperparameter: {"lr": 0.1, "weight_decay": 0}.

        Raises: ScheduleError for a group with a value of its own for what is planned, without a multiplier.
        """
        self._require_attached()
        self._clock.check_groups(self._stepping)
        followed = self._clock.followed
        if not all(each.is_shared for each in followed):
            raise ScheduleError(
                "an added group needs a plan, and every group here has its own; call detach(), add the group "
                f"to the optimizer, and build TorchScheduler(optimizer, [...], update={self.update})"
            )
        names = [each.name for each in followed]
        factors = of_added_group(group, self._stepping.defaults, names, multiplier)
        self.optimizer.add_param_group(group)
        for each in followed:
            each.join(self._stepping.param_groups[-1], factors[each.name])
        self._clock.write(self._stepping)

    def state_dict(self) -> dict[str, Any]:
        """Return where the run is, as plain JSON data; it does not need the optimizer's state."""
        rates, *others = self._clock.followed
        return {**rates.state_dict(), **{each.name: each.state_dict() for each in others}}

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue where a run of the same plans was; before or after the optimizer's state is loaded.

        Raises: StateError if `state_dict` is not a state, is damaged, or has other plans or multipliers.
        """
        rates, *others = self._clock.followed
        schedules = [rates.resumed(state_dict)]
        state = json.loads(state_dict) if isinstance(state_dict, str) else state_dict
        planned = {each.name for each in others}
        for name in sorted(planned ^ ({"momentum", "weight_decay"} & set(state))):
            where = "here but not in the state" if name in planned else "in the state but not here"
            raise StateError(
                f"{name} is planned {where}; use the same plans, or resume it separately: "
                f'{{**state, "{name}": resume(...).state}}'
            )
        schedules += [each.resumed(state[each.name]) for each in others]
        positions = {one.update for each in schedules for one in each if one is not None}
        if len(positions) > 1:
            raise StateError(
                f"the states of the plans are at updates {sorted(positions)}; load those of one run"
            )
        self._clock.place(schedules, self._stepping)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Attach to the optimizer that was copied or pickled along; its hooks were not."""
        self.__dict__.update(state)
        self._attach()

    @property
    def _rates(self) -> Hyperparameter:
        return self._clock.followed[0]

    def _attach(self) -> bool:
        """Follow the optimizer; return whether it has made updates before."""
        chain = wrapped(self.optimizer)
        self._stepping = chain[-1]
        earlier = release_forgotten(self._stepping)
        self._clock.attach(chain, self)
        return earlier > 0 or has_updated(self._stepping)

    def _require_attached(self) -> None:
        if not self._clock.handles:
            raise ScheduleError(
                "this TorchScheduler was detached, and no longer follows its optimizer; build a new one, "
                f"for example TorchScheduler(optimizer, plan, update={self.update})"
            )
