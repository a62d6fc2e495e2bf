"""Schedules: immutable values that turn the updates of a run into learning rates.

Read `base` for what a schedule is, `family` for what a family is, and `families` for all of them; `operators`
for `>>`, `*` and `+`, `wrappers` for schedules around a schedule, `resumed` for one that was changed in the
middle of a run; `plan` for the numbers of one run and `phases` for its parts. `text_form` writes a schedule
as text, its spec, and `parser` reads it back; `json_form` does both for JSON. `code_text` writes the Python
code that `stepsize.export` makes of a schedule.
"""

from stepsize.schedules.base import Schedule
from stepsize.schedules.families.chebyshev import chebyshev
from stepsize.schedules.families.custom import custom, noise, register
from stepsize.schedules.families.cyclic import cosine_restarts, sawtooth, sine
from stepsize.schedules.families.decay import constant, cosine, linear, polynomial
from stepsize.schedules.families.metric_driven import on_threshold, plateau, two_way
from stepsize.schedules.families.one_cycle import noam, one_cycle, one_cycle_momentum, slanted_triangular
from stepsize.schedules.families.papers import (
    hyperbolic,
    k_decay,
    linear_cosine,
    rex,
    sigmoid,
    tanh,
)
from stepsize.schedules.families.piecewise import piecewise_constant, piecewise_interpolated
from stepsize.schedules.families.time_decay import (
    exponential,
    inverse_sqrt,
    inverse_time,
    natural_exponential,
    power_law,
)
from stepsize.schedules.families.triangular import exp_range, triangular, triangular2
from stepsize.schedules.families.warmup_stable_decay import flat_cosine, multistep, step_decay, warmup, wsd
from stepsize.schedules.json_form import from_json
from stepsize.schedules.operators import Join, Product, Sum
from stepsize.schedules.parser import parse
from stepsize.schedules.plan import Plan
from stepsize.schedules.registry import FAMILIES
from stepsize.schedules.resumed import resumed
from stepsize.schedules.wrappers import clip, per_epoch, repeat, rescale

__all__ = [
    "FAMILIES",
    "Join",
    "Plan",
    "Product",
    "Schedule",
    "Sum",
    "chebyshev",
    "clip",
    "constant",
    "cosine",
    "cosine_restarts",
    "custom",
    "exp_range",
    "exponential",
    "flat_cosine",
    "from_json",
    "hyperbolic",
    "inverse_sqrt",
    "inverse_time",
    "k_decay",
    "linear",
    "linear_cosine",
    "multistep",
    "natural_exponential",
    "noam",
    "noise",
    "on_threshold",
    "one_cycle",
    "one_cycle_momentum",
    "parse",
    "per_epoch",
    "piecewise_constant",
    "piecewise_interpolated",
    "plateau",
    "polynomial",
    "power_law",
    "register",
    "repeat",
    "rescale",
    "resumed",
    "rex",
    "sawtooth",
    "sigmoid",
    "sine",
    "slanted_triangular",
    "step_decay",
    "tanh",
    "triangular",
    "triangular2",
    "two_way",
    "warmup",
    "wsd",
]
