"""A curve drawn by hand becomes the nearest schedule: families are fitted to it, the simplest ones first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ScheduleError, StepsizeError, require
from stepsize.live_page.handles import rounded
from stepsize.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    linear,
    one_cycle,
    step_decay,
    warmup,
    wsd,
)
from stepsize.units import Length, run

SAMPLES = 60  # of a stroke
FEWEST = 4  # points of a stroke
WORTH = 0.8  # another parameter must bring the error down to this share
NOTHING = 0.02  # of the peak, or of the run: less was not meant
REACH, EVALUATIONS = 0.15, 200  # of a fit: its first steps, and how many there are


class Form(NamedTuple):
    """A family to fit; its parameters after the peak are shares of the peak or of the run."""

    start: tuple[float, ...]
    make: Callable[..., Schedule]


def _low(peak: float, share: float) -> float:
    return 0.0 if share < NOTHING else rounded(share * peak)


def _part(share: float) -> Length:
    return max(round(share, 2), 0.01) * run


def _warm(share: float, schedule: Schedule) -> Schedule:
    return schedule if share < NOTHING else warmup(_part(share)) >> schedule


def _steps(peak: float, factor: float, every: float) -> Schedule:
    return step_decay(peak, factor=max(round(factor, 2), 0.01), every=_part(every))


FORMS = (
    Form((), constant),
    Form((0.05,), lambda peak, low: linear(peak, floor=_low(peak, low))),
    Form((0.05,), lambda peak, low: cosine(peak, floor=_low(peak, low))),
    Form((0.05,), lambda peak, low: exponential(peak, floor=rounded(max(low, 1e-4) * peak))),
    Form((0.2,), lambda peak, rise: _warm(rise, constant(peak))),
    Form((0.3,), lambda peak, rise: one_cycle(peak, warmup=_part(rise))),
    *(Form((0.5, every), _steps) for every in (0.1, 0.2, 0.3, 0.45)),
    Form((0.3, 0.05), lambda peak, fall, low: wsd(peak, decay=_part(fall), floor=_low(peak, low))),
    Form((0.2, 0.05), lambda peak, rise, low: _warm(rise, linear(peak, floor=_low(peak, low)))),
    Form((0.2, 0.05), lambda peak, rise, low: _warm(rise, cosine(peak, floor=_low(peak, low)))),
    Form(
        (0.2, 0.3, 0.05),
        lambda peak, rise, fall, low: _warm(rise, wsd(peak, decay=_part(fall), floor=_low(peak, low))),
    ),
)


def nearest(points: Sequence[Any], epochs: float) -> Schedule:
    """Return the schedule nearest to a stroke, a list of pairs of epoch and rate.

    Before its first point and after its last one, the stroke goes on as it began and ended. A family with
    more parameters is taken only if it lies clearly nearer to the stroke.

    Raises: ScheduleError for a stroke with too few points, or without a rate above 0.

    >>> str(nearest([(0, 0.1), (10, 0.08), (20, 0.06), (30, 0.04), (40, 0.02), (50, 0.0)], epochs=50))
    'linear(0.1)'
    """
    require("train", "scipy")
    from scipy.optimize import minimize

    rates = _sampled(points, epochs)
    top = float(rates.max())
    schedule, error, size = constant(rounded(top)), np.inf, 0
    for form in FORMS:

        def distance(x: np.ndarray, form: Form = form) -> float:
            candidate = _made(form, x, top)
            return np.inf if candidate is None else _distance(candidate, rates, top)

        start = np.array([1.0, *form.start])
        simplex = start + np.vstack([np.zeros(len(start)), REACH * np.eye(len(start))])
        options = {"maxfev": EVALUATIONS, "xatol": 0.003, "fatol": 1e-4, "initial_simplex": simplex}
        best = minimize(distance, start, method="Nelder-Mead", options=options).x
        candidate = _made(form, best, top)
        if candidate is None:
            continue
        reached = _distance(candidate, rates, top)
        if reached < error * WORTH ** max(0, len(form.start) - size):
            schedule, error, size = candidate, reached, len(form.start)
    return schedule


def _made(form: Form, x: np.ndarray, top: float) -> Schedule | None:
    """Return the schedule of parameters, the first of which is its peak by `top`; None if there is none."""
    if not 0.05 <= x[0] <= 3 or not all(0 <= share <= 1 for share in x[1:]):
        return None
    try:
        schedule = form.make(rounded(x[0] * top), *x[1:].tolist())
        schedule.plan(updates=SAMPLES)
    except StepsizeError:
        return None
    return schedule


def _distance(schedule: Schedule, rates: np.ndarray, top: float) -> float:
    values = schedule.plan(updates=SAMPLES).values
    return float(np.sqrt(np.mean((values - rates) ** 2))) / top


def _sampled(points: Sequence[Any], epochs: float) -> np.ndarray:
    """Return the rates of a stroke at regular times of the run."""
    try:
        stroke = np.array([(float(epoch), float(rate)) for epoch, rate in points])
    except (TypeError, ValueError):
        raise ScheduleError("a stroke is a list of pairs of epoch and rate") from None
    if len(stroke) < FEWEST or not np.isfinite(stroke).all() or stroke[:, 1].max() <= 0:
        raise ScheduleError("the stroke has too few points above 0; draw it from the left to the right")
    stroke = stroke[np.argsort(stroke[:, 0], kind="stable")]
    times = np.linspace(0, epochs, SAMPLES, endpoint=False)
    return np.interp(times, stroke[:, 0], np.maximum(stroke[:, 1], 0))
