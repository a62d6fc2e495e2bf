"""The pictures of the details: learning curves, the rates that were tried, and the schedules.

Each comes as one large picture of all candidates, the recommended one in colour, and as a small panel for
each. All are SVG whose colours are classes of the page's style, so they follow light, dark and print; a
context of grey lines is drawn once and used by every panel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepsize.number_format import rate, rounded
from stepsize.report.pictures import chart_data, svg
from stepsize.report.view_model import Row, View
from stepsize.verdict.series import RatePoint


@dataclass(frozen=True)
class Frame:
    """The plot inside a picture of `width` by `height`: its margins, and the numbers at its corners."""

    width: int
    height: int
    left: int
    x: tuple[float, float]
    y: tuple[float, float]
    log_x: bool = False
    log_y: bool = False
    top: int = 8
    right: int = 8
    bottom: int = 24
    ticks: Sequence[float] = ()  # numbers at the bottom; round ones if none are given

    def at(self, x: float | None, y: float | None) -> tuple[float | None, float | None]:
        """Return where a point lies; a height outside the frame is moved to its edge."""
        low, high = self.y
        inside = None if y is None else min(max(y, low), high)
        return self.across(x), self.down(inside)

    def across(self, x: float | None) -> float | None:
        """Return the horizontal place of a number."""
        share = None if x is None else _share(x, self.x, self.log_x)
        return None if share is None else self.left + share * (self.width - self.left - self.right)

    def down(self, y: float | None) -> float | None:
        """Return the vertical place of a number."""
        share = None if y is None else _share(y, self.y, self.log_y)
        return None if share is None else self.top + (1 - share) * (self.height - self.top - self.bottom)

    def path(self, xs: Sequence[float], ys: Sequence[float | None], kind: str) -> str:
        """Return a line through points."""
        return svg.tag("path", d=svg.line([self.at(x, y) for x, y in zip(xs, ys, strict=True)]), class_=kind)

    def axes(self) -> str:
        """Return the grid and the numbers at it."""
        parts = []
        bottom = self.height - self.bottom
        for value in svg.decades(*self.y) if self.log_y else svg.nice_steps(*self.y):
            y = self.down(value) or 0.0
            parts.append(svg.tag("path", d=f"M{self.left} {y:.1f}H{self.width - self.right}", class_="grid"))
            text = rate(value) if self.log_y else rounded(value, 5)
            parts.append(svg.tag("text", text, x=self.left - 5, y=y + 4, text_anchor="end", class_="tick"))
        for value in self.ticks or (svg.decades(*self.x) if self.log_x else svg.nice_steps(*self.x)):
            x = self.across(value) or 0.0
            text = rate(value) if self.log_x else rounded(value, 5)
            parts.append(svg.tag("path", d=f"M{x:.1f} {bottom}v4", class_="grid"))
            parts.append(svg.tag("text", text, x=x, y=bottom + 17, text_anchor="middle", class_="tick"))
        return "".join(parts)


def _share(value: float, ends: tuple[float, float], is_log: bool) -> float:
    low, high = map(math.log10, ends) if is_log else ends
    number = math.log10(max(value, ends[0])) if is_log else value
    return (number - low) / ((high - low) or 1.0)


@dataclass(frozen=True)
class Panels:
    """A large picture of all candidates, and a small one for each of some.

    A small one has what lies behind `shared`, which is drawn once for all, and what lies over it.
    """

    large: str
    frame: Frame
    small_frame: Frame
    shared: str
    small: Sequence[tuple[Row, str, str]]


LARGE, SMALL = (720, 260, 62), (270, 132, 48)  # width, height, room for the numbers on the left


def curves(view: View, quantity: str, rows: Sequence[Row]) -> Panels:
    """Return learning curves: "metric", or "loss" for validation (line) and training (dashes) together."""
    main = "metric" if quantity == "metric" else "val_loss"
    names = ("metric",) if quantity == "metric" else ("val_loss", "train_loss")
    all_rows = [row for row in view.rows if row.curves]
    known = {(row.index, name): chart_data.curve(view, row, name) for row in all_rows for name in names}
    y = chart_data.curve_limits(known.values())
    epochs = [float(each) for row in all_rows for each in known[row.index, main].epoch]
    x = (min(epochs, default=0.0), max(epochs, default=1.0))
    x = (min(x[0], 1.0), max(x[1], 1.0))
    x = x if x[0] < x[1] else (x[0] - 1, x[1])

    def context(frame: Frame) -> str:
        lines = (known[row.index, main] for row in all_rows)
        return "".join(frame.path(each.epoch, each.mean, "context") for each in lines)

    def subject(frame: Frame, row: Row) -> str:
        drawn = known[row.index, main]
        upper, lower = (
            [point for point in map(frame.at, drawn.epoch, part) if None not in point]
            for part in (drawn.high, drawn.low)
        )
        parts = [svg.tag("path", d=svg.band(upper, lower), class_="band")]  # type: ignore[arg-type]
        parts += [
            frame.path(known[row.index, n].epoch, known[row.index, n].mean, "dashes") for n in names[1:]
        ]
        return "".join([*parts, frame.path(drawn.epoch, drawn.mean, "subject")])

    return _panels(view, rows, _frames(x, y), context, subject)


def sweep(view: View, rows: Sequence[Row]) -> Panels:
    """Return the tuning: mean score over the rates, in a panel with every run, the choice ringed.

    The rates that are as good as the choice, within the margin, are shaded.
    """
    tuned = [row for row in view.rows if row.sweep]
    rates = [point["lr"] for row in tuned for point in row.sweep]
    x = (min(rates) / 1.3, max(rates) * 1.3)

    def mean_line(frame: Frame, row: Row, kind: str) -> str:
        points = sorted(row.sweep, key=lambda point: point["lr"])
        means = [chart_data.sweep_mean(view, point) for point in points]
        return frame.path([point["lr"] for point in points], means, kind)

    def context(frame: Frame) -> str:
        return "".join(mean_line(frame, row, "context") for row in tuned)

    def subject(frame: Frame, row: Row) -> str:
        parts = [_dots(frame, view, point) for point in row.sweep] if frame.width == SMALL[0] else []
        parts.append(mean_line(frame, row, "subject"))
        return "".join([*parts, *(_choice(frame, view, point) for point in row.sweep)])

    large, _ = _frames(x, chart_data.sweep_limits(view, runs=False), log_x=True)
    _, small = _frames(x, chart_data.sweep_limits(view), log_x=True)
    return _panels(view, rows, (large, small), context, subject, behind=_as_good)


def plans(view: View, rows: Sequence[Row]) -> Panels:
    """Return the schedules; the axis is logarithmic if their peaks differ more than tenfold."""
    planned = [row for row in view.rows if row.plan]
    peaks = [max(row.plan) for row in planned if max(row.plan) > 0] or [1.0]
    end = max(row.plan_epochs[-1] for row in planned) or 1.0
    is_log = max(peaks) > 10 * min(peaks)
    lowest = min((rate for row in planned for rate in row.plan if rate > 0), default=1.0)
    y = (max(lowest, max(peaks) / 1e4), max(peaks) * 1.2) if is_log else (0.0, max(peaks) * 1.05)

    def draw(frame: Frame, row: Row, kind: str) -> str:
        kept = chart_data.corners(row.plan_epochs, row.plan)
        return frame.path([row.plan_epochs[i] for i in kept], [row.plan[i] for i in kept], kind)

    def context(frame: Frame) -> str:
        return "".join(draw(frame, row, "context") for row in planned)

    frames = _frames((0.0, end), y, log_y=is_log)
    return _panels(view, rows, frames, context, lambda frame, row: draw(frame, row, "subject"))


def _frames(
    x: tuple[float, float], y: tuple[float, float], log_x: bool = False, log_y: bool = False
) -> tuple[Frame, Frame]:
    (width, height, left), (small_width, small_height, small_left) = LARGE, SMALL
    return (
        Frame(width, height, left, x, y, log_x, log_y),
        Frame(small_width, small_height, small_left, x, y, log_x, log_y),
    )


def _panels(
    view: View,
    rows: Sequence[Row],
    frames: tuple[Frame, Frame],
    context: Callable[[Frame], str],
    subject: Callable[[Frame, Row], str],
    behind: Callable[[Frame, Row], str] = lambda frame, row: "",
) -> Panels:
    """Return the pictures: `context` once, and over it the `subject` of the recommended row, or of each.

    What is `behind` lies under the context in the large picture.
    """
    large, small = frames
    chosen = view.recommended if view.recommended in rows else None
    shade = "" if chosen is None else behind(large, chosen)
    drawn = "" if chosen is None else subject(large, chosen)
    shared = small.axes() + context(small)
    each = [(row, behind(small, row), subject(small, row)) for row in rows]
    return Panels(shade + large.axes() + context(large) + drawn, large, small, shared, each)


def _as_good(frame: Frame, row: Row) -> str:
    """Return the shade of the rates that are as good as the chosen one."""
    if not row.lr_range:
        return ""
    low, high = (frame.across(end) or 0.0 for end in row.lr_range or ())
    height = frame.height - frame.top - frame.bottom
    return svg.tag("rect", x=low, y=frame.top, width=max(high - low, 1.0), height=height, class_="as-good")


def _dots(frame: Frame, view: View, point: RatePoint) -> str:
    x = frame.across(point["lr"]) or 0.0
    low, high = frame.y
    places = (
        frame.down(score) or 0.0 for score in chart_data.sweep_scores(view, point) if low <= score <= high
    )
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for y in sorted({round(place, 1) for place in places}))
    return svg.tag("path", d=dots, class_="dots") if dots else ""


def _choice(frame: Frame, view: View, point: RatePoint) -> str:
    """Return the ring of the chosen rate, or the cross of a rate that lost runs."""
    x, y = frame.at(point["lr"], chart_data.sweep_mean(view, point))
    if chart_data.has_lost(point):
        return svg.tag(
            "path", d=f"M{x or 0:.1f} {frame.height - frame.bottom - 8}m-4 -4l8 8m0 -8l-8 8", class_="lost"
        )
    if not point["chosen"] or x is None or y is None:
        return ""
    return svg.tag("circle", cx=x, cy=y, r=5, class_="ring")
