"""A scheduler that is stepped once an epoch: its numbers are epochs, and the rate holds within each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from stepsize.dialects.building_blocks import warn_caller
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules import Schedule, parse, per_epoch
from stepsize.schedules.base import parameters
from stepsize.schedules.families.one_cycle import one_cycle_momentum
from stepsize.schedules.families.triangular import exp_range
from stepsize.schedules.foreign.epochs import torch_epochs
from stepsize.schedules.foreign.torch import torch_chained, torch_one_cycle
from stepsize.units import Length

COUNTING = (exp_range, one_cycle_momentum, torch_one_cycle)  # single updates, whatever their lengths are


STEPS = ("update", "epoch")


def by_step(step: str, read: Callable[[], Schedule]) -> Schedule:
    """Return the schedule that `read` returns, for a scheduler that is stepped after each update or epoch."""
    if step not in STEPS:
        raise ScheduleError(unknown("step", str(step), STEPS))
    return by_epochs(read) if step == "epoch" else read()


def by_epochs(read: Callable[[], Schedule]) -> Schedule:
    """Return the schedule that `read` returns with epochs in the place of updates.

    A factor that follows a metric counts epochs already. Lengths of whole updates become lengths in epochs;
    what those would change is read as `torch_epochs`.

    >>> from stepsize.schedules import cosine
    >>> from stepsize.units import updates
    >>> by_epochs(lambda: cosine(0.1, length=15 * updates))
    per_epoch(cosine(0.1, length=15*epochs))
    >>> by_epochs(lambda: cosine(0.1, length=7.5 * updates))
    torch_epochs(cosine(0.1, length=7.5*updates))
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        schedule = read()
    for warning in caught:
        warn_caller(in_epochs(str(warning.message)))
    if schedule.metric_factor is not None:
        return schedule
    if isinstance(schedule, torch_chained):
        raise ScheduleError(
            "a ChainedScheduler whose schedulers change each other's rate cannot be read by epochs; convert "
            "its parts and write first * second"
        )
    if _needs_updates(schedule):
        return torch_epochs(schedule)
    return per_epoch(parse(in_epochs(str(schedule))))


def _needs_updates(value: Any) -> bool:
    """Return whether a schedule, or a part of it, has other values if its lengths are written in epochs.

    >>> from stepsize.schedules import exp_range
    >>> from stepsize.units import updates
    >>> _needs_updates(exp_range(0.1, factor=0.9, up=5 * updates))
    True
    """
    if isinstance(value, Schedule):
        return isinstance(value, COUNTING) or any(map(_needs_updates, parameters(value).values()))
    if isinstance(value, Length):  # epochs are rounded to whole updates
        return not float(value.value).is_integer()  # type: ignore[arg-type]
    return isinstance(value, list | tuple) and any(map(_needs_updates, value))


def in_epochs(text: str) -> str:
    """Return a spec with its lengths in epochs.

    >>> in_epochs("warmup(5*updates) >> constant(0.1)")
    'warmup(5*epochs) >> constant(0.1)'
    """
    return text.replace("*updates", "*epochs")
