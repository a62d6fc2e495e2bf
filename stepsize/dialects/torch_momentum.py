"""The momentum that PyTorch's cycles drive beside the rate, as a schedule."""

from __future__ import annotations

from typing import Any, Literal

from stepsize.dialects.building_blocks import of_groups, warn_caller
from stepsize.dialects.epochs import by_step
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule, constant
from stepsize.schedules.families.one_cycle import one_cycle_momentum
from stepsize.schedules.families.triangular import exp_range, triangular, triangular2
from stepsize.schedules.foreign.torch import torch_momentum
from stepsize.units import updates


def momentum_from_torch(
    scheduler: Any, *, group: int | None = None, step: Literal["update", "epoch"] = "update"
) -> Schedule:
    """Return the momentum of a OneCycleLR or CyclicLR of PyTorch, with the same value at every update.

    `TorchScheduler(optimizer, plan, momentum=...)` follows its plan beside that of the rate. Parameter groups
    must agree, or `group` chooses one. `step="epoch"` is for a loop that calls `scheduler.step()` once an
    epoch, as in `from_torch`.

    Raises: ScheduleError for a scheduler that does not cycle the momentum.

    Source: torch/optim/lr_scheduler.py of PyTorch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 0.5, step_size_up=2)
    >>> momentum_from_torch(scheduler).plan(updates=5).values.round(2)
    array([0.9 , 0.85, 0.8 , 0.85, 0.9 ])
    """
    reader = READERS.get(type(scheduler).__name__)
    if reader is None or not getattr(scheduler, "cycle_momentum", False):
        raise ScheduleError(
            f"this {type(scheduler).__name__} does not cycle the momentum; pass a OneCycleLR or a CyclicLR "
            "with cycle_momentum=True"
        )

    def read() -> Schedule:
        return of_groups(lambda index: reader(scheduler, index), len(scheduler.optimizer.param_groups), group)

    return by_step(step, read)


def warn_of_momentum(scheduler: Any, step: str) -> None:
    """Warn that a scheduler drives the momentum too, which is not part of the schedule of its rate."""
    for child in (scheduler, *getattr(scheduler, "_schedulers", ())):
        if getattr(child, "cycle_momentum", False):
            more = "" if step == "update" else f", step={step!r}"
            what = "betas[0]" if getattr(child, "use_beta1", False) else "the momentum"
            warn_caller(
                f"{type(child).__name__} also cycles {what}, which is not part of this schedule; "
                f"momentum_from_torch(scheduler{more}) reads it, and Candidate(schedule, momentum=...) and "
                "TorchScheduler(optimizer, plan, momentum=...) take it; cycle_momentum=False leaves it alone"
            )


def _one_cycle(scheduler: Any, group: int) -> Schedule:
    values, phases = scheduler.optimizer.param_groups[group], scheduler._schedule_phases
    rise = round(phases[0]["end_step"], 12) * updates  # as it was written, without rounding noise
    return one_cycle_momentum(
        float(values["max_momentum"]),
        low=float(values["base_momentum"]),
        warmup=rise,
        down=rise if len(phases) == 3 else None,
        shape="linear" if scheduler._anneal_func_type == "linear" else "cosine",
        closed=True,
        length=scheduler.total_steps * updates,
    )


def _cyclic(scheduler: Any, group: int) -> Schedule:
    if scheduler._scale_fn_custom is not None:
        raise ScheduleError("CyclicLR with scale_fn has a custom function; choose one of its modes")
    high, low = float(scheduler.max_momentums[group]), float(scheduler.base_momentums[group])
    if high == low:
        return constant(high)
    rise = round(scheduler.total_size * scheduler.step_ratio, 9)  # as it was written, without rounding noise
    times = {"up": rise * updates, "down": round(scheduler.total_size - rise, 9) * updates}
    if scheduler.mode == "exp_range":
        return torch_momentum(exp_range(high - low, factor=scheduler.gamma, **times), high=high)
    family = triangular if scheduler.mode == "triangular" else triangular2
    return torch_momentum(family(high - low, **times), high=high)


READERS = {"CyclicLR": _cyclic, "OneCycleLR": _one_cycle}
