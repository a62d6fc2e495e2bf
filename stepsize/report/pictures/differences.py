"""The picture that shows the verdict: differences from the baseline, with intervals, against the margin.

Positions are percentages of the width of the plot, so that a page and an image draw the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stepsize.number_format import MISSING, digits, rounded
from stepsize.report.pictures.chart_data import padded
from stepsize.report.pictures.svg import nice_steps
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

    @property
    def band(self) -> float:
        """The width of the margin."""
        return round(self.margin[1] - self.margin[0], 2)

    @property
    def band_place(self) -> float:
        """Where CSS must place a background of that width: 0 is at the left edge, 100 at the right one."""
        return round(100 * self.margin[0] / max(100 - self.band, 1e-9), 2)


def differences(view: View) -> Differences | None:
    """Return the picture of the differences; None if there are none."""
    gaps = [row for row in view.rows if row.gap is not None]
    if not gaps:
        return None
    margin = view.scale.shown(view.margin) or 0.0
    low, high = _domain([_ends(view, row) for row in gaps], margin)

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


def _ends(view: View, row: Row) -> list[float]:
    """Return a difference and the ends of its interval, as shown."""
    values = map(view.scale.shown, (row.gap, *(row.gap_ci95 or ())))
    return [value for value in values if value is not None]


def _domain(ends: Sequence[Sequence[float]], margin: float) -> tuple[float, float]:
    """Return the range to draw: the margin and all intervals, unless a few lie far outside the rest.

    >>> _domain([[0.1, -0.2, 0.4]] * 3 + [[-80.0, -81.0, -79.0]], margin=0.5)
    (-2.0825, 0.8325)
    >>> _domain([[1e-9, -1e-9, 3e-9]], margin=1e-9)
    (-1.635e-09, 3.135e-09)
    """
    farthest = sorted(max(map(abs, each)) for each in ends)
    reach = max(4 * margin, 3 * farthest[(len(farthest) - 1) * 3 // 4])
    values = [value for each in ends for value in each]
    low, high = min([-1.5 * margin, *values]), max([1.5 * margin, *values])
    low, high = max(low, -reach), min(high, reach)
    low, high = padded((low, high), 0.03)
    decimals = max(6, digits(high - low) + 6)
    return round(low, decimals), round(high, decimals)


def _signed(value: float) -> str:
    """Write the number at a tick.

    >>> _signed(-0.5), _signed(2.0), _signed(0.0)
    ('−0.5', '+2', '0')
    """
    return "0" if value == 0 else ("−" if value < 0 else "+") + rounded(abs(value), 5)


def words(row: Row) -> str:
    """Return the difference of a candidate and its verdict, as the picture says them."""
    return " · ".join(text for text in (row.difference, row.verdict) if text not in ("", MISSING))
