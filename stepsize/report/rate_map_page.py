"""A map of rates as one offline HTML file, and as a small piece of HTML for a notebook.

The pictures are plain SVG: the score over the rate, with a zone for every word, and a small panel with the
losses of every rate. Nothing is loaded, and nothing needs a script.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from stepsize.number_format import MISSING, Scale, rate, rounded
from stepsize.rate_map.answer import MapAnswer, RateAnswer, RateMapAnswer
from stepsize.report.page_templates import inline, template
from stepsize.report.pictures.picture import Picture
from stepsize.report.pictures.svg import nice_steps
from stepsize.report.terminal.rate_map import cost_text, optimizer_text, scale_of

WIDTH, HEIGHT = 720, 250  # of the large picture, in its own units
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 26, 34  # room for axes and the names of the zones
PANEL = (180, 84)
COLOUR = re.compile(r"var\(--([a-z-]+)\)")
LIGHT = {  # the colours of the page, for an image
    "paper": "#ffffff", "ink": "#1f2328", "muted": "#59636e", "context": "#c3c9d0", "grid": "#e6e9ec",
    "raised": "#f6f7f9", "accent": "#0a63b0", "accent-soft": "#e8f1fa", "warn": "#a8480a",
    "warn-soft": "#fdf3ea",
}  # fmt: skip
ALONE = "svg { font-family: system-ui, 'DejaVu Sans', sans-serif; }"
BACKGROUND = '<path fill="#ffffff" d="M0 0H10000V10000H0Z"/>'
ROOM = 6.6  # of a character in the name of a zone
ZONES = {
    "best": "good",
    "good": "good",
    "too small": "small",
    "slow": "small",
    "unstable": "large",
    "overfits": "large",
    "too large": "large",
    "diverges": "large",
}


@dataclass(frozen=True)
class Dot:
    """One rate in the large picture."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    row: RateAnswer
    label: str


@dataclass(frozen=True)
class Zone:
    """Neighbouring rates with the same word."""

    x: float
    width: float
    word: str
    kind: str
    is_named: bool


@dataclass(frozen=True)
class MapPicture:
    """The score over the rate: dots with their intervals, zones, and the ticks of both axes."""

    dots: list[Dot]
    line: str
    zones: list[Zone]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class Panel:
    """The losses of one rate over the epochs, as paths."""

    row: RateAnswer
    rate: str
    training: str
    validation: str


def render(answer: RateMapAnswer) -> str:
    """Write a map of rates as one HTML file that needs no network.

    Raises: MissingExtra if jinja2 is not installed.
    """
    css = inline("page.css") + inline("rate_map.css")
    return template("rate_map.html.jinja").render(**_content(answer), css=css)


def fragment(answer: RateMapAnswer) -> str:
    """Write sentences, pictures and tables as HTML without scripts or styles, for a notebook.

    Code hosts keep all of it when they show a saved notebook.

    Raises: MissingExtra if jinja2 is not installed.
    """
    from markupsafe import Markup

    images = [Markup("" if drawn is None else drawn.as_img()) for drawn in map_pictures(answer)]
    return template("rate_map_fragment.html.jinja").render(**_content(answer), images=images)


def map_pictures(answer: RateMapAnswer) -> list[Picture | None]:
    """Return the large picture of every map as an image; None for a map whose runs all diverged.

    Raises: MissingExtra if jinja2 is not installed.
    """
    content = _content(answer)
    css = COLOUR.sub(lambda found: LIGHT[found[1]], f"{inline('rate_map.css')}{ALONE}")
    macros: Any = template("rate_map_macros.html.jinja").module
    pictures: list[Picture | None] = []
    for each in content["maps"]:
        drawn = str(macros.picture(each, content["size"], content["frame"])).strip()
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        svg = drawn.replace("<svg ", head, 1).replace(">", f"><style>{css}</style>{BACKGROUND}", 1)
        pictures.append(Picture(svg, WIDTH, HEIGHT, each["sentence"]) if drawn else None)
    return pictures


