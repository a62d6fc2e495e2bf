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

WIDTH, NAMES, GAP, ROW, HEAD, FOOT = 640, 206, 18, 22, 44, 22
WIDEST = 280  # of a panel
OWN = (
    "text { fill: var(--ink); font-size: 13px; } .muted { fill: var(--muted); }"
    ".title { font-weight: 600; } .band { fill: var(--grid); } .line { stroke: var(--grid); }"
    ".zero { stroke: var(--muted); stroke-dasharray: 3 3; fill: none; }"
    ".bar { stroke-width: 2.5; fill: none; stroke: var(--ink); } .mark { fill: var(--ink); }"
    ".better { stroke: var(--accent); fill: var(--accent); }"
    ".worse { stroke: var(--warn); fill: var(--warn); } .unsure { stroke: var(--muted); }"
    ".hollow { stroke: var(--muted); stroke-width: 1.5; fill: var(--paper); }"
)
CLASSES = {"better": "better", "worse": "worse", "not shown": "unsure"}  # of a bar
REACH = 7  # margins to either side, at most
HUNDREDTHS = 100.0  # differences are drawn in points, or hundredths of R2


class Bar(NamedTuple):
    """A range of good rates, and the best of them."""

    label: str
    rate: float
    low: float
    high: float


def differences(comparisons: Sequence[Mapping[str, Any]], titles: Sequence[str]) -> str:
    """Return a row for every candidate, and a panel with its difference on every data set."""
    names = [each["name"] for each in comparisons[0]["candidates"]]
    width = min((WIDTH - NAMES - GAP * len(comparisons)) / len(comparisons), WIDEST)
    height = HEAD + ROW * len(names) + FOOT
    parts = [_text(NAMES - 12, _middle(row) + 4, name, "end") for row, name in enumerate(names)]
    for number, (each, title) in enumerate(zip(comparisons, titles, strict=True)):
        parts += _panel(each, title, NAMES + number * (width + GAP), width, HEAD + ROW * len(names))
    words = "; ".join(f"{title}: {_in_words(each)}" for each, title in zip(comparisons, titles, strict=True))
    return _svg(parts, height, f"Differences from {names[0]}. {words}")


def ranges(groups: Mapping[str, Sequence[Bar]]) -> str:
    """Return a bar for every range of good rates on one axis, in groups with a title each."""
    bars = [bar for group in groups.values() for bar in group]
    low, high = min(bar.low for bar in bars) / 1.2, max(bar.high for bar in bars) * 1.2

    def across(rate: float) -> float:
        share = math.log(rate / low) / math.log(high / low)
        return round(NAMES + share * (WIDTH - NAMES - 10), 1)

    bottom = ROW * (len(bars) + len(groups)) + 4
    ticks = [value for value in decades(low, high) if low <= value <= high]
    parts = [f'<path class="line" d="M{across(value)} 4V{bottom}"/>' for value in ticks]
    parts += [_text(across(value), bottom + 16, rate_text(value), "middle", "muted") for value in ticks]
    row = 0
    for title, group in groups.items():
        parts.append(_text(0, ROW * row + 18, title, "start", "title"))
        row += 1
        for bar in group:
            y = ROW * row + 14
            parts.append(_text(NAMES - 12, y + 4, bar.label, "end"))
            parts.append(f'<path class="bar unsure" d="M{across(bar.low)} {y}H{across(bar.high)}"/>')
            parts.append(_diamond(across(bar.rate), y, "mark better"))
            row += 1
    words = "; ".join(f"{bar.label} {rate_text(bar.rate)}" for bar in bars)
    return _svg(parts, bottom + FOOT, f"Best rates: {words}")


def _panel(each: Mapping[str, Any], title: str, left: float, width: float, bottom: float) -> Iterator[str]:
    margin = each["margin"] * HUNDREDTHS
    ends = [abs(value) * HUNDREDTHS for row in each["candidates"] for value in row["difference_ci95"] or ()]
    reach = min(max(1.5 * margin, *ends), REACH * margin) * 1.05

    def across(value: float) -> float:
        return round(left + width * (max(min(value * HUNDREDTHS, reach), -reach) + reach) / (2 * reach), 1)

    yield _text(left + width / 2, 14, title, "middle", "title")
    yield _text(left + width / 2, 32, _score(each), "middle", "muted")
    low, high = across(-each["margin"]), across(each["margin"])
    yield f'<rect class="band" x="{low}" y="{HEAD}" width="{high - low:.1f}" height="{bottom - HEAD}"/>'
    yield f'<path class="zero" d="M{across(0)} {HEAD}V{bottom}"/>'
    ticks = [value for value in nice_steps(-reach, reach) if abs(value) < 0.85 * reach]
    for value in (min(ticks), max(ticks)):
        text = ("−" if value < 0 else "+") + rounded(abs(value), 3)
        yield _text(across(value / HUNDREDTHS), bottom + 16, text, "middle", "muted")
    for number, row in enumerate(each["candidates"]):
        yield _mark(row, _middle(number), across, reach / HUNDREDTHS)


def _mark(row: Mapping[str, Any], y: float, across: Callable[[float], float], reach: float) -> str:
    """Return the mean and the interval of a difference, or what stands in their place."""
    if row["word"] == "baseline":
        return _diamond(across(0), y, "hollow")
    if row["difference"] is None:
        return _text(across(-reach), y + 4, "diverges", "start")
    kind = CLASSES.get(row["word"], "")
    if abs(row["difference"]) > reach:
        way = math.copysign(9, row["difference"])
        return f'<path class="mark {kind}" d="M{across(row["difference"])} {y}l{-way} -5v10z"/>'
    low, high = map(across, row["difference_ci95"])
    diamond = _diamond(across(row["difference"]), y, "hollow" if kind == "unsure" else f"mark {kind}")
    return f'<path class="bar {kind}" d="M{low} {y}H{high}"/>{diamond}'


def _score(each: Mapping[str, Any]) -> str:
    score = each["candidates"][0]["mean"]
    return f"R² {score:.3f}" if each["metric"] == "r2" else f"{score * HUNDREDTHS:.1f} %"


def _in_words(each: Mapping[str, Any]) -> str:
    return ", ".join(f"{row['name']} {row['word']}" for row in each["candidates"])


def _middle(row: int) -> float:
    return HEAD + ROW * (row + 0.5)


def _diamond(x: float, y: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{x} {y}m-5 0l5 -5l5 5l-5 5z"/>'


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
