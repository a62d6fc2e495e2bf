"""Studies of the functions in `tests.support.training_functions`."""

from __future__ import annotations

import stepsize as ss
from stepsize.study.user_functions.training import Training

SCHEDULES = ["constant(0.1)", "linear(0.1)", ss.constant(0.4) * ss.plateau(factor=0.5, patience=0)]


def training(name, **changes):
    """Make a problem of a function in `tests.support.training_functions`."""
    return Training(
        f"tests.support.training_functions:{name}", **{"epochs": 4, "updates_per_epoch": 2, **changes}
    )


def compare(name, schedules=SCHEDULES, seeds=7, store=":memory:", **changes):
    """Compare schedules for a function in `tests.support.training_functions`."""
    return ss.compare(training(name, **changes), schedules, seeds=seeds, store=store, quiet=True)
