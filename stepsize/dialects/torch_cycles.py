"""PyTorch's schedulers that rise and fall, or approach a rate of their own, as schedules."""

from __future__ import annotations

from typing import Any

from stepsize.dialects.building_blocks import climb
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule
from stepsize.schedules.families.cyclic import cosine_restarts
from stepsize.schedules.families.triangular import exp_range, triangular, triangular2
from stepsize.schedules.foreign.torch import torch_one_cycle
from stepsize.units import updates

SHAPES = {"cos": "cosine", "linear": "linear"}


def restarts(scheduler: Any, group: int, base: float) -> Schedule:
    """Return a CosineAnnealingWarmRestarts."""
    first = scheduler.T_0 * updates
    return cosine_restarts(base, first=first, growth=scheduler.T_mult, floor=scheduler.eta_min)


def cyclic(scheduler: Any, group: int, base: float) -> Schedule:
    """Return a CyclicLR."""
    if scheduler._scale_fn_custom is not None:
        raise ScheduleError("CyclicLR with scale_fn has a custom function; choose one of its modes")
    rise = round(scheduler.total_size * scheduler.step_ratio, 9)  # as it was written, without rounding noise
    times = {"up": rise * updates, "down": round(scheduler.total_size - rise, 9) * updates}
    peak = float(scheduler.max_lrs[group])
    if scheduler.mode == "exp_range":
        return exp_range(peak, factor=scheduler.gamma, floor=base, **times)
    return (triangular if scheduler.mode == "triangular" else triangular2)(peak, floor=base, **times)


def one_cycle(scheduler: Any, group: int, base: float) -> Schedule:
    """Return a OneCycleLR."""
    values, phases = scheduler.optimizer.param_groups[group], scheduler._schedule_phases
    peak, start, end = (float(values[name]) for name in ("max_lr", "initial_lr", "min_lr"))
    total = scheduler.total_steps
    return torch_one_cycle(
        peak,
        pct_start=round((phases[0]["end_step"] + 1) / total, 12),  # as it was written, without rounding noise
        start=None if start == peak / 25 else start,
        end=None if end == start / 10_000 else end,
        shape=SHAPES[scheduler._anneal_func_type],
        three_phase=len(phases) == 3,
        length=total * updates,
    )


def swa(scheduler: Any, group: int, base: float) -> Schedule:
    """Return a SWALR."""
    end = float(scheduler.optimizer.param_groups[group]["swa_lr"])
    return climb(base, end, scheduler.anneal_epochs, SHAPES[scheduler._anneal_strategy])
