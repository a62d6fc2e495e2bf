"""PyTorch's learning-rate schedulers, as schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal

import numpy as np

from stepsize.checks import finite_number
from stepsize.dialects import torch_cycles as cycles
from stepsize.dialects.building_blocks import (
    climb,
    first_value,
    held,
    of_groups,
    on_plateau,
    sequence,
    values_at,
    warn,
)
from stepsize.dialects.epochs import by_step
from stepsize.dialects.torch_momentum import warn_of_momentum
from stepsize.dialects.torch_parts import (
    clean,
    first_base,
    require_known_start,
    require_own_start,
    require_uncut,
    require_whole,
    single,
    updates_of,
)
from stepsize.dialects.transformers import from_lambda
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules import (
    Schedule,
    constant,
    exponential,
    multistep,
    piecewise_constant,
    polynomial,
    step_decay,
)
from stepsize.schedules.foreign.shared import geometric
from stepsize.schedules.foreign.torch import OVERWRITING, torch_chained, torch_cosine
from stepsize.schedules.operators import product
from stepsize.units import updates


def from_torch(
    scheduler: Any,
    *,
    peak: float | None = None,
    group: int | None = None,
    step: Literal["update", "epoch"] = "update",
    **settings: Any,
) -> Schedule:
    """Return a PyTorch scheduler as a schedule with the same value at every update.

    With `step="epoch"`, for a loop that calls `scheduler.step()` once an epoch, its numbers are epochs, and
    the rate holds within each.

    `scheduler` is an instance, or a class with the `settings` to build it and the `peak` that its optimizer
    would have; it is read, never stepped. The schedule is that of the whole run, wherever the scheduler now
    is. Parameter groups must agree, or `group` chooses one. The momentum that OneCycleLR and CyclicLR cycle
    beside the rate is not read, with a warning; `momentum_from_torch` reads it. ReduceLROnPlateau becomes a
    factor that follows "val_loss", or "val_accuracy" with mode="max"; for another metric, change its name.

    Defects of PyTorch are reproduced, with a warning. OneCycleLR is for a run of `total_steps` updates: one
    update later its cosine rises again, and then PyTorch raises. Not exact: OneCycleLR with straight lines is
    negative at t = total_steps, and here 0; rates kept in float32 tensors are rounded there. Refused: custom
    functions in LambdaLR, MultiplicativeLR and CyclicLR; combinations inside combinations, which PyTorch
    shifts by an update or cannot step at all; restarts and cycles that begin below their minimum; in mid-run,
    what nothing shows any more: a rate that ReduceLROnPlateau may have cut, and the first one of some chains;
    and, when planned, negative rates.

    Raises: ScheduleError for what cannot be read.

    Source: torch/optim/lr_scheduler.py of PyTorch 2.13.

    >>> from torch.optim.lr_scheduler import StepLR
    >>> from_torch(StepLR, peak=0.1, step_size=30)
    step_decay(0.1, factor=0.1, every=30*updates)
    >>> from_torch(StepLR, peak=0.1, step_size=30, step="epoch")
    per_epoch(step_decay(0.1, factor=0.1, every=30*epochs))
    """
    if isinstance(scheduler, type):
        scheduler = _built(scheduler, peak, settings)
    elif peak is not None or settings:
        names = ", ".join(["peak"] * (peak is not None) + list(settings))
        raise ScheduleError(f"{names}: an instance of a scheduler has its own numbers; leave them out")
    groups = scheduler.optimizer.param_groups if hasattr(scheduler, "optimizer") else [None]

    def read() -> Schedule:
        return of_groups(lambda index: _checked(scheduler, index), len(groups), group)

    schedule = by_step(step, read)
    warn_of_momentum(scheduler, step)
    return schedule


def _checked(scheduler: Any, group: int) -> Schedule:
    """Return the schedule of one parameter group, if the scheduler has the rate that it says now.

    It has another if it was built on a rate that something else had changed: PyTorch multiplies that rate.
    """
    schedule = _read(scheduler, group)
    update = updates_of(scheduler)
    if schedule.metric_factor is not None or not getattr(scheduler, "_last_lr", None) or update < 0:
        return schedule
    held = float(scheduler._last_lr[group])
    planned = float(values_at(schedule, np.array([float(update)]))[0])
    if not math.isclose(held, planned, rel_tol=1e-5, abs_tol=1e-9):
        raise ScheduleError(
            f"this {type(scheduler).__name__} has the rate {held:g} at update {update}, and by its own "
            f"numbers {planned:g}: something else changed the rate of its optimizer; build it on a new one"
        )
    return schedule


def _built(kind: type, peak: float | None, settings: dict[str, Any]) -> Any:
    """Return a scheduler of this class on an optimizer of its own."""
    if kind.__name__ not in READERS:
        raise ScheduleError(unknown("scheduler", kind.__name__, sorted(READERS)))
    rate = settings.get("max_lr", settings.get("base_lr")) if peak is None else peak
    if rate is None:
        raise ScheduleError(f"{kind.__name__} needs the rate of its optimizer; write peak=0.1")
    torch = import_module("torch")
    weight = torch.zeros(1, requires_grad=True)
    try:
        return kind(torch.optim.SGD([weight], lr=finite_number("peak", rate), momentum=0.9), **settings)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise ScheduleError(f"PyTorch refuses this {kind.__name__}: {error}") from None


def _read(scheduler: Any, group: int, base: float | None = None) -> Schedule:
    """Return the schedule of one parameter group, from its own base rate or another one."""
    name = type(scheduler).__name__
    if name not in READERS or not type(scheduler).__module__.startswith("torch."):
        raise ScheduleError(unknown("scheduler", name, sorted(READERS)))
    require_whole(scheduler)
    if base is None and hasattr(scheduler, "base_lrs"):
        base = float(scheduler.base_lrs[group])
    return READERS[name](scheduler, group, base)


def _step(scheduler: Any, group: int, base: float) -> Schedule:
    factor, every = scheduler.gamma, scheduler.step_size * updates
    if 0 < factor <= 1:
        return step_decay(base, factor=factor, every=every)
    return geometric(base, factor=factor, every=every, staircase=True)


def _multistep(scheduler: Any, group: int, base: float) -> Schedule:
    gamma, milestones = scheduler.gamma, sorted(scheduler.milestones.elements())
    base *= gamma ** milestones.count(0)
    at = [item * updates for item in milestones if item > 0]
    if not at:
        return constant(base)
    if 0 < gamma <= 1:
        return multistep(base, factor=gamma, at=at)
    return piecewise_constant([base * gamma**drops for drops in range(len(at) + 1)], at=at)


def _constant(scheduler: Any, group: int, base: float) -> Schedule:
    factor, size = scheduler.factor, scheduler.total_iters
    if factor == 0:
        raise ScheduleError("ConstantLR with factor=0 divides by zero at total_iters; write a factor above 0")
    if size <= 0 and factor != 1:
        warn(f"ConstantLR with total_iters={size} never takes its factor back", constant(base))
        return constant(base * factor)
    return constant(base) if factor == 1 else constant(base * factor, length=size * updates) >> constant(base)


def _linear(scheduler: Any, group: int, base: float) -> Schedule:
    start, end, size = base * scheduler.start_factor, base * scheduler.end_factor, scheduler.total_iters
    if size <= 0 and start != end:
        warn(f"LinearLR with total_iters={size} stays at its start_factor", held(end))
        return constant(start)
    return climb(start, end, size)


def _exponential(scheduler: Any, group: int, base: float) -> Schedule:
    family = exponential if 0 < scheduler.gamma <= 1 else geometric
    return family(base, factor=scheduler.gamma, every=1 * updates)


def _polynomial(scheduler: Any, group: int, base: float) -> Schedule:
    if scheduler.total_iters <= 0 or scheduler.power == 0:
        return constant(base)
    return polynomial(base, power=scheduler.power, length=scheduler.total_iters * updates)


def _cosine(scheduler: Any, group: int, base: float) -> Schedule:
    ours = torch_cosine(base, t_max=scheduler.T_max * updates, eta_min=scheduler.eta_min)
    warn(f"CosineAnnealingLR rises again in a run longer than T_max={scheduler.T_max}", clean(ours))
    return ours


def _plateau(scheduler: Any, group: int, base: None) -> Schedule:
    require_uncut(scheduler, group)
    return on_plateau(
        float(scheduler.optimizer.param_groups[group]["lr"]),
        scheduler.mode,
        scheduler.factor,
        scheduler.patience,
        scheduler.threshold,
        scheduler.threshold_mode,
        scheduler.cooldown,
        scheduler.min_lrs[group],
        scheduler.eps,
    )


def _sequential(scheduler: Any, group: int, base: None) -> Schedule:
    def read(child: Any) -> Schedule:
        if getattr(child, "total_iters", 1) <= 0:
            raise ScheduleError(f"{type(child).__name__} with total_iters=0 fails in a SequentialLR; write 1")
        if child is not scheduler._schedulers[0]:
            require_own_start(scheduler, child, ("SWALR",))
        # The sequence begins at initial_lr, which a OneCycleLR built later has changed.
        begins = child is scheduler._schedulers[0] and type(child).__name__ not in OVERWRITES
        return _read(single(child), group, first_base(scheduler, group) if begins else None)

    return sequence(scheduler._schedulers, scheduler._milestones, read)


def _chained(scheduler: Any, group: int, base: None) -> Schedule:
    children = [single(child) for child in scheduler._schedulers]
    if len(children) == 1:
        return _read(children[0], group)
    for child in children:
        require_own_start(scheduler, child, ("SWALR", "LambdaLR"))
    start = float(children[0].base_lrs[group])
    stages = [_read(child, group) for child in children]
    unscaled = [stage for stage in stages if isinstance(stage, (torch_cosine, *OVERWRITING))]
    ratios = [
        _read(child, group, 1.0)
        for child, stage in zip(children, stages, strict=True)
        if stage not in unscaled
    ]
    if not unscaled:
        return product(start, *ratios)
    warn("ChainedScheduler lets schedulers change each other's rate", product(*ratios, clean(unscaled[-1])))
    chain = torch_chained(stages, base=start)
    if updates_of(scheduler) > 0:
        require_known_start(scheduler, group, [first_value(ratio) for ratio in ratios], chain)
    return chain


def _lambda(scheduler: Any, group: int, base: float) -> Schedule:
    return from_lambda(scheduler.lr_lambdas[group], base)


OVERWRITES = ("CosineAnnealingWarmRestarts", "CyclicLR", "LambdaLR", "OneCycleLR")
READERS: dict[str, Callable[[Any, int, Any], Schedule]] = {
    "ChainedScheduler": _chained,
    "ConstantLR": _constant,
    "CosineAnnealingLR": _cosine,
    "CosineAnnealingWarmRestarts": cycles.restarts,
    "CyclicLR": cycles.cyclic,
    "ExponentialLR": _exponential,
    "LambdaLR": _lambda,
    "LinearLR": _linear,
    "MultiStepLR": _multistep,
    "MultiplicativeLR": _lambda,
    "OneCycleLR": cycles.one_cycle,
    "PolynomialLR": _polynomial,
    "ReduceLROnPlateau": _plateau,
    "SWALR": cycles.swa,
    "SequentialLR": _sequential,
    "StepLR": _step,
}
