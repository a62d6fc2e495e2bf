"""Schedules: immutable values that turn the updates of a run into learning rates.

Read `base` for what a schedule is, `decay`, `staged`, `cyclic` and `metric` for the families, `compose` for
`>>` and `*`, `plan` for the numbers of one run, `spec` and `document` for text and JSON.
"""

from stepsize.schedules.base import FAMILIES, Schedule
from stepsize.schedules.compose import Join, Product
from stepsize.schedules.cyclic import one_cycle
from stepsize.schedules.decay import (
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    inverse_time,
    linear,
    polynomial,
)
from stepsize.schedules.document import from_json
from stepsize.schedules.metric import plateau
from stepsize.schedules.plan import Plan
from stepsize.schedules.spec import parse
from stepsize.schedules.staged import multistep, step_decay, warmup, wsd

__all__ = [
    "FAMILIES",
    "Join",
    "Plan",
    "Product",
    "Schedule",
    "constant",
    "cosine",
    "exponential",
    "from_json",
    "inverse_sqrt",
    "inverse_time",
    "linear",
    "multistep",
    "one_cycle",
    "parse",
    "plateau",
    "polynomial",
    "step_decay",
    "warmup",
    "wsd",
]
