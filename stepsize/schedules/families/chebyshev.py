"""The steps of Chebyshev's iteration, in an order that keeps them stable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY
from functools import lru_cache

import numpy as np

from stepsize.checks import spell
from stepsize.errors import ScheduleError
from stepsize.schedules import code_text
from stepsize.schedules.clock import Clock
from stepsize.schedules.code_text import Functions
from stepsize.schedules.curves import Array, between
from stepsize.schedules.cycles import cycle_phases
from stepsize.schedules.family import Family, family
from stepsize.schedules.fields import CountAboveZero, Level, OptionalPeriod, Period
from stepsize.schedules.phase_starts import PhaseStart
from stepsize.units import updates


@family
class chebyshev(Family):
    """Take the steps of Chebyshev's iteration in fractal order, each for `every`, again and again.

    Step i of T is 1 / ((M + m) / 2 - (M - m) / 2 * cos((i + 0.5) * pi / T)), with m = 1 / peak and M = 1 /
    floor, the bounds of the curvature; T = `steps` is a power of 2.

    Source: Agarwal et al. 2021 (arXiv 2103.01338).

    >>> chebyshev(1, floor=0.1, steps=4).plan(updates=6).values.round(4)
    array([0.7449, 0.1035, 0.2647, 0.1385, 0.7449, 0.1035])
    """

    peak: Level
    _: KW_ONLY
    floor: Level
    steps: CountAboveZero = 8
    every: Period = 1 * updates
    length: OptionalPeriod = None

    def validate(self) -> None:
        if self.steps & (self.steps - 1) or self.steps > 2**20:
            raise ScheduleError(
                f"steps={self.steps} is not a power of 2 up to {2**20}; write for example steps=8"
            )

    def curve(self, t: Array, clock: Clock) -> Array:
        index = np.floor(t / clock.period("every", self.every)).astype(np.int64) & (self.steps - 1)
        order = _fractal_order(self.steps)
        if self.steps > t.size:  # then each step is computed where it is taken, else once
            return self._steps(order[index])
        return self._steps(order)[index]

    def code(self, clock: Clock, reach: float, out: Functions) -> list[str]:
        low, high, count = spell(1 / self.peak), spell(1 / self.floor), self.steps
        order = out.constant("ORDER", "[0]")
        out.blocks[-1] += (
            f"\nwhile len({order}) < {count}:  # large steps stand next to small ones\n"
            f"    {order} = [n for k in {order} for n in (k, 2 * len({order}) - 1 - k)]"
        )
        taken = f"{low} + ({high} - {low}) * (1 - cos((n + 0.5) * pi / {count})) / 2"
        steps = out.constant("STEPS", f"[1 / ({taken}) for n in {order}]")
        step = code_text.index("t", clock.period("every", self.every))
        return [f"return {steps}[{step} % {count}]"]

    def phases(self, clock: Clock) -> Iterator[PhaseStart]:
        return cycle_phases(clock, self.steps * clock.updates("every", self.every))

    def _steps(self, i: Array) -> Array:
        angle = (i + 0.5) * np.pi / self.steps
        taken = between(1 / self.peak, 1 / self.floor, (1 - np.cos(angle)) / 2)
        return np.clip(1 / taken, self.floor, self.peak)


@lru_cache(maxsize=2)
def _fractal_order(count: int) -> Array:
    """Return 0 ... count - 1 in an order in which large steps stand next to small ones.

    >>> _fractal_order(8).tolist()
    [0.0, 7.0, 3.0, 4.0, 1.0, 6.0, 2.0, 5.0]
    """
    order = np.zeros(count)
    size = 1  # of the shorter order that is spread over this one
    while size < count:
        apart = count // size
        order[apart // 2 :: apart] = 2 * size - 1 - order[::apart]
        size *= 2
    order.flags.writeable = False
    return order
