"""A scheduler that is stepped once an epoch: its numbers are epochs, and the rate holds within each."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from stepsize.dialects.building_blocks import warn_caller
from stepsize.errors import ScheduleError
from stepsize.schedules import Schedule, parse, per_epoch
from stepsize.schedules.foreign.torch import torch_chained


def by_epochs(read: Callable[[], Schedule]) -> Schedule:
    """Return the schedule that `read` returns with epochs in the place of updates.

    A factor that follows a metric counts epochs already.

    >>> from stepsize.schedules import cosine
    >>> from stepsize.units import updates
    >>> by_epochs(lambda: cosine(0.1, length=15 * updates))
    per_epoch(cosine(0.1, length=15*epochs))
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
    return per_epoch(parse(in_epochs(str(schedule))))


def in_epochs(text: str) -> str:
    """Return a spec with its lengths in epochs.

    >>> in_epochs("warmup(5*updates) >> constant(0.1)")
    'warmup(5*epochs) >> constant(0.1)'
    """
    return text.replace("*updates", "*epochs")
