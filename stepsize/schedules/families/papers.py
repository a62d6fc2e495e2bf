"""Decays that come from one paper or one library each."""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Annotated

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import WEIGHTS, Array, between, progress, shaped
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import (
    Flag,
    Level,
    LevelOrZero,
    NonNegative,
    OptionalPeriod,
    Period,
    Positive,
    Signed,
    Span,
    one_of,
)
from stepsize.units import run


@family
class rex(Family):
    """Fall late: floor + (peak - floor) * (1 - u) / (1 - u / 2), with u = t / length.

    Source: Chen et al. 2021 (arXiv 2107.04197).

    >>> rex(1).plan(updates=4).values.round(4)
    array([1.    , 0.8571, 0.6667, 0.4   ])
    """

    peak: Level
    _: KW_ONLY
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        u = progress(t, clock.horizon, self.closed)
        return between(self.floor, self.peak, (1 - u) / (1 - u / 2))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        value = code_text.between(self.floor, self.peak, "(1 - u) / (1 - u / 2)")
        return code_text.phase(value, clock.horizon, self.closed, reach)


@family
class k_decay(Family):
    """Hold the rate up by a power of the progress: floor + (peak - floor) * (1 - w(u^k))^power.

    u = t / length; w(v) = v for shape="linear", which is a polynomial decay, and (1 - cos(pi * v)) / 2 for
    "cosine". k above 1 falls later, below 1 earlier.

    Source: Zhang and Li 2020 (arXiv 2004.05909); `power` also is the exponent of optax' cosine.

    >>> k_decay(1, k=2, shape="linear").plan(updates=4).values
    array([1.    , 0.9375, 0.75  , 0.4375])
    """

    peak: Level
    _: KW_ONLY
    k: Positive
    power: Positive = 1.0
    shape: Annotated[str, one_of("linear", "cosine")] = "cosine"
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        v = progress(t, clock.horizon, self.closed) ** self.k
        return between(self.floor, self.peak, (1 - WEIGHTS[self.shape](v)) ** self.power)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        v = f"u ** {spell(self.k)}"
        share = f"(1 - {v})" if self.shape == "linear" else f"(1 + cos(pi * {v})) / 2"
        if self.power != 1:
            share = f"({share}) ** {spell(self.power)}"
        value = code_text.between(self.floor, self.peak, share)
        return code_text.phase(value, clock.horizon, self.closed, reach)


@family
class tanh(Family):
    """Fall along a hyperbolic tangent from `lower` to `upper`.

    The value is floor + (peak - floor) * (1 - tanh(lower * (1 - u) + upper * u)) / 2, with u = t / length. It
    begins near the peak and ends near the floor, and reaches neither.

    Source: Hsueh et al. 2018 (arXiv 1806.01593).

    >>> tanh(1, lower=-3, upper=3).plan(updates=4).values.round(4)
    array([0.9975, 0.9526, 0.5   , 0.0474])
    """

    peak: Level
    _: KW_ONLY
    lower: Signed = -6.0
    upper: Signed = 3.0
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None
    closed: Flag = False

    def validate(self) -> None:
        if self.lower >= self.upper:
            raise ScheduleError(
                f"lower={spell(self.lower)} is not below upper={spell(self.upper)}; "
                "write for example lower=-6, upper=3"
            )

    def curve(self, t: Array, clock: Clock) -> Array:
        u = progress(t, clock.horizon, self.closed)
        return between(self.floor, self.peak, (1 - np.tanh(self.lower * (1 - u) + self.upper * u)) / 2)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        share = f"(1 - tanh({spell(self.lower)} * (1 - u) + {spell(self.upper)} * u)) / 2"
        value = code_text.between(self.floor, self.peak, share)
        return code_text.phase(value, clock.horizon, self.closed, reach)


