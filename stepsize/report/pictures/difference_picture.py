"""The differences of a study as one image, for a notebook, a slide or a message."""

from __future__ import annotations

import textwrap

from stepsize.report.pictures.differences import Differences, Mark, differences, words
from stepsize.report.pictures.picture import Picture
from stepsize.report.pictures.svg import tag
from stepsize.report.terminal_text import safe, shorten
from stepsize.report.view_model import View, view
from stepsize.verdict.answer import Answer
from stepsize.verdict.series import Details

WIDTH, ROW, EDGE = 900, 26, 12
LEFT, RIGHT, GAP = 300, 190, 14  # for the names, and for the numbers, beside the plot
PLOT = WIDTH - LEFT - RIGHT
LETTERS = 92  # of the headline in a line
SMALL_LETTERS = 118  # of the line below it
NAME = 44  # letters of a name
INK, MUTED, GRID, BAND, ACCENT = "#1f2328", "#59636e", "#d5dae0", "#eceff2", "#0a63b0"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"


def difference_picture(answer: Answer, details: Details, headline: bool = True) -> Picture:
    """Return the headline of a study above the differences of its candidates; the headline alone if none."""
    shown = view(answer, details)
    drawn = differences(shown)
    lines = textwrap.wrap(safe(shown.headline), LETTERS) if headline else []
    top = 30 + 24 * len(lines)
    parts = [
        _text(0, 20 + 24 * number, text, size=17, weight=600, fill=INK) for number, text in enumerate(lines)
    ]
    for line in textwrap.wrap(safe(f"{shown.title}, {shown.subtitle}"), SMALL_LETTERS):
        parts.append(_text(0, top, line, fill=MUTED))
        top += 18
    top -= 18
    height = top + 16
    if drawn is not None:
        parts += _plot(drawn, shown, top + 20)
        height = top + 20 + ROW * len(drawn.marks) + 46
    width, height = WIDTH + 2 * EDGE, height + 2 * EDGE
    parts.insert(0, tag("rect", x=-EDGE, y=-EDGE, width=width, height=height, fill="#ffffff"))
    content = "\n".join(parts)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-{EDGE} -{EDGE} {width} {height}" '
        f'width="{width}" height="{height}" font-family="{FONT}" font-size="13" role="img">\n'
        f"{content}\n</svg>\n"
    )
    return Picture(svg, width, height, safe(shown.headline))


def _plot(drawn: Differences, shown: View, top: float) -> list[str]:
    bottom = top + ROW * len(drawn.marks)
    low, high = map(_x, drawn.margin)
    parts = [tag("rect", x=low, y=top, width=high - low, height=bottom - top, fill=BAND)]
    for place, text in drawn.ticks:
        parts.append(tag("path", d=f"M{_x(place):.1f} {top}V{bottom}", stroke=GRID))
        parts.append(_text(_x(place), bottom + 16, text, anchor="middle", fill=MUTED))
    parts.append(tag("path", d=f"M{_x(drawn.zero):.1f} {top}V{bottom}", stroke=MUTED, stroke_dasharray="3 3"))
    for number, mark in enumerate(drawn.marks):
        parts += _row(mark, top + ROW * (number + 0.5))
    unit = f" in {drawn.unit}" if drawn.unit else ""
    axis = f"← {drawn.left} · difference from {shown.baseline}{unit} · {drawn.right} →"
    parts.append(_text(LEFT + PLOT / 2, bottom + 36, safe(axis), anchor="middle", fill=MUTED))
    parts.append(_text(0, bottom + 16, f"grey: within {shown.margin_text}", fill=MUTED))
    return parts


def _row(mark: Mark, y: float) -> list[str]:
    row = mark.row
    colour, weight = (ACCENT, 600) if row.recommended else (INK, 400)
    name = shorten(safe(row.name + (f", {row.settings}" if row.shows_settings else "")), NAME)
    parts = [_text(LEFT - GAP, y + 4, name, anchor="end", weight=weight, fill=colour)]
    parts.append(_text(LEFT + PLOT + GAP, y + 4, words(row), weight=weight, fill=colour))
    if mark.low is not None and mark.high is not None:
        parts.append(
            tag("path", d=f"M{_x(mark.low):.1f} {y}H{_x(mark.high):.1f}", stroke=colour, stroke_width=3)
        )
    if mark.mean is not None:
        hollow = (
            {"fill": "#ffffff", "stroke": MUTED, "stroke_width": 1.5} if row.baseline else {"fill": colour}
        )
        parts.append(tag("path", d=f"M{_x(mark.mean):.1f} {y}m-6 0l6 -6l6 6l-6 6z", **hollow))
    return parts


def _x(place: float) -> float:
    return LEFT + PLOT * place / 100


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, weight: int = 400, fill: str
) -> str:
    return tag("text", text, x=x, y=y, text_anchor=anchor, font_size=size, font_weight=weight, fill=fill)
