"""Custom schedules: registered functions, and noise from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Annotated, Any

import numpy as np

from stepsize.checks import shown, spell
from stepsize.errors import ScheduleError, unknown
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions, refusal
from stepsize.schedules.curves import Array
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import Count, Fraction, OptionalPeriod, Period, plain_name
from stepsize.units import updates

Function = Callable[[Array, float], Any]
FUNCTIONS: dict[str, Function] = {}
"""The functions of `custom` by name."""


def register(name: str, function: Function) -> None:
    """Register a function for `custom` under a name; it takes the updates t, an array, and the horizon.

    Specs, JSON and stores keep the name only, so a name stands for one function: the same definition may be
    registered again, a different one may not.

    Raises: ScheduleError if the name is taken, or `function` cannot be called.

    >>> register("cubic", lambda t, horizon: (1 - t / horizon) ** 3)
    >>> (0.8 * custom("cubic")).plan(updates=4).values
    array([0.8   , 0.3375, 0.1   , 0.0125])
    """
    plain_name("function", name)
    if not callable(function):
        raise ScheduleError(f"function={shown(function)} cannot be called; write a function of t and horizon")
    known = FUNCTIONS.setdefault(name, function)
    if getattr(known, "__code__", known) != getattr(function, "__code__", function):
        raise ScheduleError(
            f"{name!r} is already the name of another function; register this one under a new name"
        )


def _known(name: str, value: Any) -> str:
    plain_name(name, value)
    if value not in FUNCTIONS:
        hint = unknown("function", value, sorted(FUNCTIONS) or ["none yet"])
        raise ScheduleError(f"{hint}; write stepsize.register({value!r}, function) first")
    return value


@family
class custom(Family):
    """Take the values of a registered function of the updates t and the horizon.

    rate(t) = function(t, horizon).

    Source: PyTorch's LambdaLR, where the function returns a multiplier and does not get the horizon.

    Raises: ScheduleError if no function is registered under that name.

    >>> register("halves", lambda t, horizon: 0.5**t)
    >>> custom("halves").plan(updates=3).values
    array([1.  , 0.5 , 0.25])
    """

    function: Annotated[str, _known]
    _: KW_ONLY
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        values = np.asarray(FUNCTIONS[self.function](t, clock.horizon), dtype=np.float64)
        if values.shape != t.shape:
            raise ScheduleError(
                f"{self} returns values of shape {values.shape} for times of shape {t.shape}; "
                "make the function return one value for each"
            )
        return values

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        raise refusal(self, "its function is code of your own; use that function itself")


@family
class noise(Family):
    """Multiply by random numbers between 1 - share and 1 + share, a new one after each `every`.

    The value is 1 + share * x, with x uniform from -1 to 1; it depends only on the seed and the update. Use
    it as a factor of another schedule.

    Source: the noise of timm's schedulers.

    >>> noise(0.1, seed=1).plan(updates=3).values.round(4)
    array([1.0024, 1.0901, 0.9288])
    """

    share: Fraction
    _: KW_ONLY
    seed: Count = 0
    every: Period = 1 * updates
    length: OptionalPeriod = None

    def curve(self, t: Array, clock: Clock) -> Array:
        index = np.floor(t / self._every(clock)).astype(np.int64)
        last = int(index.max(initial=0))
        first = int(index.min(initial=last))
        bits = np.random.PCG64(self.seed).advance(first)  # those of default_rng, from the first on
        drawn = np.random.Generator(bits).uniform(-1, 1, last - first + 1)
        return 1 + self.share * drawn[index - first]

    def _every(self, clock: Clock) -> float:
        every = clock.period("every", self.every)
        if every < 1:
            raise ScheduleError(f"every={self.every} is less than an update; write at least 1*updates")
        return every

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        every = self._every(clock)
        drawn = f"np.random.default_rng({self.seed}).uniform(-1, 1, {int(reach / every) + 1})"
        table = out.constant("NOISE", f"(1 + {spell(self.share)} * {drawn}).tolist()")
        return [f"return {table}[{code_text.index('t', every)}]"]
