"""Which of PyTorch's schedulers can be converted, and the schedule that does what one was meant to do."""

from __future__ import annotations

from typing import Any

from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule, cosine, one_cycle
from stepsize.schedules.foreign.torch import torch_cosine, torch_one_cycle


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