@family
class sigmoid(Family):
    """Fall around `middle`: floor + (peak - floor) / (1 + exp((t - middle) / timescale)).

    `rising=True` climbs instead, as Caffe's policy does for a positive gamma.

    Source: the policy "sigmoid" of Caffe, with gamma = -1 / timescale.

    >>> from stepsize.units import updates
    >>> sigmoid(1, middle=2 * updates, timescale=1 * updates).plan(updates=5).values.round(4)
    array([0.8808, 0.7311, 0.5   , 0.2689, 0.1192])
    """

    peak: Level
    _: KW_ONLY
    middle: Span = 0.5 * run
    timescale: Period = 0.1 * run
    rising: Flag = False
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        steps = (t - clock.updates("middle", self.middle)) / clock.period("timescale", self.timescale)
        height = (1 + np.tanh((steps if self.rising else -steps) / 2)) / 2  # the same, without overflow
        return between(self.floor, self.peak, height)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        timescale = clock.period("timescale", self.timescale)
        steps = f"{code_text.time_since(clock.updates('middle', self.middle))} / {spell(timescale)}"
        share = f"(1 {'+' if self.rising else '-'} tanh({steps} / 2)) / 2"
        return [f"return {code_text.between(self.floor, self.peak, share)}"]


@family
class hyperbolic(Family):
    """Fall along a hyperbola whose slope depends little on the length of the run.

    With h(t) = sqrt((N - t) / U * (2 - (N + t) / U)), N the length and U the `bound` >= N, the way done is
    w = h(0) - h(t): peak - (peak - floor) * w, or peak * (floor / peak)^w for shape="exponential". The floor
    is reached only if N = U.

    Source: Kim 2024 (arXiv 2407.15200), HyperbolicLR and ExpHyperbolicLR.

    >>> from stepsize.units import updates
    >>> hyperbolic(1, bound=8 * updates).plan(updates=4).values.round(4)
    array([1.   , 0.852, 0.693, 0.509])
    """

    peak: Level
    _: KW_ONLY
    bound: Period = 1 * run
    shape: Annotated[str, one_of("linear", "exponential")] = "linear"
    floor: LevelOrZero = 0.0
    length: OptionalPeriod = None

    def validate(self) -> None:
        if self.shape == "exponential" and self.floor == 0:
            raise ScheduleError('shape="exponential" never reaches 0; write floor= above 0')

    def curve(self, t: Array, clock: Clock) -> Array:
        bound = clock.period("bound", self.bound)
        if bound < clock.horizon:
            raise ScheduleError(
                f"bound={self.bound} is {bound:g} updates, less than the {clock.horizon:g} of the schedule; "
                "write a longer bound="
            )
        end = clock.horizon

        def height(t: Array) -> Array:
            return np.sqrt((end - t) / bound * (2 - (end + t) / bound))

        return shaped(self.shape, self.peak, self.floor, height(np.zeros(1)) - height(t))

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        end, bound = spell(clock.horizon), spell(clock.period("bound", self.bound))
        return [
            f"height = sqrt(({end} - t) / {bound} * (2 - ({end} + t) / {bound}))",
            f"u = sqrt({end} / {bound} * (2 - {end} / {bound})) - height",
            f"return {code_text.shaped(self.shape, self.peak, self.floor)}",
        ]


@family
class linear_cosine(Family):
    """Wave down: peak * ((alpha + 1 - u) * (1 + cos(2 * pi * periods * u)) / 2 + beta), with u = t / length.

    It begins at peak * (1 + alpha + beta).

    Source: Bello et al. 2017 (arXiv 1709.07417), as in TensorFlow 1.

    >>> linear_cosine(1, periods=0.5, beta=0).plan(updates=4).values.round(4)
    array([1.    , 0.6402, 0.25  , 0.0366])
    """

    peak: Level
    _: KW_ONLY
    periods: Positive = 0.5
    alpha: NonNegative = 0.0
    beta: NonNegative = 0.001
    length: OptionalPeriod = None
    closed: Flag = False

    def curve(self, t: Array, clock: Clock) -> Array:
        u = progress(t, clock.horizon, self.closed)
        wave = (1 + np.cos(2 * np.pi * self.periods * u)) / 2
        return self.peak * ((self.alpha + 1 - u) * wave + self.beta)

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        return [
            f"u = {code_text.progress(clock.horizon, self.closed, reach)}",
            f"wave = (1 + cos(2 * pi * {spell(self.periods)} * u)) / 2",
            f"return {spell(self.peak)} * (({spell(self.alpha + 1)} - u) * wave + {spell(self.beta)})",
        ]
