"""Synthetic trainers with several knobs: mean scores by formula, so that the truth is known exactly.

The rate is that of `constant(lr)`; the other knobs are `momentum`, `weight_decay` and `clipnorm` of the
candidate, here plain numbers that the formula reads.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job

SEED_SD, NOISE_SD = 0.02, 0.01
KNOBS = {"m": [0.0, 0.98], "wd": [1e-5, 0.1, "log"], "c": [0.0, 1.0]}
SETTINGS = {"momentum": 0.5, "weight_decay": 1e-3, "clipnorm": 0.5}  # of the candidate with a free rate alone
DRAWS = 200_000

Surface = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # of x = log10(lr), m, wd, c


def walls(x: np.ndarray, peak: Any) -> np.ndarray:
    """Return what a rate costs: a little below its peak, much above it."""
    return np.minimum(0.01 * 10 ** (-1.5 * (x - peak)) + 0.006 * 10 ** (2.5 * (x - peak)), 0.6)


def valley(x: np.ndarray, m: np.ndarray, wd: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return scores whose best rate falls as 1 - momentum does, as that of SGD."""
    decay = np.log10(wd)
    cost = 0.01 * np.abs(m - 0.8) + 0.001 * (decay + 3) ** 2 + 0.02 * np.maximum(decay + 2.5, 0) ** 2
    return 0.92 - walls(x - np.log10(1 - m), -0.3) - cost - 0.01 * (c - 0.5) ** 2


def flat(x: np.ndarray, m: np.ndarray, wd: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return scores that the rate alone decides."""
    return 0.9 - walls(x, -1.0) + 0 * m


def bowl(x: np.ndarray, m: np.ndarray, wd: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return scores to which every knob adds its own part."""
    decay = (np.log10(wd) + 5) / 4
    return 0.92 - walls(x, -1.0) - 0.03 * (m - 0.3) ** 2 - 0.06 * (decay - 0.7) ** 2 - 0.03 * (c - 0.5) ** 2


def narrow(x: np.ndarray, m: np.ndarray, wd: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return scores whose best rate depends on the other knobs, which matter much themselves."""
    decay = (np.log10(wd) + 5) / 4
    cost = 0.1 * (m - 0.8) ** 2 + 0.1 * (decay - 0.2) ** 2 + 0.05 * (c - 0.5) ** 2
    return 0.92 - walls(x, -0.8 + 0.8 * (m - 0.5) - 0.6 * (decay - 0.5)) - cost


SURFACES: dict[str, Surface] = {each.__name__: each for each in (valley, flat, bowl, narrow)}


class Score(NamedTuple):
    """All that a study asks of a run."""

    score: float


def mean(surface: Surface, candidate: Candidate, rate: float | None = None) -> float:
    """Return the true mean score of a candidate with numbers in all places, its rate perhaps apart."""
    lr: Any = getattr(candidate.schedule, "value") if rate is None else rate  # noqa: B009
    settings = candidate.settings
    values = [np.log10(lr), settings["momentum"], settings["weight_decay"], settings["clipnorm"]]
    return float(surface(*(np.array(value, float) for value in values)))


def best(surface: Surface) -> float:
    """Return the highest mean score within the ranges of all knobs."""
    generator = np.random.default_rng(0)
    low, high = np.array([-3, 0.0, -5, 0.0]), np.array([0, 0.98, -1, 1.0])
    at, spread = generator.uniform(low, high, (DRAWS, 4)), high - low
    for shrink in (0.1, 0.03, 0.01, 0.003):
        top = at[surface(at[:, 0], at[:, 1], 10 ** at[:, 2], at[:, 3]).argmax()]
        at = np.clip(top + shrink * spread * generator.standard_normal((DRAWS // 4, 4)), low, high)
        at[0] = top
    return float(surface(at[:, 0], at[:, 1], 10 ** at[:, 2], at[:, 3]).max())


def best_rate(surface: Surface) -> float:
    """Return the highest mean score of the candidate with a free rate alone."""
    settings = (np.full(4001, value) for value in SETTINGS.values())
    return float(surface(np.linspace(-3, 0, 4001), *settings).max())


def run(surface: Surface, job: Job, study: int) -> Score:
    """Return the score of a run: the mean, what its seed does to all runs, and noise of its own."""
    shared = np.random.default_rng([study, job.seed]).standard_normal()
    own = np.random.default_rng([study, job.seed, zlib.crc32(job.name.encode())]).standard_normal()
    return Score(mean(surface, job.candidate, job.rate) + SEED_SD * shared + NOISE_SD * own)
