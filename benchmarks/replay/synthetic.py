"""Synthetic trainers: score curves, noise and divergence by formula, so the truth is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from replay.population import Trainer
from replay.tables import SCHEDULES

FINE = np.linspace(-9, 3, 2401)
SHIFTS = (0.0, 0.12, 0.05, -0.1, 0.3, 0.17)  # decades between the curves of the schedules
LEADS = (0.0, 0.0, 0.001, -0.001, 0.0, 0.0005)  # between the heights of their peaks
LOST = 0.1  # share of the runs that diverge at a rate beyond the cliff
BLOCK = 32  # seeds whose noise is drawn together


@dataclass(frozen=True)
class Synthetic:
    """m(x) = top - left 10^(p (peak - x)) - right 10^(q (x - peak)), with noise that grows towards the cliff.

    `skew` makes the noise one-sided, `bent` replaces the curve by a parabola, which is not of the shape that
    the rate curve assumes. Above the log rate `lost` a tenth of the runs diverges; the others score as if
    nothing had happened, but no rate above it is good: its true mean counts as 0.
    """

    name: str
    peak: float = -0.7
    p: float = 1.5
    q: float = 2.5
    left: float = 0.01
    right: float = 0.006
    noise: float = 0.008
    skew: bool = False
    lost: float = np.inf
    bent: float = 0.0
    margin: float = 0.008
    step: float = 0.0

    def mean(self, schedule: int, rate: float) -> float:
        """Return the true mean score of a schedule at a rate."""
        return float(np.interp(np.log10(rate), FINE, self._means[schedule]))

    def best(self, schedule: int) -> float:
        """Return the best rate of a schedule."""
        return float(10 ** FINE[self._means[schedule].argmax()])

    def trainer(self, generator: np.random.Generator) -> Trainer:
        """Return a trainer with new seeds."""
        return _Formula(self, int(generator.integers(2**62)))

    @cached_property
    def _means(self) -> np.ndarray:
        return np.where(self.lost < FINE, 0.0, self._finished)

    @cached_property
    def _finished(self) -> np.ndarray:
        """The mean scores of runs that do not diverge."""
        means = []
        for shift, lead in zip(SHIFTS, LEADS, strict=True):
            x = FINE - self.peak - shift
            drop = self.bent * x**2 if self.bent else self.left * 10 ** (-self.p * x)
            drop = drop if self.bent else drop + self.right * 10 ** (self.q * x)
            drop = np.minimum(drop - drop.min(), 0.6)
            means.append(0.9 + lead - drop)
        return np.array(means)


@dataclass(frozen=True, eq=False)
class _Formula:
    population: Synthetic
    key: int

    def score(self, schedule: int, rate: float, seed: int) -> float | None:
        population, x = self.population, np.log10(rate)
        block, place = divmod(seed, BLOCK)
        noise, is_lost = self._noise(schedule, float(x), block)
        if x > population.lost and is_lost[place]:
            return None
        mean = float(np.interp(x, FINE, population._finished[schedule]))
        spread = population.noise * (1 + 3 * max(0.0, x - population.peak - SHIFTS[schedule]))
        return mean + 0.02 * float(self._shared(block)[place]) + spread * float(noise[place])

    @cached_property
    def _drawn(self) -> dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
        return {}

    def _shared(self, block: int) -> np.ndarray:
        """Return what each seed of a block does to all rates and schedules."""
        if (block,) not in self._drawn:
            shared = np.random.default_rng([self.key, block]).standard_normal(BLOCK)
            self._drawn[block,] = shared, np.zeros(0)
        return self._drawn[block,][0]

    def _noise(self, schedule: int, x: float, block: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the noise of a block of seeds, with variance 1, and which diverge beyond the cliff."""
        key = (self.key, block, schedule, int((x + 9) * 1e6))
        if key not in self._drawn:
            generator = np.random.default_rng(key)
            is_lost = generator.random(BLOCK) < LOST
            tail = (2 - generator.standard_gamma(2, BLOCK)) / 2**0.5
            self._drawn[key] = (tail if self.population.skew else generator.standard_normal(BLOCK)), is_lost
        return self._drawn[key]


SYNTHETIC = (
    Synthetic("smooth"),
    Synthetic("plateau, cliff", p=0.8, q=8, left=0.002, right=0.0005, margin=0.01),
    Synthetic("skewed noise", skew=True, noise=0.012),
    Synthetic("parabola", bent=0.03),
    Synthetic("peak beyond the grid", peak=-3.6),
    Synthetic("peak far beyond the grid", peak=-5.4, q=0.5, right=0.02),
    Synthetic("diverging above the peak", lost=-0.3),
    Synthetic("diverging below the peak", peak=-0.3, lost=-0.35),
    Synthetic("no difference of rates", left=1e-7, right=1e-9),
)
assert len(SHIFTS) == len(LEADS) == len(SCHEDULES)