def _content(answer: RateMapAnswer) -> dict[str, Any]:
    """Return what both templates show."""
    protocol, study = answer["study"]["protocol"], answer["study"]
    rows = f"{answer['data']['rows']:,} rows, " if answer["data"].get("rows") else ""
    return {
        "answer": answer,
        "title": f"Learning rates of {study['name']}",
        "subtitle": f"{protocol['model']}, {optimizer_text(protocol['optimizer'])}; {rows}"
        f"{protocol['epochs']:,} epochs, {len(study['seeds'])} seeds, constant rates",
        "maps": [_map(protocol, each) for each in answer["maps"]],
        "cost": cost_text(answer),
        "versions": study["versions"],
        "size": (WIDTH, HEIGHT),
        "frame": (LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
        "panel": PANEL,
    }


def _map(protocol: dict[str, Any], each: MapAnswer) -> dict[str, Any]:
    scale = scale_of(protocol, each)
    return {
        "heading": ", ".join(f"{key}={value}" for key, value in each["settings"].items()),
        "sentence": each["sentence"],
        "scale": scale,
        "picture": picture(each, scale),
        "panels": panels(each),
        "rows": [
            {
                "answer": row,
                "rate": rate(row["rate"]),
                "score": MISSING if row["mean"] is None else scale.plus_minus(row["mean"], row["ci95"]),
                "runs": f"{row['n'] - row['diverged']} of {row['n']}" if row["diverged"] else row["n"],
                "is_best": row["word"] == "best",
            }
            for row in each["rates"]
        ],
    }


def picture(each: MapAnswer, scale: Scale) -> MapPicture | None:
    """Return the score over the logarithm of the rate; None if no run finished."""
    rows = each["rates"]
    means = [value for row in rows if (value := scale.shown(row["mean"])) is not None]
    if not means:
        return None
    ends = [value for row in rows for end in row["ci95"] or [] if (value := scale.shown(end)) is not None]
    low, high = min(means + ends), max(means + ends)
    pad = 0.06 * (high - low) or 1.0
    low, high = low - pad, high + pad
    first, last = math.log10(rows[0]["rate"]), math.log10(rows[-1]["rate"])
    around = 0.12 * max(last - first, 0.5)
    first, last = first - around / 2, last + around / 2

    def x(value: float) -> float:
        share = (math.log10(value) - first) / (last - first)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float | None) -> float | None:
        if (number := scale.shown(value)) is None:
            return None
        return round(TOP + (high - number) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    dots = []
    for row in rows:
        bottom, top = row["ci95"] or (None, None)
        label = f"{rate(row['rate'])}: {row['word']}; {row['reason']}"
        dots.append(Dot(x(row["rate"]), y(row["mean"]), y(bottom), y(top), row, label))
    line = "L".join(f"{dot.x:g} {dot.y:g}" for dot in dots if dot.y is not None)
    decades = range(math.ceil(first), math.floor(last) + 1)
    height = HEIGHT - TOP - BOTTOM
    return MapPicture(
        dots=dots,
        line=f"M{line}",
        zones=_zones(dots),
        x_ticks=[(x(10.0**decade), rate(10.0**decade)) for decade in decades],
        y_ticks=[
            (round(TOP + (high - value) / (high - low) * height, 1), rounded(value, 5))
            for value in nice_steps(low, high)
        ],
    )


def _zones(dots: Sequence[Dot]) -> list[Zone]:
    """Return the zones of the words; the best rate is a good one. They meet halfway between two rates."""
    words = ["good" if dot.row["word"] == "best" else dot.row["word"] for dot in dots]
    middles = [(one.x + other.x) / 2 for one, other in pairwise(dots)]
    edges = [float(LEFT), *middles, float(WIDTH - RIGHT)]
    zones = []
    for word, members in groupby(range(len(dots)), key=words.__getitem__):
        numbers = list(members)
        left, right = edges[numbers[0]], edges[numbers[-1] + 1]
        room = right - left >= ROOM * len(word)
        zones.append(Zone(round(left, 1), round(right - left, 1), word, ZONES[word], room))
    return zones


def panels(each: MapAnswer) -> list[Panel]:
    """Return the median losses of every rate, all on one scale, up to the first loss of the lowest rate."""
    losses = [row[key] for row in each["rates"] for key in ("train_loss", "valid_loss") if row[key]]
    finite = [value for series in losses for value in series if value is not None and math.isfinite(value)]
    if not finite:
        return []
    first = next(row["train_loss"][0] for row in each["rates"] if row["train_loss"])
    low = min(finite)
    high = max(first if first is not None and math.isfinite(first) else max(finite), low + 1e-12)
    return [
        Panel(
            row, rate(row["rate"]), _path(row["train_loss"], low, high), _path(row["valid_loss"], low, high)
        )
        for row in each["rates"]
    ]


def _path(series: Sequence[float | None], low: float, high: float) -> str:
    """Return the path of a loss in a panel; losses above its top are drawn along the top."""
    width, height = PANEL
    last = max(len(series) - 1, 1)
    points = []
    for number, value in enumerate(series):
        if value is not None and math.isfinite(value):
            share = (min(value, high) - low) / (high - low)
            points.append(f"{round(number * width / last, 1):g} {round((1 - share) * height, 1):g}")
    return "M" + "L".join(points) if points else ""
