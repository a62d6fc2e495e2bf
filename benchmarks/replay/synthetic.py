"""Synthetic trainers: score curves, noise and divergence by formula, so the truth is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from replay.population import Trainer
from replay.tables import SCHEDULES

FINE = np.linspace(-5, 2, 1401)
SHIFTS = (0.0, 0.12, 0.05, -0.1, 0.3, 0.17)  # decades between the curves of the schedules
LEADS = (0.0, 0.0, 0.001, -0.001, 0.0, 0.0005)  # between the heights of their peaks


@dataclass(frozen=True)
class Synthetic:
    """m(x) = top - left 10^(p (peak - x)) - right 10^(q (x - peak)), with noise that grows towards the cliff.

    `skew` makes the noise one-sided, `lost` is the log rate above which a tenth of the runs diverges, `bent`
    replaces the curve by a parabola, which is not of the shape that the rate curve assumes.
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
        means = []
        for shift, lead in zip(SHIFTS, LEADS, strict=True):
            x = FINE - self.peak - shift
            drop = self.bent * x**2 if self.bent else self.left * 10 ** (-self.p * x)
            drop = drop if self.bent else drop + self.right * 10 ** (self.q * x)
            drop = np.minimum(drop - drop.min(), 0.6)
            means.append(np.where(self.lost < FINE, 0.0, 0.9 + lead - drop))
        return np.array(means)


@dataclass(frozen=True, eq=False)
class _Formula:
    population: Synthetic
    key: int

    def score(self, schedule: int, rate: float, seed: int) -> float | None:
        kind, x = self.population, np.log10(rate)
        shared = np.random.default_rng([self.key, seed]).standard_normal()
        own = np.random.default_rng([self.key, seed, schedule, int((x + 9) * 1e6)])
        if x > kind.lost and own.random() < 0.1:
            return None
        mean = float(np.interp(x, FINE, np.maximum(kind._means[schedule], -1.0)))
        spread = kind.noise * (1 + 3 * max(0.0, x - kind.peak - SHIFTS[schedule]))
        toss = (2 - own.standard_gamma(2)) / 2**0.5 if kind.skew else own.standard_normal()
        return mean + 0.02 * shared + spread * toss


SYNTHETIC = (
    Synthetic("smooth"),
    Synthetic("plateau, cliff", p=0.8, q=8, left=0.002, right=0.0005, margin=0.01),
    Synthetic("skewed noise", skew=True, noise=0.012),
    Synthetic("parabola", bent=0.03),
    Synthetic("peak beyond the grid", peak=-3.6),
    Synthetic("diverging runs", peak=-0.3, lost=-0.35),
    Synthetic("no difference of rates", left=1e-7, right=1e-9),
)
assert len(SHIFTS) == len(LEADS) == len(SCHEDULES)
