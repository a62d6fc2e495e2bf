"""Populations of runs whose true means are known, and the trainers that draw seeds from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
from replay.bank import Bank

DEPTH = 200.0  # margins
CHANCE = 2.0  # standard errors of a mean: smoothing changes it by no more
SMOOTH = 0.15  # decades: bandwidth of the curve that is taken for the truth


class Trainer(Protocol):
    """Makes the runs of one study: the same run always has the same score, None if it diverged."""

    def score(self, schedule: int, rate: float, seed: int) -> float | None:
        """Return the score of a schedule at a rate on a seed."""
        ...


class Population(Protocol):
    """What a study draws its runs from; scores are in the unit of the metric, higher is better."""

    @property
    def name(self) -> str:
        """What it is called in the results."""
        ...

    @property
    def margin(self) -> float:
        """The smallest difference that matters."""
        ...

    @property
    def step(self) -> float:
        """The value of one row, 0 where scores can be any number."""
        ...

    def mean(self, schedule: int, rate: float) -> float:
        """Return the true mean score of a schedule at a rate."""
        ...

    def best(self, schedule: int) -> float:
        """Return the best rate of a schedule."""
        ...

    def trainer(self, generator: np.random.Generator) -> Trainer:
        """Return a trainer with new seeds."""
        ...


@dataclass(frozen=True, eq=False)
class Recorded:
    """A bank as a population: its seeds, drawn with replacement, and the smoothed means as the truth.

    The scores of a rate are shifted by what smoothing changes in their mean, so that the truth is exact.
    Between two recorded rates a seed takes one or the other, and is shifted again: the true mean runs
    smoothly from rate to rate (a monotone cubic), while the mean of the draws would have a kink at each.
    No shift is larger than chance explains. Where it would be larger than the margin, runs blow up, and
    scores stay as they are. A score counts as at most `DEPTH` margins below the best rate's, and in the truth
    a diverged run counts as that.
    """

    bank: Bank
    x: np.ndarray = field(init=False)
    truth: np.ndarray = field(init=False)
    scores: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        x = np.log10(self.bank.rates)
        middle = np.nanmean(np.where(np.isnan(self.bank.scores), -np.inf, self.bank.scores), axis=2).max()
        lowest = middle - DEPTH * self.bank.margin
        bounded = np.maximum(self.bank.scores, lowest)  # a NaN stays
        finite = np.where(np.isnan(bounded), lowest, bounded)
        means = [_smoothed(x, scores) for scores in finite]
        truth = np.array([smooth for smooth, _ in means])
        plain = np.array([plain for _, plain in means])
        chance = CHANCE * finite.std(axis=2) / np.sqrt(finite.shape[2])
        shift = np.clip(truth - plain, -chance, chance)
        shift = np.where(np.abs(truth - plain) <= self.bank.margin, shift, 0.0)
        truth = plain + shift
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "truth", truth)
        object.__setattr__(self, "scores", bounded + shift[..., None])

    @cached_property
    def curves(self) -> list[Callable[[float], np.ndarray]]:
        """The true mean of each schedule over the log rate."""
        from scipy.interpolate import PchipInterpolator

        return [PchipInterpolator(self.x, truth) for truth in self.truth]

    @cached_property
    def place(self) -> Callable[[int, float], tuple[float, float]]:
        """Where a rate of a schedule lies among those recorded, and what the mean of its draws lacks."""
        return lru_cache(None)(self._place)

    def _place(self, schedule: int, rate: float) -> tuple[float, float]:
        steps = np.arange(len(self.x))
        place = float(np.interp(np.log10(rate), self.x, steps))  # rates are rounded, so not quite even
        drawn = float(np.interp(place, steps, self.truth[schedule]))
        return place, self.mean(schedule, rate) - drawn

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.bank.name

    @property
    def margin(self) -> float:
        """The smallest difference that matters."""
        return self.bank.margin

    @property
    def step(self) -> float:
        """The value of one row."""
        return self.bank.step

    def mean(self, schedule: int, rate: float) -> float:
        """Return the true mean score of a schedule at a rate."""
        x = np.clip(np.log10(rate), self.x[0], self.x[-1])
        straight, smooth = np.interp(x, self.x, self.truth[schedule]), self.curves[schedule](x)
        return float(smooth if abs(smooth - straight) <= self.margin else straight)

    def best(self, schedule: int) -> float:
        """Return the best rate of a schedule."""
        return float(self.bank.rates[self.truth[schedule].argmax()])

    def trainer(self, generator: np.random.Generator) -> Trainer:
        """Return a trainer with new seeds."""
        return _FromBank(self, int(generator.integers(2**62)))


@dataclass(frozen=True, eq=False)
class _FromBank:
    population: Recorded
    key: int

    @cached_property
    def _drawn(self) -> dict[int, tuple[int, float]]:
        return {}

    def score(self, schedule: int, rate: float, seed: int) -> float | None:
        if seed not in self._drawn:
            generator = np.random.default_rng([self.key, seed])
            self._drawn[seed] = int(generator.integers(self.population.scores.shape[2])), generator.random()
        column, toss = self._drawn[seed]
        place, lacks = self.population.place(schedule, rate)
        row = min(int(place + toss), len(self.population.x) - 1)
        value = float(self.population.scores[schedule, row, column])
        return value + lacks if math.isfinite(value) else None


def _smoothed(x: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return smoothed and plain means of scores [rates, seeds]: a local quadratic, weighted by steadiness."""
    plain = scores.mean(axis=1)
    spread = (scores - np.median(scores, axis=0)).std(axis=1)  # a mean would follow the rates that blow up
    steady = 1 / np.maximum(spread, 0.03 * np.median(spread)) ** 2
    smooth = plain.copy()
    for i in range(len(x)):
        weight = np.exp(-0.5 * ((x - x[i]) / SMOOTH) ** 2) * steady
        if (weight > 1e-4 * weight.max()).sum() > 3:
            powers = np.vander(x - x[i], 3)
            normal = powers.T @ (weight[:, None] * powers) + 1e-12 * np.eye(3)
            smooth[i] = np.linalg.solve(normal, powers.T @ (weight * plain))[2]
    return smooth, plain
