"""The curves of phases: how much of a phase is done, and the value between its two ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import ScheduleError

Array = NDArray[np.float64]

# The share of the way done at progress u: 0 at u=0, 1 at u=1, never falling.
WEIGHTS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda u: u,
    "cosine": lambda u: (1 - np.cos(np.pi * u)) / 2,
    "1-sqrt": np.sqrt,
    "square": np.square,
    "mirror-cosine": lambda u: 2 * u - (1 - np.cos(np.pi * u)) / 2,  # as far from "linear" as the cosine
}


def progress(t: Array, length: float, closed: bool = False) -> Array:
    """Return the fraction of a phase of `length` updates that is done at `t`, within [0, 1].

    It is t / length, so the end is reached one update after the phase; `closed` reaches it on the last
    update, at t = length - 1. An empty phase stays at its beginning.

    >>> progress(np.array([0.0, 2.0, 4.0, 9.0]), 4), progress(np.array([0.0, 3.0]), 4, closed=True)
    (array([0. , 0.5, 1. , 1. ]), array([0., 1.]))
    """
    if closed:
        if length < 2:
            raise ScheduleError(
                f"closed=True needs a phase of at least 2 updates, and this one has {length:g}; leave it out"
            )
        length = length - 1
    return np.clip(t / length, 0.0, 1.0) if length > 0 else np.zeros_like(t)


def between(start: float, end: float, weight: Array) -> Array:
    """Return start + (end - start) * weight, exact at both ends and never outside them."""
    return np.clip(start * (1 - weight) + end * weight, min(start, end), max(start, end))


def powers(base: float, counts: Array) -> Array:
    """Return base^counts for whole numbers; each power is computed once, because few of them differ.

    >>> powers(0.5, np.array([2.0, 2.0, 3.0]))
    array([0.25 , 0.25 , 0.125])
    """
    if base == 1 or not counts.size:
        return np.ones_like(counts)
    first = counts.min()
    return decaying(base, np.arange(first, counts.max() + 1))[(counts - first).astype(np.int64)]


def decaying(base: float, exponents: Array) -> Array:
    """Return base^exponents for a base of at most 1, and 0 below the smallest normal number.

    Computing such tiny powers would cost ten times as much as all the others.

    >>> decaying(0.5, np.array([0.0, 1.0, 2000.0]))
    array([1. , 0.5, 0. ])
    """
    if not 0 < base < 1:
        return base**exponents
    last = np.log(np.finfo(np.float64).tiny) / np.log(base)
    if exponents.max(initial=0) <= last:
        return base**exponents
    return np.power(base, exponents, where=exponents <= last, out=np.zeros_like(exponents))


def shaped(shape: str, start: float, end: float, u: Array) -> Array:
    """Return the value on the way from `start` to `end` at progress `u`, by `WEIGHTS` or geometrically.

    >>> shaped("exponential", 1.0, 0.01, np.array([0.0, 0.5, 1.0]))
    array([1.  , 0.1 , 0.01])
    """
    if shape != "exponential":
        return between(start, end, WEIGHTS[shape](u))
    return np.clip(start ** (1 - u) * end**u, min(start, end), max(start, end))
