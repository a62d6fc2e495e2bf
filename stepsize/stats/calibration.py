"""How often are the verdict's words wrong? Simulated studies whose truth is known, judged by the same code.

Every study has candidates that share a seed effect and add noise of their own, as paired runs do.

Known limit: with equal means, one candidate three times steadier than nine others with a long tail of bad
runs, a false "better" comes in up to 9 % of studies and the best set loses the steady one in up to 17 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stepsize.stats.best_set import cutoff, none_better_p
from stepsize.stats.interval import LEVEL, as_step, bounds
from stepsize.stats.paired import compare_rows, holm, judge
from stepsize.stats.scores import Floats, differences

STEP = 1 / 116  # the value of one row in the validation part of the Ionosphere lesson
CENTRE, SEED_SD, NOISE_SD = 0.9, 0.02, 0.01

Shape = tuple[int, int, int]  # studies, candidates, seeds
Draw = Callable[[np.random.Generator, Shape, float], Floats]


@dataclass(frozen=True)
class Calibration:
    """Measured rates, each a share of simulated studies or of their comparisons.

    `false_better` and `false_difference` (better or worse): any candidate of a study without differences,
    after Holm. `false_equivalent`: a comparison whose true difference is the margin itself. `coverage` and
    `coverage_apart`: the 95 % interval of a paired difference holds the truth, without and with a difference.
    `best_kept` and `best_kept_apart`: the best set holds a given candidate when all are equal, and the best
    one when it leads by the margin.
    """

    false_better: float
    false_difference: float
    false_equivalent: float
    coverage: float
    coverage_apart: float
    best_kept: float
    best_kept_apart: float


def normal(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw normal scores; the first candidate leads the others by `lead`."""
    seed_effect = SEED_SD * generator.standard_normal((shape[0], 1, shape[2]))
    noise = NOISE_SD * generator.standard_normal(shape)
    return CENTRE + seed_effect + noise + _led(shape, lead)


def skewed(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw scores crowded below a ceiling with a tail of bad seeds and bad runs: minus gamma(2) variables."""
    seed_effect = SEED_SD * generator.standard_gamma(2, (shape[0], 1, shape[2]))
    noise = NOISE_SD * generator.standard_gamma(2, shape)
    return CENTRE - (seed_effect + noise) / 2**0.5 + _led(shape, lead)


def grainy(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw accuracies on 116 rows: normal scores rounded to steps of 1/116, a quarter of the pairs tied."""
    return STEP * np.rint(normal(generator, shape, lead) / STEP)


def crowded(generator: np.random.Generator, shape: Shape, lead: float) -> Floats:
    """Draw accuracies at a ceiling of 115/116 that most runs reach, as on the lesson's split.

    The others miss up to four rows more; a lead, at most 0.3 steps, makes the first candidate miss fewer.
    """
    missed = 0.3 - _led(shape, lead / STEP)
    return STEP * (115.0 - generator.binomial(4, missed / 4, shape).astype(np.float64))


def _led(shape: Shape, lead: float) -> Floats:
    led = np.zeros((shape[1], 1))
    led[0] = lead
    return led


def calibrate(
    draw: Draw,
    seeds: int,
    *,
    lead: float,
    step: float | None = None,
    candidates: int = 10,
    studies: int = 4000,
) -> Calibration:
    """Measure the rates for `studies` simulated studies of `candidates` with `seeds` runs each.

    The first candidate is the baseline. As many studies again have it lead by `lead`, which is also the
    margin. `step` is what the verdict is told as `sample_value`. The same arguments give the same rates.

    >>> rates = calibrate(normal, seeds=10, lead=0.01, studies=200)
    >>> rates.false_difference < 0.1 and rates.best_kept > 0.9
    True
    """
    generator = np.random.default_rng(seeds)
    shape = (studies, candidates, seeds)
    equal, apart = draw(generator, shape, 0.0), draw(generator, shape, lead)
    better, different = _false_findings(equal)
    return Calibration(
        false_better=better,
        false_difference=different,
        false_equivalent=_false_equivalent(apart, lead, as_step(step)),
        coverage=_coverage(equal, 0.0, as_step(step)),
        coverage_apart=_coverage(apart, -lead, as_step(step)),
        best_kept=_first_kept(equal),
        best_kept_apart=_first_kept(apart),
    )


def _pairs(scores: Floats) -> tuple[Floats, Floats]:
    """Return every candidate but the first, and the first beside each of them, as rows [pairs, seeds]."""
    others = scores[:, 1:]
    return others.reshape(-1, scores.shape[2]), np.repeat(scores[:, 0], others.shape[1], axis=0)


def _false_findings(equal: Floats) -> tuple[float, float]:
    """Return the shares of studies with any "better", and with any "better" or "worse"."""
    family = equal.shape[1] - 1
    found = compare_rows(*_pairs(equal))
    better = different = 0
    for start in range(0, len(found), family):
        group = found[start : start + family]
        adjusted = holm([one.p for one in group])
        words = {judge(one, p, margin=0.0) for one, p in zip(group, adjusted, strict=True)}
        better += "better" in words
        different += bool(words & {"better", "worse"})
    return better / len(equal), different / len(equal)


def _false_equivalent(apart: Floats, margin: float, step: float) -> float:
    found = compare_rows(apart[:, 1], apart[:, 0], step)
    return float(np.mean([judge(one, 1.0, margin) == "equivalent" for one in found]))


def _coverage(scores: Floats, truth: float, step: float) -> float:
    d, _ = differences(*_pairs(scores))
    low, high = bounds(d.mean(axis=1), d.std(axis=1, ddof=1), d.shape[1], step)
    return float(((low <= truth + 1e-12) & (truth - 1e-12 <= high)).mean())


def _first_kept(scores: Floats) -> float:
    p = none_better_p(scores - scores[:, :1], np.zeros(len(scores)))
    return float((p > cutoff(LEVEL)).mean())
