"""Plans as one small SVG: rates against time, drawn with text alone, so that nothing must be installed.

The same picture serves a notebook, `stepsize preview` and the gallery.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import ScheduleError
from stepsize.schedules.base import Schedule
from stepsize.schedules.curves import Array
from stepsize.schedules.phases import lengths

if TYPE_CHECKING:
    from stepsize.schedules.plan import Plan

LEFT, TOP, WIDTH, HEIGHT = 62, 30, 562, 220  # of the plot, inside a picture 640 wide
PICTURE, LINE = 640, 17
LETTERS = 80  # of 11 px monospaced, they fit beside a line of the legend
INK, MUTED, GRID = "#1f2328", "#59636e", "#e6e9ec"
COLOURS = ("#0a63b0", "#d55e00", "#009e73", "#b5478f", "#56b4e9", "#1f2328")  # apart for colour-blind eyes
DASHES = ("none", "7 4", "2 3")  # after the last colour they start again with the next dashes
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
USUAL_EPOCHS, USUAL_UPDATES, MOST_UPDATES = 50, 1_000, 1_000_000


class Curve(NamedTuple):
    """One line of a picture: a value per update, and its label in the legend."""

    label: str
    values: Array
    updates_per_epoch: int | None


def svg(plans: Sequence[Plan], title: str = "learning rate") -> str:
    """Return the plans over each other, on axes that start at 0, with their specs below.

    >>> from stepsize.schedules import linear
    >>> svg([linear(0.4).plan(updates=4)]).startswith("<svg ")
    True
    """
    return curves([curve(plan) for plan in plans], title + _left_out([plan.schedule for plan in plans]))


def curve(plan: Plan) -> Curve:
    """Return the curve of a plan, with its spec."""
    return Curve(str(plan.schedule), plan.values, plan.updates_per_epoch)


def _left_out(schedules: Sequence[Schedule]) -> str:
    """Return the names of the factors that only a metric moves, for the title."""
    names = sorted(
        {type(each.metric_factor).__name__ for each in schedules if each.metric_factor is not None}
    )
    return f", {' and '.join(names)} counted as 1" if names else ""


def axis(drawn: Sequence[Curve]) -> tuple[str, list[int], float]:
    """Return the unit of time, its updates in each curve, and where the time ends.

    It is counted in epochs if all curves know theirs, else in updates.
    """
    in_epochs = all(curve.updates_per_epoch for curve in drawn)
    units = [curve.updates_per_epoch or 1 if in_epochs else 1 for curve in drawn]
    end = max(len(curve.values) / unit for curve, unit in zip(drawn, units, strict=True))
    return "epoch" if in_epochs else "update", units, end


def curves(drawn: Sequence[Curve], title: str) -> str:
    """Return curves over each other, with their labels below."""
    counted, units, right = axis(drawn)
    levels = _ticks(max(float(curve.values.max()) for curve in drawn) or 1.0)
    top = levels[-1]
    parts = [
        *(_level(tick, _down(tick, top)) for tick in levels),
        *(_moment(tick, _across(tick, right)) for tick in _ticks(right) if tick <= right * (1 + 1e-9)),
        _words(LEFT, TOP - 14, title, "start"),
        _words(LEFT + WIDTH, TOP + HEIGHT + 34, counted, "end"),
    ]
    for index, (curve, unit) in enumerate(zip(drawn, units, strict=True)):
        kept = thinned(curve.values)
        parts.append(_line(index, _across(kept / unit, right), _down(curve.values[kept], top)))
    y = TOP + HEIGHT + 58
    for index, curve in enumerate(drawn):
        parts.append(f'<path d="M{LEFT},{y - 4}h22" {_stroke(index)}/>')
        for words in textwrap.wrap(curve.label, LETTERS):
            parts.append(
                f'<text x="{LEFT + 30}" y="{y}" font-size="11" font-family="{MONO}" fill="{INK}" '
                f'xml:space="preserve">{escape(words)}</text>'
            )
            y += LINE
    height = y - LINE // 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PICTURE} {height}" width="{PICTURE}" '
        f'height="{height}" font-family="{FONT}" font-size="12" role="img">\n'
        f'<rect width="{PICTURE}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def of_schedule(schedule: Schedule) -> str | None:
    """Return the picture of a schedule for a run of usual length, or None if it cannot be planned.

    The run is 50 epochs and 1,000 updates, or twice the longest length in the schedule. A free `lr`
    counts as 1.
    """
    if schedule.knobs - {"lr"}:
        return None  # such as w*run: its repr is all there is to show
    longest = {"epochs": USUAL_EPOCHS / 2, "updates": USUAL_UPDATES / 2, "run": 0.0}
    for each in (length for _, items in lengths(schedule) for length in items):
        longest[each.unit] = max(longest[each.unit], each.value)
    if max(longest["epochs"], longest["updates"]) > MOST_UPDATES / 2:
        return None
    epochs = math.ceil(2 * longest["epochs"])
    updates_per_epoch = math.ceil(2 * longest["updates"] / epochs)
    knobs = sorted(schedule.knobs)
    try:
        bound = schedule.bind(**dict.fromkeys(knobs, 1.0)) if knobs else schedule
        plan = bound.plan(epochs=epochs, updates_per_epoch=updates_per_epoch)
    except ScheduleError:
        return None  # such as a warmup that leads to nothing: its repr is all there is to show
    unit = " / ".join(["learning rate", *knobs])
    title = f"{unit}{_left_out([schedule])}, in a run of {epochs} epochs of {updates_per_epoch} updates"
    return curves([Curve(str(schedule), plan.values, updates_per_epoch)], title)


def thinned(values: Array, columns: int = WIDTH) -> NDArray[np.int64]:
    """Return the indices of `values` that a picture `columns` wide needs: both extremes of every column.

    >>> thinned(np.array([0.0, 9.0, 1.0, 1.0, 1.0, 5.0, 1.0, 1.0]), columns=2)
    array([0, 1, 4, 5, 7])
    """
    if len(values) <= 2 * columns:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), columns + 1).astype(np.int64)
    kept = {0, len(values) - 1}
    for start, end in pairwise(edges.tolist()):
        part = values[start:end]
        kept |= {start + int(part.argmin()), start + int(part.argmax())}
    return np.array(sorted(kept))


def _ticks(top: float) -> list[float]:
    """Return round numbers from 0 to the first that is not below `top`, four to six of them."""
    rough = max(top, 1e-300) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10, 20) if unit * factor >= rough * (1 - 1e-9))
    return [index * step for index in range(math.ceil(top / step - 1e-9) + 1)]


def _across(t: Any, right: float) -> Any:
    return LEFT + WIDTH * t / right


def _down(value: Any, top: float) -> Any:
    return TOP + HEIGHT * (1 - value / top)


def _level(tick: float, y: float) -> str:
    line = f'<path d="M{LEFT},{y:.1f}h{WIDTH}" stroke="{MUTED if tick == 0 else GRID}"/>'
    return line + _words(LEFT - 8, y + 4, f"{tick:.6g}", "end")


def _moment(tick: float, x: float) -> str:
    line = f'<path d="M{x:.1f},{TOP + HEIGHT}v4" stroke="{MUTED}"/>'
    return line + _words(x, TOP + HEIGHT + 18, f"{tick:.10g}", "middle")


def _words(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{MUTED}">{escape(text)}</text>'


def _stroke(index: int) -> str:
    dashes = DASHES[index // len(COLOURS) % len(DASHES)]
    return (
        f'fill="none" stroke="{COLOURS[index % len(COLOURS)]}" stroke-width="2" '
        f'stroke-linejoin="round" stroke-dasharray="{dashes}"'
    )


def _line(index: int, x: Array, y: Array) -> str:
    """Return a line through the points, which are marked when they are few."""
    points = [f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True)]
    dots = [
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{COLOURS[index % len(COLOURS)]}"/>'
        for a, b in zip(x, y, strict=True)
        if len(x) <= 30
    ]
    return f'<path d="M{"L".join(points)}" {_stroke(index)}/>' + "".join(dots)
