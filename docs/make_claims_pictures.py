"""The pictures of claims.md as SVG: differences from a baseline on several data sets, and ranges of rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from make_rates import STYLE

from stepsize.number_format import rate as rate_text
from stepsize.number_format import rounded
from stepsize.report.pictures.svg import decades, nice_steps

WIDTH, NAMES, GAP, ROW, HEAD = 640, 206, 18, 22, 44
WIDEST = 280  # of a panel
OWN = (
    "text { fill: var(--ink); font-size: 13px; } .muted { fill: var(--muted); }"
    ".title { font-weight: 600; } .band { fill: var(--grid); } .line { stroke: var(--grid); }"
    ".zero { stroke: var(--muted); stroke-dasharray: 3 3; fill: none; }"
    ".bar { stroke-width: 2.5; fill: none; stroke: var(--ink); } .mark { fill: var(--ink); }"
    ".better { stroke: var(--accent); fill: var(--accent); }"
    ".worse { stroke: var(--warn); fill: var(--warn); } .unsure { stroke: var(--muted); }"
    "text.lost { fill: var(--warn); stroke: var(--paper); stroke-width: 4px; paint-order: stroke; }"
    ".hollow { stroke: var(--muted); stroke-width: 1.5; fill: var(--paper); } .pale { opacity: 0.45; }"
)
CLASSES = {"better": "better", "worse": "worse", "not shown": "unsure", "equivalent": ""}  # of a bar
REACH = 7  # margins to either side, at most
HUNDREDTHS = 100.0  # differences are drawn in points, or hundredths of R²
LETTER = 7.3  # about the width of one
LOST = "every run diverges"

Counts = Callable[[Mapping[str, Any], str], bool]  # whether a candidate of an answer counts


class Bar(NamedTuple):
    """A range of good rates, the best of them, and whether the whole range says what the claim says."""

    label: str
    rate: float
    low: float
    high: float
    says_so: bool = False


class Group(NamedTuple):
    """Ranges of good rates under one title, and a rate with which they are compared."""

    title: str
    bars: Sequence[Bar]
    reference: float | None = None


def differences(comparisons: Sequence[Mapping[str, Any]], titles: Sequence[str], counts: Counts) -> str:
    """Return a row for every candidate, and a panel with its difference on every data set.

    Candidates that do not count are pale.
    """
    names = [each["name"] for each in comparisons[0]["candidates"]]
    width = min((WIDTH - NAMES - GAP * len(comparisons)) / len(comparisons), WIDEST)
    bottom = HEAD + ROW * len(names)
    parts = []
    for row, name in enumerate(names):
        kind = "" if not row or any(counts(each, name) for each in comparisons) else "muted"
        parts.append(_text(NAMES - 12, _middle(row) + 4, name, "end", kind))
    for number, (each, title) in enumerate(zip(comparisons, titles, strict=True)):
        parts += _panel(each, title, NAMES + number * (width + GAP), width, bottom, counts)
    parts.append(_text(NAMES - 12, bottom + 16, "difference from first row:", "end", "muted"))
    legend, height = _legend(_meanings(comparisons, counts), bottom + 42)
    words = "; ".join(f"{title}: {_in_words(each)}" for each, title in zip(comparisons, titles, strict=True))
    return _svg([*parts, *legend], height, f"Differences from {names[0]}. {words}")


def ranges(groups: Sequence[Group]) -> str:
    """Return a bar for every range of good rates on one axis, in groups with a title each."""
    bars = [bar for group in groups for bar in group.bars]
    low, high = min(bar.low for bar in bars) / 1.2, max(bar.high for bar in bars) * 1.2

    def across(rate: float) -> float:
        share = math.log(rate / low) / math.log(high / low)
        return round(NAMES + share * (WIDTH - NAMES - 10), 1)

    bottom = ROW * (len(bars) + len(groups)) + 4
    ticks = [value for value in decades(low, high) if low <= value <= high]
    parts = [f'<path class="line" d="M{across(value)} 4V{bottom}"/>' for value in ticks]
    parts += [_text(across(value), bottom + 16, rate_text(value), "middle", "muted") for value in ticks]
    parts.append(_text(NAMES - 12, bottom + 16, "learning rate, log scale:", "end", "muted"))
    row = 0
    for group in groups:
        parts.append(_text(0, ROW * row + 18, group.title, "start", "title"))
        row += 1
        if group.reference is not None:
            x, top = across(group.reference), ROW * row + 2
            parts.append(f'<path class="zero" d="M{x} {top}V{top + ROW * len(group.bars)}"/>')
        for bar in group.bars:
            y, kind = ROW * row + 14, " better" if bar.says_so else ""
            parts.append(_text(NAMES - 12, y + 4, bar.label, "end"))
            parts.append(f'<path class="bar{kind}" d="M{across(bar.low)} {y}H{across(bar.high)}"/>')
            parts.append(_diamond(across(bar.rate), y, f"mark{kind}"))
            row += 1
    meanings = [("bar", "line: the good rates"), ("mark", "the best rate")]
    if any(group.reference is not None for group in groups):
        meanings += [("zero", "the best constant rate"), ("mark better", "says so")]
    legend, height = _legend(meanings, bottom + 26)
    words = "; ".join(f"{bar.label} {rate_text(bar.rate)}" for bar in bars)
    return _svg([*parts, *legend], height, f"Best rates: {words}")


def _panel(
    each: Mapping[str, Any], title: str, left: float, width: float, bottom: float, counts: Counts
) -> Iterator[str]:
    reach = _reach(each)

    def across(value: float) -> float:
        return round(left + width * (max(min(value, reach), -reach) + reach) / (2 * reach), 1)

    yield _text(left + width / 2, 14, title, "middle", "title")
    yield _text(left + width / 2, 32, _score(each), "middle", "muted")
    low, high = across(-each["margin"]), across(each["margin"])
    yield f'<rect class="band" x="{low}" y="{HEAD}" width="{high - low:.1f}" height="{bottom - HEAD}"/>'
    yield f'<path class="zero" d="M{across(0)} {HEAD}V{bottom}"/>'
    ends = HUNDREDTHS * reach
    ticks = [value for value in nice_steps(-ends, ends) if abs(value) < 0.85 * ends]
    for value in (min(ticks), max(ticks)):
        text = ("−" if value < 0 else "+") + rounded(abs(value), 3)
        yield _text(across(value / HUNDREDTHS), bottom + 16, text, "middle", "muted")
    unit = "hundredths of R²" if each["metric"] == "r2" else "points"
    yield _text(left + width / 2, bottom + 32, unit, "middle", "muted")
    for number, row in enumerate(each["candidates"]):
        mark = _mark(row, _middle(number), across, reach)
        yield mark if not number or counts(each, row["name"]) else f'<g class="pale">{mark}</g>'


def _reach(each: Mapping[str, Any]) -> float:
    """Return the largest difference, to either side, that a panel has room for."""
    ends = [abs(value) for row in each["candidates"] for value in row["difference_ci95"] or ()]
    return min(max(1.5 * each["margin"], *ends), REACH * each["margin"]) * 1.05


def _mark(row: Mapping[str, Any], y: float, across: Callable[[float], float], reach: float) -> str:
    """Return the mean and the interval of a difference, or what stands in their place."""
    if row["word"] == "baseline":
        return _circle(across(0), y)
    kind = CLASSES[row["word"]]
    if row["difference"] is None:
        return _text(across(-reach), y + 4, LOST, "start", "lost")
    if abs(row["difference"]) > reach:
        return _arrow(across(row["difference"]), y, row["difference"], kind)
    low, high = map(across, row["difference_ci95"])
    diamond = _diamond(across(row["difference"]), y, "hollow" if kind == "unsure" else f"mark {kind}")
    return f'<path class="bar {kind}" d="M{low} {y}H{high}"/>{diamond}'


def _meanings(comparisons: Sequence[Mapping[str, Any]], counts: Counts) -> list[tuple[str, str]]:
    """Return the marks of a picture of differences, each with what it means."""
    rows = [(each, row) for each in comparisons for row in each["candidates"][1:]]
    there = {row["word"] for _, row in rows}
    marks = {"better": "mark better", "equivalent": "mark", "not shown": "hollow", "worse": "mark worse"}
    meanings = [("circle", "first row"), ("bar", "line: 95 % interval"), ("band", "margin")]
    meanings += [(mark, word) for word, mark in marks.items() if word in there]
    if any(abs(row["difference"] or 0) > _reach(each) for each, row in rows):
        meanings.append(("arrow", "beyond the picture"))
    if not all(counts(each, row["name"]) for each, row in rows):
        meanings.append(("pale", "pale: not counted"))
    return meanings


def _legend(meanings: Sequence[tuple[str, str]], top: float) -> tuple[list[str], float]:
    """Return the marks with their meanings, in as many lines as they need, and where they end."""
    parts, x, y = [], 8.0, top + 10
    for kind, meaning in meanings:
        width = 34 + LETTER * len(meaning)
        if x + width > WIDTH:
            x, y = 8.0, y + ROW
        parts += [_sign(kind, x + 8, y), _text(x + 22, y + 4, meaning, "start", "muted")]
        x += width
    return parts, y + 14


def _sign(kind: str, x: float, y: float) -> str:
    if kind == "circle":
        return _circle(x, y)
    if kind in ("bar", "zero"):
        return f'<path class="{kind}" d="M{x - 8} {y}h16"/>'
    if kind == "band":
        return f'<rect class="band" x="{x - 8}" y="{y - 7}" width="16" height="14"/>'
    if kind == "arrow":
        return _arrow(x + 4, y, 1, "")
    return _diamond(x, y, "mark pale" if kind == "pale" else kind)


def _score(each: Mapping[str, Any]) -> str:
    score = each["candidates"][0]["mean"]
    return f"R² {score:.3f}" if each["metric"] == "r2" else f"{score * HUNDREDTHS:.1f} %"


def _in_words(each: Mapping[str, Any]) -> str:
    return ", ".join(f"{row['name']} {row['word']}" for row in each["candidates"])


def _middle(row: int) -> float:
    return HEAD + ROW * (row + 0.5)


def _diamond(x: float, y: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{x:.1f} {y}m-5 0l5 -5l5 5l-5 5z"/>'


def _circle(x: float, y: float) -> str:
    return f'<circle class="hollow" cx="{x:.1f}" cy="{y}" r="4"/>'


def _arrow(x: float, y: float, way: float, kind: str) -> str:
    return f'<path class="mark {kind}" d="M{x:.1f} {y}l{-math.copysign(9, way)} -5v10z"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    class_ = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{class_}>{escape(text)}</text>'


def _svg(parts: Sequence[str], height: float, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(label, quote=True)}">\n<style>{STYLE}{OWN}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
