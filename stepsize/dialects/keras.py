"""Keras' learning-rate schedules, as schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from stepsize.checks import is_number
from stepsize.dialects.building_blocks import JOINED_CYCLES, after_warmup, restarts, warn
from stepsize.errors import ScheduleError, unknown
from stepsize.metric_directions import direction
from stepsize.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    inverse_time,
    linear,
    piecewise_constant,
    plateau,
    polynomial,
)
from stepsize.schedules.families.cyclic import cosine_restarts
from stepsize.schedules.foreign.keras import cycle_in_float32, keras_polynomial, keras_restarts
from stepsize.schedules.foreign.shared import geometric, power_curve
from stepsize.units import updates


def from_keras(schedule: Any, *, peak: Any = None) -> Schedule:
    """Return a Keras schedule as a schedule with the same value at every update.

    `schedule` is a LearningRateSchedule, an optimizer that has one, or a plain rate. Keras counts batches:
    with gradient_accumulation_steps=k there are k of them for each update of the weights.

    It may be a ReduceLROnPlateau callback too. It has no rate of its own, so the result is a factor to
    multiply a schedule by, or, with the optimizer's rate as `peak`, the whole schedule; its min_lr is a rate
    and needs the peak. The metric is its monitor.

    Keras computes in float32, this in float64, so values agree to float32 rounding. The updates at which
    CosineDecayRestarts starts again depend there on a float32 logarithm; NumPy's is used here, and other
    backends' may differ in its last bit. Defects of Keras are reproduced, with a warning, except one: a
    callback whose first metric is NaN keeps it as the best, which nothing beats; here it is beaten.

    Raises: ScheduleError for what cannot be read, such as a custom subclass.

    Source: learning_rate_schedule.py and reduce_lr_on_plateau.py of Keras 3.15; tf_keras has the same rules.

    >>> from_keras(0.1)
    constant(0.1)
    """
    schedule = getattr(schedule, "_learning_rate", schedule)  # an optimizer
    name, module = type(schedule).__name__, type(schedule).__module__
    if name == CALLBACK and "keras" in module:
        return _plateau(schedule, peak)
    if peak is not None:
        raise ScheduleError(f"peak={peak}: only {CALLBACK} has no rate of its own; leave it out")
    if name in READERS and "keras" in module:
        config = schedule.get_config()
        return READERS[name](**{key: _plain(value) for key, value in config.items() if key != "name"})
    if is_number(schedule) or (hasattr(schedule, "shape") and tuple(schedule.shape) == ()):
        return constant(float(schedule))
    raise ScheduleError(unknown("schedule", name, sorted([*READERS, CALLBACK])))


def _plain(value: Any) -> Any:
    """Return numbers of NumPy and of the backend as Python's."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else float(value)


def _exponential(
    initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool
) -> Schedule:
    family = exponential if 0 < decay_rate <= 1 else geometric
    every = decay_steps * updates
    return family(initial_learning_rate, factor=decay_rate, every=every, staircase=staircase)


def _inverse_time(
    initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool
) -> Schedule:
    every = decay_steps * updates
    return inverse_time(initial_learning_rate, rate=decay_rate, every=every, staircase=staircase)


def _piecewise(boundaries: list[float], values: list[float]) -> Schedule:
    """The value changes one update after its boundary, a fraction of which is cut off."""
    return piecewise_constant(values, at=[(int(boundary) + 1) * updates for boundary in boundaries])


def _polynomial(
    initial_learning_rate: float, decay_steps: float, end_learning_rate: float, power: float, cycle: bool
) -> Schedule:
    start, end, length = initial_learning_rate, end_learning_rate, decay_steps * updates
    falls = power_curve(start, end=end, power=power, length=length)
    if start >= end:
        falls = polynomial(start, power=power, floor=end, length=length)
        falls = linear(start, floor=end, length=length) if power == 1 else falls
    if not cycle:
        return falls
    warn("PolynomialDecay with cycle=True never comes back to its start", falls.repeat())
    return keras_polynomial(start, end=end, power=power, decay_steps=length)


def _cosine(
    initial_learning_rate: float,
    decay_steps: float,
    alpha: float,
    warmup_target: float | None,
    warmup_steps: float,
) -> Schedule:
    peak = initial_learning_rate if warmup_target is None else warmup_target
    falls = cosine(peak, floor=alpha * peak, length=decay_steps * updates)
    return falls if warmup_target is None else after_warmup(warmup_steps, initial_learning_rate, falls)


def _restarts(
    initial_learning_rate: float, first_decay_steps: float, t_mul: float, m_mul: float, alpha: float
) -> Schedule:
    peak, first = initial_learning_rate, first_decay_steps * updates
    clean: Schedule | str = JOINED_CYCLES
    if t_mul >= 1 and 0 < m_mul <= 1 and alpha <= 1:
        clean = cosine_restarts(peak, first=first, growth=t_mul, factor=m_mul, floor=alpha * peak)
        if t_mul == 1:
            return clean
    if t_mul > 1:
        starts = np.ceil(restarts(first_decay_steps, t_mul))
        cycle = cycle_in_float32(starts / first_decay_steps, t_mul)
        missed = starts[cycle < np.arange(1, len(starts) + 1)]
        if missed.size:
            warn(f"CosineDecayRestarts misses the restart at update {missed[0]:.0f}", clean)
    return keras_restarts(peak, first_decay_steps=first, t_mul=t_mul, m_mul=m_mul, alpha=alpha)


def _plateau(callback: Any, peak: Any) -> Schedule:
    """Keras fires at its patience, one check before ours, and its first check after a cut always counts."""
    least = max(callback.min_lr, 0)
    if least > 0 and not is_number(peak):
        raise ScheduleError(
            f"min_lr={least} is a rate, and the callback has no other to compare it with; "
            "write from_keras(callback, peak=0.1) with the learning_rate of the optimizer"
        )
    if is_number(peak) and np.float32(peak) <= np.float32(least):
        return constant(peak)  # there is nothing to cut
    metric, mode = callback.monitor, callback.mode
    if callback.monitor_op is not None:  # what "auto" resolved to
        mode = "min" if callback.monitor_op(0.0, math.inf) else "max"
    factor = plateau(
        factor=callback.factor,
        patience=max(callback.patience, 1) - 1,
        cooldown=max(callback.cooldown - 1, 0),
        threshold=abs(callback.min_delta),  # its sign is the direction
        relative=False,
        floor=least / peak if least else 0,
        metric=metric,
        mode=None if mode in ("auto", direction(metric)) else mode,
    )
    whole = factor if peak is None else constant(peak) * factor
    if callback.cooldown > 0:
        full = factor.with_fields(cooldown=callback.cooldown)
        warn(
            f"ReduceLROnPlateau with cooldown={callback.cooldown} ignores one check fewer",
            full if peak is None else constant(peak) * full,
        )
    return whole


CALLBACK = "ReduceLROnPlateau"
READERS: dict[str, Callable[..., Schedule]] = {
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _restarts,
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "PiecewiseConstantDecay": _piecewise,
    "PolynomialDecay": _polynomial,
}
