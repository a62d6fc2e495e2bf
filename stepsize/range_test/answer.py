"""The types of a range test's answer. Every field carries its description."""

# No `from __future__ import annotations`, as in `verdict/answer.py`.

from typing import Annotated, Literal, TypedDict

from stepsize.range_test.status import Status


class SuggestedRate(TypedDict):
    """The rate to use."""

    rate: Annotated[float, "a tenth of the rate at which the loss begins to rise"]
    ci95: Annotated[list[float] | None, "95 % interval of the rate, by bootstrap over sweeps; null for one"]
    range: Annotated[list[float], "from half of the fall to the rise: rates worth trying"]
    sweeps: Annotated[list[float] | None, "the lowest and the highest rate of single sweeps; null for one"]


class CurvePoint(TypedDict):
    """One rate of the ramp."""

    rate: Annotated[float, "the learning rate"]
    loss: Annotated[float, "median of the smoothed sweeps"]
    low: Annotated[float, "the lowest of the smoothed sweeps"]
    high: Annotated[float, "the highest of them"]


class RangeTestAnswer(TypedDict):
    """The answer of a range test."""

    status: Annotated[Status, "`ok`, or why there is no rate"]
    sentence: Annotated[str, "the answer in words"]
    best: Annotated[SuggestedRate | None, "the rate to use; null unless the status is `ok`"]
    suggestions: Annotated[
        dict[str, float], "the rate of every rule; empty unless the loss falls and rises again"
    ]
    agreement: Annotated[float | None, "the highest suggestion divided by the lowest"]
    peaks: Annotated[dict[str, float], "the peak to begin with, for some schedules"]
    curve: Annotated[list[CurvePoint], "the loss at each rate; empty if there are too few losses"]
    start: Annotated[float | None, "the loss at the lowest rates"]
    ramp: Annotated[Literal["exponential", "linear"], "how the rate grows"]
    updates: Annotated[int, "updates of a complete sweep"]
    ends: Annotated[list[str], "why each sweep ended: complete, diverged, not finite, or out of batches"]
    notes: Annotated[list[str], "what to know about the numbers"]
