"""Which of PyTorch's schedulers can be converted, and the schedule that does what one was meant to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from stepsize.dialects.building_blocks import values_at
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule, cosine, one_cycle
from stepsize.schedules.foreign.torch import OVERWRITING, torch_chained, torch_cosine, torch_one_cycle


def clean(schedule: Schedule) -> Schedule:
    """Return our schedule that does what a scheduler of PyTorch was meant to do."""
    if isinstance(schedule, torch_cosine):
        return cosine(schedule.peak, floor=min(schedule.eta_min, schedule.peak), length=schedule.t_max)
    if isinstance(schedule, torch_one_cycle) and schedule.length is not None:
        return one_cycle(
            schedule.peak,
            warmup=schedule.pct_start * schedule.length,
            start=schedule.start,
            floor=schedule.end,
            shape=schedule.shape,
            length=schedule.length,
        )
    return schedule


def single(child: Any) -> Any:
    if hasattr(child, "_schedulers"):
        raise ScheduleError(
            f"{type(child).__name__} inside a combination cannot be converted, because PyTorch "
            "steps some of them at other updates; convert its parts and write "
            "first >> second, or first * second"
        )
    return child


def updates_of(scheduler: Any) -> int:
    """Return how often a scheduler was stepped; a ChainedScheduler does not count, its parts do."""
    if not hasattr(scheduler, "last_epoch") and hasattr(scheduler, "_schedulers"):
        return updates_of(scheduler._schedulers[0])
    return getattr(scheduler, "last_epoch", 0)


def first_base(sequence: Any, group: int) -> float:
    """Return the rate that a SequentialLR begins from, which is the optimizer's initial_lr.

    Raises: ScheduleError if that is not the rate that its first scheduler was built on, and a OneCycleLR has
    not changed it; or if that scheduler is a cosine, which comes back to the rate that it was built on.
    """
    first = sequence._schedulers[0]
    begins, built = float(sequence.optimizer.param_groups[group]["initial_lr"]), float(first.base_lrs[group])
    if begins == built:
        return begins
    if not any(type(child).__name__ == "OneCycleLR" for child in sequence._schedulers):
        raise ScheduleError(
            f"the optimizer of this SequentialLR has initial_lr={begins:g}, and its {type(first).__name__} "
            f"was built on {built:g}; load the state of the optimizer too, or build both anew"
        )
    ends = [*sequence._milestones, math.inf][0]
    if type(first).__name__ == "CosineAnnealingLR" and first.T_max < ends:
        raise ScheduleError(
            f"this CosineAnnealingLR begins at {begins:g}, which a OneCycleLR has set, and rises again to "
            f"the {built:g} that it was built on; build the OneCycleLR first, or end the cosine at T_max"
        )
    return begins


def require_known_start(chain: Any, group: int, factors: Sequence[float], schedule: torch_chained) -> None:
    """Raise ScheduleError for a ChainedScheduler in mid-run if nothing shows the rate that it began with.

    It is known if one scheduler alone overwrites the rate, the others begin with the factor 1, and it begins
    at the optimizer's initial_lr; otherwise it depends on the order in which they were built.
    """
    overwriting = sum(isinstance(stage, OVERWRITING) for stage in schedule.stages)
    initial = float(chain.optimizer.param_groups[group]["initial_lr"])
    begins = float(values_at(schedule, np.zeros(1))[0])
    scales = any(factor != 1 for factor in factors)
    if overwriting and (overwriting > 1 or scales or not math.isclose(begins, initial, rel_tol=1e-9)):
        names = ", ".join(type(child).__name__ for child in chain._schedulers)
        raise ScheduleError(
            f"this ChainedScheduler of {names} was stepped, and the rate of update 0 depends on the order in "
            "which they were built, which is not kept; read it before its first step()"
        )


def require_uncut(plateau: Any, group: int) -> None:
    """Raise ScheduleError for a ReduceLROnPlateau that may have cut the rate: it does not keep the first one.

    It cannot have done so in its first `patience` observations.
    """
    rate, first = (
        float(plateau.optimizer.param_groups[group]["lr"]),
        float(plateau.optimizer.defaults["lr"]),
    )
    if plateau.last_epoch > plateau.patience and (rate != first or rate != float(plateau._last_lr[group])):
        raise ScheduleError(
            f"this ReduceLROnPlateau has observed {plateau.last_epoch} metrics and may have cut the rate, "
            f"which is now {rate:g}; it does not keep the one it began with: read it before its first step()"
        )


def require_own_start(combination: Any, child: Any, refused: tuple[str, ...]) -> None:
    """Raise ScheduleError for a scheduler that goes on from the rate before it, or discards it."""
    if type(child).__name__ in refused:
        does = "starts from" if type(child).__name__ == "SWALR" else "discards"
        raise ScheduleError(
            f"{type(child).__name__} in a {type(combination).__name__} {does} the rate that the schedulers "
            "before it left, and cannot be converted; convert the parts and write first >> second, or "
            "first * second"
        )


def require_whole(scheduler: Any) -> None:
    """Raise ScheduleError for a time between two updates, which PyTorch's comparisons never find."""
    times = {
        name: getattr(scheduler, name) for name in ("step_size", "total_iters") if hasattr(scheduler, name)
    }
    milestones = getattr(scheduler, "milestones", getattr(scheduler, "_milestones", ()))
    for name, time in [*times.items(), *(("milestones", time) for time in milestones)]:
        if time % 1:
            raise ScheduleError(
                f"{type(scheduler).__name__} never reaches the time {time} of its {name}, because it counts "
                f"whole updates; write {name} in whole numbers"
            )
