"""Schedules: immutable values that turn the updates of a run into learning rates.

Read `base` for what a schedule is; `decay`, `papers`, `staged`, `piecewise`, `cyclic`, `waves`, `custom` and
`driven` for the families; `compose` for `>>`, `*` and `+`, `wrap` for schedules around one, `resumed` for
one that was changed in the middle of a run; `plan` for the numbers of one run, `spec` and `document` for
text and JSON.
"""

from stepsize.schedules.base import FAMILIES, Schedule
from stepsize.schedules.compose import Join, Product, Sum
from stepsize.schedules.custom import custom, noise, register
from stepsize.schedules.cyclic import noam, one_cycle, one_cycle_momentum, slanted_triangular
from stepsize.schedules.decay import (
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    inverse_time,
    linear,
    natural_exponential,
    polynomial,
    power_law,
)
from stepsize.schedules.document import from_json
from stepsize.schedules.driven import on_threshold, plateau, two_way
from stepsize.schedules.papers import chebyshev, hyperbolic, k_decay, linear_cosine, rex, sigmoid, tanh
from stepsize.schedules.piecewise import piecewise_constant, piecewise_interpolated
from stepsize.schedules.plan import Plan
from stepsize.schedules.resumed import resumed
from stepsize.schedules.spec import parse
from stepsize.schedules.staged import flat_cosine, multistep, step_decay, warmup, wsd
from stepsize.schedules.waves import cosine_restarts, exp_range, sawtooth, sine, triangular, triangular2
from stepsize.schedules.wrap import clip, per_epoch, repeat, rescale

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
