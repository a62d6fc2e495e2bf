"""Scores of simulated studies whose truth is known: [studies, candidates, seeds], the first one leading.

The candidates of a study share a seed effect and add noise of their own, as paired runs do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stepsize.stats.scores import Floats

STEP = 1 / 116  # the value of one row in the validation part of the Ionosphere lesson
CENTRE, SEED_SD, NOISE_SD = 0.9, 0.02, 0.01
STEADY = 1 / 3  # the noise of the one that is steadier, in units of the others' noise

Shape = tuple[int, int, int]  # studies, candidates, seeds
Draw = Callable[[np.random.Generator, Shape, float], Floats]


def normal(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw normal scores; the first candidate leads the others by `lead`."""
    return _shared(generator, shape) + NOISE_SD * generator.standard_normal(shape) + _led(shape, lead)


def steadier(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw normal scores; the noise of the first candidate is a third of the others'."""
    return (
        _shared(generator, shape) + _steady(NOISE_SD * generator.standard_normal(shape)) + _led(shape, lead)
    )


def skewed(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw scores crowded below a ceiling with a tail of bad seeds and bad runs: minus gamma(2) variables."""
    seed_effect = SEED_SD * _tail(generator, (shape[0], 1, shape[2]))
    return CENTRE + seed_effect + NOISE_SD * _tail(generator, shape) + _led(shape, lead)


def skewed_but_one(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw scores with tails of bad runs that the first candidate, steadier, has only a third of."""
    return _shared(generator, shape) + _steady(NOISE_SD * _tail(generator, shape)) + _led(shape, lead)


def grainy(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw accuracies on 116 rows: normal scores rounded to steps of 1/116, a quarter of the pairs tied."""
    return STEP * np.rint(normal(generator, shape, lead) / STEP)


def crowded(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw accuracies at a ceiling of 115/116 that most runs reach, as on the lesson's split.

    The others miss up to four rows more; a lead, at most 0.3 steps, makes the first candidate miss fewer.
    """
    missed = 0.3 - _led(shape, lead / STEP)
    return STEP * (115.0 - generator.binomial(4, missed / 4, shape).astype(np.float64))


def _shared(generator: np.random.Generator, shape: Shape) -> Floats:
    return CENTRE + SEED_SD * generator.standard_normal((shape[0], 1, shape[2]))


def _tail(generator: np.random.Generator, shape: Shape) -> Floats:
    """Draw numbers of mean 0 and variance 1 with a long tail below."""
    return (2 - generator.standard_gamma(2, shape)) / 2**0.5


def _steady(noise: Floats) -> Floats:
    noise[:, 0] *= STEADY
    return noise


def _led(shape: Shape, lead: float) -> Floats:
    led = np.zeros((shape[1], 1))
    led[0] = lead
    return led
