"""How often is the rule wrong, and how often does it find what is there? Simulated studies answer.

`python -m stepsize.stats.calibration` measures the rates of docs/verdict.md; it takes minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stepsize.stats.decision import Decision, decide
from stepsize.stats.scores import Floats
from stepsize.stats.simulated import (
    NOISE_SD,
    STEP,
    Draw,
    crowded,
    grainy,
    normal,
    skewed,
    skewed_but_one,
    steadier,
)
from stepsize.stats.tuning_error import TuningError

LOOKS = (30, 60, 120, 240)
MARGIN = 0.4 * 2**0.5 * NOISE_SD  # 0.4 sd of a paired difference, as one row of Ionosphere's validation part


@dataclass(frozen=True)
class Calibration:
    """Measured rates, each a share of simulated studies or of their comparisons with the first candidate.

    Of studies whose candidates are equal: `false_first` and `false_ever` have any false word at the first
    look and at any look, that is, a candidate called better or worse, left out of the best set, or the only
    one; `coverage` of the 95 % intervals contain the truth. Where the first candidate leads by the margin:
    `false_equivalent` of comparisons are called equivalent at any look, `coverage_apart` of intervals contain
    the truth, and in `best_kept` of studies the first stays in the best set at all looks. Where it leads by
    two margins, `found[i]` of comparisons are called better by look i.
    """

    false_first: float
    false_ever: float
    coverage: float
    false_equivalent: float
    coverage_apart: float
    best_kept: float
    found: tuple[float, ...]


def calibrate(
    draw: Draw,
    looks: Sequence[int] = LOOKS,
    *,
    margin: float,
    step: float | None = None,
    candidates: int = 6,
    studies: int = 1000,
    tuning: TuningError | None = None,
) -> Calibration:
    """Measure the rates over `studies` simulated studies for each of the three truths.

    `step` is passed to the rule as `sample_value`. With `tuning`, every candidate runs at a rate whose
    mean is off its best rate's by a normal number of that variance and bias, and the rule knows it; the
    truth is at the best rates. The same arguments give the same rates.

    >>> rates = calibrate(normal, [10, 20], margin=0.01, candidates=3, studies=100)
    >>> rates.false_ever < 0.1 and rates.best_kept > 0.9
    True
    """
    generator = np.random.default_rng(looks[0])
    shape = (studies, candidates, looks[-1])
    sets = []
    for lead in (0.0, margin, 2 * margin):
        scores = draw(generator, shape, lead)
        if tuning is not None:
            off = generator.standard_normal((*shape[:2], 1)) * tuning.variance**0.5 - tuning.bias
            scores = scores + off
        sets.append(scores)
    equal, apart, far = (
        [list(_looks(study, looks, tolerance, step, tuning)) for study in scores]
        for scores, tolerance in zip(sets, (0.0, margin, margin), strict=True)
    )
    others = [str(i) for i in range(1, candidates)]
    words = np.array([[[each.word("0", other) for other in others] for each in study] for study in far])
    near = np.array([[[each.word("0", other) for other in others] for each in study] for study in apart])
    false = np.array([[bool(each.behind) for each in study] for study in equal])
    return Calibration(
        false_first=float(false[:, 0].mean()),
        false_ever=float(false.any(axis=1).mean()),
        coverage=_coverage(equal, 0.0),
        false_equivalent=float((near == "equivalent").any(axis=1).mean()),
        coverage_apart=_coverage(apart, -margin),
        best_kept=float(np.mean([all("0" in each.best_set for each in study) for study in apart])),
        found=tuple(np.maximum.accumulate(words == "better", axis=1).mean(axis=(0, 2)).tolist()),
    )


def _looks(
    scores: Floats, looks: Sequence[int], margin: float, step: float | None, tuning: TuningError | None
) -> Iterator[Decision]:
    names = [str(i) for i in range(len(scores))]
    for i, seeds in enumerate(looks):
        yield decide(
            scores[:, :seeds],
            names=names,
            baseline="0",
            margin=margin,
            sample_value=step,
            tuning=[tuning] * len(scores),
            earlier=looks[:i],
        )


def _coverage(studies: Sequence[Sequence[Decision]], truth: float) -> float:
    """Return the share of first-look intervals, every candidate against the first, that contain the truth."""
    ends = [pair.ci95 for study in studies for pair in study[0].vs_baseline.values()]
    return float(
        np.mean([low <= truth + 1e-12 and truth - 1e-12 <= high for low, high in filter(None, ends)])
    )


def _main(studies: int) -> None:
    cells: list[tuple[Draw, float, float | None, TuningError | None]] = [
        (normal, MARGIN, None, None),
        (normal, MARGIN, None, TuningError(variance=0.002**2)),
        (steadier, MARGIN, None, None),
        (skewed, MARGIN, None, None),
        (skewed_but_one, MARGIN, None, None),
        (grainy, MARGIN, STEP, None),
        (crowded, STEP / 8, STEP, None),
    ]
    print("| scores | candidates | false, first look | false, any look | covers | found at each look |")
    print("|---|---|---|---|---|---|")
    for draw, margin, step, tuning in cells:
        for candidates in (2, 6, 16):
            rates = calibrate(
                draw, margin=margin, step=step, candidates=candidates, studies=studies, tuning=tuning
            )
            found = ", ".join(f"{100 * share:.0f}" for share in rates.found)
            name = draw.__name__.replace("_", " ") + (" and tuning" if tuning else "")
            print(
                f"| {name} | {candidates} | {100 * rates.false_first:.1f} | {100 * rates.false_ever:.1f} | "
                f"{100 * rates.coverage:.1f} / {100 * rates.coverage_apart:.1f} | {found} |",
                flush=True,
            )


if __name__ == "__main__":
    _main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
