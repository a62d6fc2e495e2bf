"""timm's schedulers, as schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from stepsize.dialects.building_blocks import JOINED_CYCLES, of_groups, on_plateau, restarts, warn
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules import Schedule, cosine, k_decay, multistep, tanh, warmup
from stepsize.schedules.foreign.timm import (
    Cycling,
    timm_cosine,
    timm_multistep,
    timm_poly,
    timm_step,
    timm_tanh,
    timm_wsd,
)
from stepsize.units import Length, epochs, updates


def from_timm(scheduler: Any, *, group: int | None = None) -> Schedule:
    """Return a scheduler of timm as a schedule with the same value at every update.

    The rates are those of a loop that builds the scheduler and calls step(t) after epoch t - 1, or
    step_update(t) after update t - 1; its lengths then are epochs or updates, depending on t_in_epochs. Each
    parameter group has its rate times its lr_scale. They must agree, or `group` chooses one.

    Surprises are reproduced, with a warning: a schedule that runs underneath its warmup, drops a tick before
    the milestone, and missed restarts. Refused: noise, which PyTorch's generator draws, a custom decay_fn,
    and PlateauLRScheduler with a warmup, during which it ignores the metric.

    Raises: ScheduleError for what cannot be read.

    Source: timm/scheduler of timm 1.0.31.
    """
    name, module = type(scheduler).__name__, type(scheduler).__module__
    if name not in READERS or not module.startswith("timm."):
        raise ScheduleError(unknown("scheduler", name, sorted(READERS)))
    if scheduler.noise_range_t is not None:
        raise ScheduleError("noise_range_t: the noise is drawn by PyTorch; build the scheduler without it")
    return of_groups(lambda index: READERS[name](scheduler, index), len(scheduler.base_values), group)


def _shared(scheduler: Any, group: int) -> dict[str, Any]:
    """Return the arguments that all families of timm have."""
    warmup = scheduler.warmup_t * _tick(scheduler) if scheduler.warmup_t else None
    return {
        "peak": float(scheduler.base_values[group]),
        "warmup_t": warmup,
        "warmup_lr_init": scheduler.warmup_lr_init if warmup else 0.0,
        "warmup_prefix": bool(warmup and getattr(scheduler, "warmup_prefix", True)),
    }


def _tick(scheduler: Any) -> Length:
    return epochs if scheduler.t_in_epochs else updates


def _scaled(scheduler: Any, group: int, schedule: Schedule) -> Schedule:
    return schedule * scheduler.optimizer.param_groups[group].get("lr_scale", 1.0)


def _cycling(family: type[Cycling], *names: str) -> Callable[[Any, int], Schedule]:
    """Return the reader of a scheduler with cycles and more parameters of these names."""

    def read(scheduler: Any, group: int) -> Schedule:
        if scheduler.cycle_mul < 1:
            raise ScheduleError(f"cycle_mul={scheduler.cycle_mul} fails in timm; write at least 1")
        more = {name: getattr(scheduler, name) for name in (*CYCLES, *names)}
        shared = _shared(scheduler, group)
        ours = family(t_initial=scheduler.t_initial * _tick(scheduler), **shared, **more)
        if ours.warmup_t and not ours.warmup_prefix and family is not timm_tanh:
            warn(
                "timm climbs to the peak and drops to the schedule underneath",
                replace(ours, warmup_prefix=True),
            )
        if (missed := _missed(ours)) is not None:
            warn(f"timm misses the restart at tick {missed:.0f} and has the minimum there", _restarting(ours))
        return _scaled(scheduler, group, ours)

    return read


def _missed(ours: Cycling) -> float | None:
    """Return the first tick that should begin a cycle and does not."""
    if ours.cycle_mul == 1:
        return None
    starts = restarts(ours.t_initial.value, ours.cycle_mul)[: ours.cycle_limit - 1]
    starts = starts[starts == np.round(starts)]  # a start between two ticks cannot be missed
    plain = replace(ours, peak=1.0, lr_min=0.0, cycle_decay=1.0)
    values = plain.after_warmup(np.array([0.0, *starts]))
    climbs = ours.warmup_t.value if ours.warmup_t else 0.0
    ticks = starts + climbs if ours.warmup_prefix else starts
    missed = ticks[~np.isclose(values[1:], values[0]) & (ticks >= climbs)]
    return float(missed[0]) if missed.size else None


def _restarting(ours: Cycling) -> Schedule | str:
    """Return our schedule that misses none of the restarts."""
    more: dict[str, Any] = {"floor": ours.lr_min, "length": ours.t_initial}
    try:
        if isinstance(ours, timm_tanh):
            once: Schedule = tanh(ours.peak, lower=ours.lb, upper=ours.ub, **more)
        elif isinstance(ours, timm_poly):
            once = k_decay(ours.peak, k=ours.k_decay, power=ours.power, shape="linear", **more)
        elif isinstance(ours, timm_cosine) and ours.k_decay != 1:
            once = k_decay(ours.peak, k=ours.k_decay, **more)
        else:
            once = cosine(ours.peak, **more)
        cycles = once.repeat(times=ours.cycle_limit, growth=ours.cycle_mul, factor=ours.cycle_decay)
    except ScheduleError:  # cycles that rise
        return JOINED_CYCLES
    return warmup(ours.warmup_t, start=ours.warmup_lr_init) >> cycles if ours.warmup_t else cycles


def _step(scheduler: Any, group: int) -> Schedule:
    every = scheduler.decay_t * _tick(scheduler)
    ours = timm_step(decay_t=every, decay_rate=scheduler.decay_rate, **_shared(scheduler, group))
    return _scaled(scheduler, group, ours)


def _multistep(scheduler: Any, group: int) -> Schedule:
    at = [item * _tick(scheduler) for item in scheduler.decay_t]
    shared = _shared(scheduler, group)
    ours = timm_multistep(decay_t=at, decay_rate=scheduler.decay_rate, **shared)
    if 0 < ours.decay_rate <= 1:
        warn(
            "timm drops one tick before each milestone",
            multistep(ours.peak, factor=ours.decay_rate, at=list(ours.decay_t)),
        )
    return _scaled(scheduler, group, ours)


def _wsd(scheduler: Any, group: int) -> Schedule:
    if callable(scheduler.decay_fn):
        raise ScheduleError("decay_fn is a custom function; choose one of timm's names, such as 1-sqrt")
    tick, scale = _tick(scheduler), scheduler.stable_timescale
    names = ("lr_min", "stable_fn", "stable_power", "decay_fn", "decay_power", "decay_ratio")
    ours = timm_wsd(
        t_initial=scheduler.t_initial * tick,
        decay_t=scheduler.decay_t * tick,
        stable_timescale=None if scale is None else scale * tick,
        **{name: getattr(scheduler, name) for name in names},
        **_shared(scheduler, group),
    )
    return _scaled(scheduler, group, ours)


def _plateau(scheduler: Any, group: int) -> Schedule:
    if scheduler.warmup_t:
        raise ScheduleError("PlateauLRScheduler with warmup_t skips metrics; build it with warmup_t=0")
    rule, values = scheduler.lr_scheduler, scheduler.optimizer.param_groups[group]
    return on_plateau(
        float(scheduler.base_values[group]) * values.get("lr_scale", 1.0),  # the present rate may be cut
        rule.mode,
        rule.factor,
        rule.patience,
        rule.threshold,
        rule.threshold_mode,
        rule.cooldown,
        rule.min_lrs[group],
        rule.eps,
    )


CYCLES = ("lr_min", "cycle_mul", "cycle_decay", "cycle_limit")
READERS: dict[str, Callable[[Any, int], Schedule]] = {
    "CosineLRScheduler": _cycling(timm_cosine, "k_decay"),
    "MultiStepLRScheduler": _multistep,
    "PlateauLRScheduler": _plateau,
    "PolyLRScheduler": _cycling(timm_poly, "power", "k_decay"),
    "StepLRScheduler": _step,
    "TanhLRScheduler": _cycling(timm_tanh, "lb", "ub"),
    "WSDLRScheduler": _wsd,
}
