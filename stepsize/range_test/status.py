"""Whether a range test has an answer, and what to do if it has none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from stepsize.range_test.curve import Curve
from stepsize.range_test.suggestions import TENTH, lowest, risen
from stepsize.range_test.sweeps import Sweep

Status = Literal["ok", "unstable", "flat", "still_falling", "diverged_at_once", "too_few_batches"]

DIVERGED = ("diverged", "not finite")
PER_DECADE = 60  # updates; on a faster ramp a rate has no time to show its effect, above all with momentum
FEWEST = 20  # losses that a sweep needs to be smoothed
ERRORS = 5.0  # standard errors that a fall must exceed
SMALLEST = 1e-4  # of the loss: a smaller fall does not count
AGREE = 1.25  # a suggestion is certain enough if its interval is no wider than this factor
UNSURE = 1.8  # and unstable if it is wider than this one
AT_ONCE = 0.2  # of the ramp: a loss that never fell and diverges before this point does so at once
NEAR_THE_TOP = 0.1  # decades: a lowest loss this close to the highest rate is not a minimum


def status_of_sweeps(rates: np.ndarray, sweeps: Sequence[Sweep]) -> Status | None:
    """Return why sweeps cannot give an answer, as far as the way they ended shows; None if they may."""
    middle = _middle_length(sweeps)
    few = middle < FEWEST
    if few and middle < AT_ONCE * len(rates) and _most_ended(sweeps, DIVERGED):
        return "diverged_at_once"
    ended = _most_ended(sweeps, ("out of batches",))
    return "too_few_batches" if few or ended or updates_per_decade(rates) < PER_DECADE else None


def _middle_length(sweeps: Sequence[Sweep]) -> int:
    return sorted(len(sweep.losses) for sweep in sweeps)[len(sweeps) // 2]


def _most_ended(sweeps: Sequence[Sweep], ends: Sequence[str]) -> bool:
    return 2 * sum(sweep.end in ends for sweep in sweeps) >= len(sweeps)


def status_of_curve(
    curve: Curve, rates: np.ndarray, sweeps: Sequence[Sweep], interval: tuple[float, float]
) -> Status:
    """Return the status that a curve supports; `interval` is that of the suggested rate."""
    if not falls(curve):
        lost = _most_ended(sweeps, DIVERGED)
        return "diverged_at_once" if lost and len(curve.rates) < AT_ONCE * len(rates) else "flat"
    if curve.rates[lowest(curve)] >= rates[-1] / 10**NEAR_THE_TOP or not rises(curve):
        return "still_falling"
    shortest = min(len(sweep.losses) for sweep in sweeps)
    if shortest < FEWEST or rates[shortest - 1] < curve.rates[risen(curve)] / TENTH:
        return "unstable"  # a sweep ended before it could suggest anything, or below the suggested rate
    low, high = interval
    return "unstable" if high > UNSURE * low else "ok"


def falls(curve: Curve) -> bool:
    """Return whether the loss falls by more than chance, and by more than rounding."""
    return curve.fall > max(ERRORS * curve.error, SMALLEST * abs(curve.start))


def rises(curve: Curve) -> bool:
    """Return whether the loss rises again after its minimum, by more than chance and a tenth of its fall."""
    after = curve.loss[lowest(curve) :]
    return float(after.max() - after[0]) > max(ERRORS * curve.error, 0.1 * curve.fall)


def updates_per_decade(rates: np.ndarray) -> float:
    """Return the updates in which the rate grows tenfold; of a linear ramp, in the last decade."""
    return (
        float((rates >= rates[-1] / 10).sum())
        if len(rates) > 2 and _is_linear(rates)
        else (len(rates) / max(math.log10(rates[-1] / rates[0]), 1e-9))
    )


def advice(status: Status, rates: np.ndarray, sweeps: Sequence[Sweep]) -> str:
    """Return what to do if the status is not `ok`."""
    lowest_rate, highest_rate = rates[0], rates[-1]
    if status == "too_few_batches":
        if any(sweep.end == "out of batches" for sweep in sweeps):
            got = max(len(sweep.losses) for sweep in sweeps)
            return (
                f"The batches ran out after {got:,} of {len(rates):,} updates: pass batches that can be read "
                "again from the start."
            )
        if updates_per_decade(rates) >= PER_DECADE:
            return (
                f"The loss was not finite, or far too high, after {_middle_length(sweeps)} of {len(rates):,} "
                f"updates, too few to show where it falls: use updates={20 * len(rates)}."
            )
        decades = math.log10(highest_rate / lowest_rate)
        needed = math.ceil(PER_DECADE * decades / 100) * 100
        return (
            f"The rate grows tenfold in {updates_per_decade(rates):.0f} updates. With fewer than "
            f"{PER_DECADE}, the answer depends on the number of updates: use updates={needed}, or a narrower "
            "ramp."
        )
    if status == "diverged_at_once":
        return (
            f"The loss is already too high or not finite near the lowest rate, {lowest_rate:g}: check the "
            f"data and the loss, scale the inputs, or begin at a lower rate (lowest={lowest_rate / 1000:g})."
        )
    if status == "flat":
        return (
            "No rate made the loss fall by more than chance: check that the step trains the model, or use "
            "more updates or larger batches."
        )
    if status == "still_falling" and _most_ended(sweeps, DIVERGED):
        last = rates[min(_middle_length(sweeps), len(rates) - 1)]
        return (
            f"The loss fell until it was no longer finite, or far too high, at a rate of {last:.2g}: use "
            f"updates={5 * len(rates)}, so that a rise can be seen before, or a rate well below that one."
        )
    if status == "still_falling":
        return (
            f"The loss did not rise again by the highest rate, {highest_rate:g}: try "
            f"highest={highest_rate * TENTH:g}, or fewer updates if the loss is almost 0 by then."
        )
    return f"The sweeps disagree: use more sweeps (sweeps={2 * max(len(sweeps), 5)}) or larger batches."


def _is_linear(rates: np.ndarray) -> bool:
    return bool(np.allclose(np.diff(rates), rates[1] - rates[0], rtol=1e-6))
