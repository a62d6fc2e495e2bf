"""The picture that shows the verdict: differences from the baseline, with intervals, against the margin.

Positions are percentages of the width of the plot, so that a page and an image draw the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepsize.number_format import MISSING, rounded
from stepsize.report.chart_data import limits, padded
from stepsize.report.svg import nice_steps
from stepsize.report.view_model import Row, View


@dataclass(frozen=True)
class Mark:
    """One candidate: its row, and where its difference and its interval lie.

    `low`, `mean` and `high` are None for one without a difference. `beyond` is "left" or "right" if the
    difference itself lies outside the picture, else "".
    """

    row: Row
    low: float | None
    mean: float | None
    high: float | None
    beyond: str


@dataclass(frozen=True)
class Differences:
    """Every candidate against the margin around the baseline."""

    marks: Sequence[Mark]
    margin: tuple[float, float]
    zero: float
    ticks: Sequence[tuple[float, str]]
    left: str
    right: str
    unit: str


def differences(view: View) -> Differences | None:
    """Return the picture of the differences; None if there are none."""
    gaps = [row for row in view.rows if row.gap is not None]
    if not gaps:
        return None
    margin = view.scale.shown(view.margin) or 0.0
    shown = [view.scale.shown(v) for row in gaps for v in (row.gap, *(row.gap_ci95 or ()))]
    low, high = padded(limits([*shown, -1.5 * margin, 1.5 * margin]), 0.03)

    def place(value: float | None) -> float | None:
        number = view.scale.shown(value)
        return None if number is None else round(100 * (min(max(number, low), high) - low) / (high - low), 2)

    def of_shown(number: float) -> float:
        return round(100 * (number - low) / (high - low), 2)

    def mark(row: Row) -> Mark:
        if row.baseline:
            return Mark(row, None, of_shown(0.0), None, "")
        gap, ends = view.scale.shown(row.gap), row.gap_ci95 or (None, None)
        beyond = "" if gap is None or low <= gap <= high else "left" if gap < low else "right"
        return Mark(row, place(ends[0]), place(row.gap), place(ends[1]), beyond)

    sides = ("worse", "better") if view.scale.higher_is_better else ("better", "worse")
    return Differences(
        marks=[mark(row) for row in view.rows],
        margin=(of_shown(-margin), of_shown(margin)),
        zero=of_shown(0.0),
        ticks=[(of_shown(value), _signed(value)) for value in nice_steps(low, high)],
        left=sides[0],
        right=sides[1],
        unit=view.scale.difference_unit,
    )


def _signed(value: float) -> str:
    """Write the number at a tick.

    >>> _signed(-0.5), _signed(2.0), _signed(0.0)
    ('−0.5', '+2', '0')
    """
    return "0" if value == 0 else ("−" if value < 0 else "+") + rounded(abs(value), 5)


def words(row: Row) -> str:
    """Return the difference of a candidate and its verdict, as the picture says them."""
    return " · ".join(text for text in (row.difference, row.verdict) if text not in ("", MISSING))
