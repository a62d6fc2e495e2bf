"""From the sweeps of a range test to its answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from stepsize.number_format import rate
from stepsize.range_test.answer import CurvePoint, RangeTestAnswer, SuggestedRate
from stepsize.range_test.curve import Curve, make_curve, resampled_curves
from stepsize.range_test.status import (
    AGREE,
    FEWEST,
    Status,
    advice,
    falls,
    rises,
    status_of_curve,
    status_of_sweeps,
)
from stepsize.range_test.suggestions import RECOMMENDED, half_of_the_fall, risen, suggest, suggest_rate
from stepsize.range_test.sweeps import Sweep

Shape = Literal["exponential", "linear"]

RESAMPLES = 200  # of the sweeps, for the interval of the rate
PEAKS = {"constant(lr)": 1.0, "linear(lr)": 1.9, "cosine(lr)": 2.1, "one_cycle(lr)": 2.0}
"""The best peak of a schedule divided by the best constant rate: medians of `benchmarks/range_tests.md`."""


def summarise_sweeps(rates: np.ndarray, sweeps: Sequence[Sweep], shape: Shape) -> RangeTestAnswer:
    """Return the answer of a range test."""
    status, curve = status_of_sweeps(rates, sweeps), None
    best, suggestions = None, {}
    if sorted(len(sweep.losses) for sweep in sweeps)[len(sweeps) // 2] > 2:
        curve = make_curve(rates, sweeps, shape)
        if falls(curve) and rises(curve):
            suggestions = suggest(curve)
    if status is None:
        assert curve is not None
        interval = _interval(rates, sweeps, shape)
        status = status_of_curve(curve, rates, sweeps, interval)
        if status == "ok":
            single = [_of_one(rates, sweep, shape) for sweep in sweeps]
            best = SuggestedRate(
                rate=suggestions[RECOMMENDED],
                ci95=list(interval) if len(sweeps) > 1 else None,
                range=[half_of_the_fall(curve), float(curve.rates[risen(curve)])],
                sweeps=[min(single), max(single)] if len(sweeps) > 1 else None,
            )
    spread = max(suggestions.values()) / min(suggestions.values()) if suggestions else None
    return RangeTestAnswer(
        status=status,
        sentence=_sentence(status, best, rates, sweeps),
        best=best,
        suggestions=suggestions,
        agreement=spread,
        peaks={} if best is None else {spec: best["rate"] * times for spec, times in PEAKS.items()},
        curve=[] if curve is None else _points(curve),
        start=None if curve is None else curve.start,
        ramp=shape,
        updates=len(rates),
        ends=[sweep.end for sweep in sweeps],
        notes=_notes(best, sweeps),
    )


def sweeps_agree(rates: np.ndarray, sweeps: Sequence[Sweep], shape: Shape) -> bool:
    """Return whether more sweeps would not make the answer much more certain."""
    if status_of_sweeps(rates, sweeps) is not None or any(len(sweep.losses) < FEWEST for sweep in sweeps):
        return True
    curve = make_curve(rates, sweeps, shape)
    low, high = _interval(rates, sweeps, shape)
    return not (falls(curve) and rises(curve)) or high <= AGREE * low


def _interval(rates: np.ndarray, sweeps: Sequence[Sweep], shape: Shape) -> tuple[float, float]:
    """Return the 95 % interval of the suggested rate; that of a single sweep is the rate itself."""
    if min(len(sweep.losses) for sweep in sweeps) < FEWEST:
        return 0.0, math.inf
    curves = resampled_curves(rates, sweeps, shape, RESAMPLES if len(sweeps) > 1 else 1)
    low, high = np.percentile([suggest_rate(curve) for curve in curves], [2.5, 97.5])
    return float(low), float(high)


def _of_one(rates: np.ndarray, sweep: Sweep, shape: Shape) -> float:
    """Return what the recommended rule suggests for a single sweep."""
    return suggest_rate(make_curve(rates, [sweep], shape))


def _points(curve: Curve) -> list[CurvePoint]:
    columns = zip(curve.rates, curve.loss, curve.low, curve.high, strict=True)
    return [CurvePoint(rate=float(r), loss=float(m), low=float(a), high=float(b)) for r, m, a, b in columns]


def _sentence(status: Status, best: SuggestedRate | None, rates: np.ndarray, sweeps: Sequence[Sweep]) -> str:
    if best is None:
        return f"This test does not show which rate to use. {advice(status, rates, sweeps)}"
    low, high = best["range"]
    return (
        f"Begin with lr={rate(best['rate'])}: the loss has fallen halfway at {rate(low)}, and rises again at "
        f"{rate(high)}."
    )


def _notes(best: SuggestedRate | None, sweeps: Sequence[Sweep]) -> list[str]:
    if best is None:
        return []
    notes = [
        "A range test sees only the first updates of a run. On small problems, where the best constant rate "
        "is known, about half of the suggestions are within a factor of 2 of it, and four in five within a "
        "factor of 4.",
        "The peak of a schedule that decays is the constant rate times the median ratio of 18 studies; half "
        "of the ratios lie between 1.3 and 2.9.",
    ]
    if best["sweeps"] is None:
        notes.append("Only one sweep was made, so it is not known how much the rate varies between sweeps.")
    else:
        ends, single = best["ci95"] or [], best["sweeps"]
        notes.append(
            "The 95 % interval of the rate over {} sweeps is {} to {}; ".format(len(sweeps), *map(rate, ends))
            + "single sweeps suggest {} to {}.".format(*map(rate, single))
        )
    return notes
