"""Every run of every candidate: dots that stack where scores are equal, with the mean and its interval.

Positions are percentages of the width of the plot, heights are pixels of a row.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepsize.number_format import counted, finite, rounded
from stepsize.report.pictures.chart_data import limits, padded
from stepsize.report.pictures.svg import nice_steps
from stepsize.report.view_model import Row, View
from stepsize.verdict.data_notes import has_equal_steps

MOST_DOTS = 2000  # of a picture; more runs than that are counted in bars
BINS = 80  # dots closer than an eightieth of the picture are stacked
HEIGHT, HALF = 34, 15  # of a row, and of a stack
STEP = 3.2  # pixels from dot to dot


@dataclass(frozen=True)
class ScoreRow:
    """One candidate: dots (x, y) or bars (x, width, y, height), and its mean with its interval."""

    row: Row
    dots: Sequence[tuple[float, float]]
    bars: Sequence[tuple[float, float, float, float]]
    low: float | None
    mean: float | None
    high: float | None


@dataclass(frozen=True)
class Line:
    """A score for scale: where it lies, or on which side of the picture if it lies outside."""

    name: str
    text: str
    x: float | None
    side: str


@dataclass(frozen=True)
class Scores:
    """The runs of all candidates on one axis."""

    rows: Sequence[ScoreRow]
    ticks: Sequence[tuple[float, str]]
    lines: Sequence[Line]
    beyond: int
    lost: int
    has_bars: bool


def scores(view: View) -> Scores | None:
    """Return the picture of the scores; None if no run finished."""
    shown = {row.index: [view.scale.shown(score) for score in row.scores] for row in view.rows}
    known = [score for row in shown.values() for score in row if score is not None]
    if not known:
        return None
    low, high = padded(limits(known))
    has_bars = len(known) > MOST_DOTS

    def place(number: float) -> float:
        return round(100 * (number - low) / (high - low), 2)

    def inside(value: float | None) -> float | None:
        number = view.scale.shown(value)
        return None if number is None else place(min(max(number, low), high))

    rows = []
    for row in view.rows:
        drawn = [score for score in shown[row.index] if score is not None and low <= score <= high]
        ends = row.ci95 or (None, None)
        dots = () if has_bars else _dots([place(score) for score in drawn])
        bars = _bars(drawn, _bin_size(view, low, high), place) if has_bars else ()
        rows.append(ScoreRow(row, dots, bars, inside(ends[0]), inside(row.mean), inside(ends[1])))
    return Scores(
        rows=rows,
        ticks=[(place(value), rounded(value, 5)) for value in nice_steps(low, high)],
        lines=[
            _line(name, text, view.scale.shown(value), low, high) for name, text, value in view.references
        ],
        beyond=sum(not low <= score <= high for score in known),
        lost=sum(len(row) for row in shown.values()) - len(known),
        has_bars=has_bars,
    )


def _line(name: str, text: str, value: float | None, low: float, high: float) -> Line:
    if value is None or low <= value <= high:
        place = None if value is None else round(100 * (value - low) / (high - low), 2)
        return Line(name, text, place, "")
    return Line(name, text, None, "left" if value < low else "right")


def _dots(places: Sequence[float]) -> list[tuple[float, float]]:
    """Return the middle of each dot; those of a bin are stacked around the middle of the row."""
    bins = Counter(math.floor(place * BINS / 100) for place in places)
    step = min(STEP, 2 * HALF / max(bins.values(), default=1))
    stacked: Counter[int] = Counter()
    dots = []
    for place in places:
        number = math.floor(place * BINS / 100)
        count = stacked[number]
        stacked[number] += 1
        dots.append((place, round(HEIGHT / 2 + step * ((count + 1) // 2) * (1 if count % 2 else -1), 1)))
    return dots


def _bars(
    scores: Sequence[float], size: float, place: Callable[[float], float]
) -> list[tuple[float, float, float, float]]:
    """Return bars as high as the number of runs with about the same score, in bins of `size`."""
    bins = Counter(round(score / size) for score in scores)
    most = max(bins.values(), default=1)
    bars = []
    for number, count in sorted(bins.items()):
        left, right = place((number - 0.5) * size), place((number + 0.5) * size)
        half = HALF * count / most
        bars.append((left, round(right - left, 2), round(HEIGHT / 2 - half, 1), round(2 * half, 1)))
    return bars


def _bin_size(view: View, low: float, high: float) -> float:
    """Return the width of a bar: whole steps of the score, so that none holds a step more than another."""
    size = (high - low) / BINS
    value = view.data["sample_value"] if has_equal_steps(view.scale.metric) else None
    step = view.scale.shown(finite(value)) or 0.0
    return step * math.ceil(size / step) if step else size


def notes(drawn: Scores) -> str:
    """Return what the picture leaves out, in sentences."""
    parts = []
    if drawn.beyond:
        parts.append(f" {counted(drawn.beyond, 'run')} lie{'s' * (drawn.beyond == 1)} outside the picture.")
    if drawn.lost:
        parts.append(f" {counted(drawn.lost, 'run')} diverged and cannot be drawn.")
    return "".join(parts)
