"""The law between a value and its best rate as a picture, and as a piece of HTML for a notebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from stepsize.report.pictures import svg
from stepsize.report.pictures.charts import Frame
from stepsize.report.pictures.picture import Picture
from stepsize.scaling.answer import BothAnswer, ScalingAnswer, ValueAnswer
from stepsize.scaling.summary import base_of, held_text, law_of, laws_of, rate_text

Law = Callable[[float], tuple[float, tuple[float, float]]]
"""The rate of a value, with its 95 % interval."""

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 720, 320, 62, 44, 16, 30
HALF = 570  # the width of one of two panels
STYLE = (
    ".tick, .name { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #59636e; }"
    " .grid, .law, .rule-1, .rule-2, .range { fill: none; } .grid { stroke: #e6e9ec; }"
    " .band { fill: #dce9f5; } .law { stroke: #0a63b0; stroke-width: 2; } .range { stroke: #0a63b0; }"
    " .rule-1, .rule-2 { stroke: #59636e; } .rule-1 { stroke-dasharray: 7 4; }"
    " .rule-2 { stroke-dasharray: 2 4; } .point { fill: #ffffff; stroke: #0a63b0; stroke-width: 2; }"
)
STEPS = 24  # pieces of the band's edges, which are curved
SAMPLE, LETTER = 26, 6.6  # widths in the key: of a line, and of a letter beside it


def scaling_picture(answer: ScalingAnswer | BothAnswer) -> Picture | None:
    """Return the best rate of every value with its good rates, the law with its 95 % band, and the rules.

    Two laws are drawn side by side. None if fewer than two values of a law have a rate.
    """
    laws = laws_of(answer)
    if any(len(_rated(law)) < 2 for law in laws):
        return None
    width = WIDTH if len(laws) == 1 else HALF
    rates = _rates([each for law in laws for each in _rated(law)])
    parts = [svg.tag("rect", width=width * len(laws), height=HEIGHT, fill="#ffffff")]
    for number, law in enumerate(laws):
        panel = "\n".join(_panel(law, width, rates, named=len(laws) > 1))
        parts.append(f'<g transform="translate({number * width} 0)">{panel}</g>' if number else panel)
    text = svg.document(width * len(laws), HEIGHT, STYLE, parts)
    return Picture(text, width * len(laws), HEIGHT, answer["sentence"])


def fragment(answer: ScalingAnswer | BothAnswer) -> str:
    """Write sentence, picture and rates as HTML without scripts or styles."""
    picture, laws = scaling_picture(answer), laws_of(answer)
    rows = "".join(
        f'<tr><td align="right">{each[0]["value"]:g}</td>'
        + "".join(f'<td align="left">{escape(rate_text(one))}</td>' for one in each)
        + "</tr>"
        for each in zip(*(law["values"] for law in laws), strict=True)
    )
    titles = (
        ["best rate (good rates)"]
        if len(laws) == 1
        else [held_text(law["hold"], law["values"]) for law in laws]
    )
    head = "".join(f"<th>{escape(title)}</th>" for title in (answer["along"], *titles))
    sentences = dict.fromkeys(law["noise_scale"]["sentence"] for law in laws if law["noise_scale"])
    notes = dict.fromkeys(note for law in laws for note in law["notes"])
    return (
        f"<div><h4>{escape(answer['sentence'])}</h4>"
        + "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
        + (picture.as_img() if picture else "")
        + f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        + "".join(f"<p><small>{escape(note)}</small></p>" for note in notes)
        + "</div>"
    )


def _rated(answer: ScalingAnswer) -> list[ValueAnswer]:
    """Return the values that have a rate."""
    return [each for each in answer["values"] if each["rate"] is not None and each["range"] is not None]


def _panel(answer: ScalingAnswer, width: int, rates: tuple[float, float], named: bool) -> list[str]:
    """Return the plot of one law; `named` adds what was held fixed to the name of the axis."""
    along, rated = answer["along"], _rated(answer)
    power_law = law_of(along, answer["values"])
    places = sorted(base_of(along, each["value"]) for each in rated)
    x = (places[0] / 1.25, places[-1] * 1.25)
    frame = Frame(width, HEIGHT, LEFT, x, rates, log_x=True, log_y=True, top=TOP, right=RIGHT, bottom=BOTTOM,
                  ticks=places)  # fmt: skip
    parts = [] if power_law is None else [_band(frame, power_law.predict)]
    parts.append(frame.axes())
    if power_law is not None and answer["law"] is not None:
        law = power_law.predict
        rules = [(f"rule-{i}", rule) for i, rule in enumerate(answer["law"]["rules"], 1)]
        parts += [_rule(frame, law, rule["exponent"], kind) for kind, rule in rules]
        parts.append(frame.path(x, [law(end)[0] for end in x], "law"))
        parts.append(
            _key([("law", "law, with its 95 % band"), *((kind, rule["name"]) for kind, rule in rules)])
        )
    parts += [_point(frame, base_of(along, each["value"]), each) for each in rated]
    name = "1 − momentum" if along == "momentum" else along
    name += f", {held_text(answer['hold'], answer['values'])}" if named else ""
    parts.append(svg.tag("text", "lr", x=LEFT - 5, y=18, text_anchor="end", class_="name"))
    parts.append(svg.tag("text", name, x=width - RIGHT, y=HEIGHT - 6, text_anchor="end", class_="name"))
    return parts


def _rates(rated: Sequence[ValueAnswer]) -> tuple[float, float]:
    """Return the lowest and the highest rate of the picture: it has room for all good rates."""
    ends = [end for each in rated for end in each["range"] or ()]
    return min(ends) / 1.5, max(ends) * 1.5


def _band(frame: Frame, law: Law) -> str:
    first, last = map(math.log10, frame.x)
    steps = [10 ** (first + (last - first) * step / STEPS) for step in range(STEPS + 1)]
    edges = [[frame.at(place, law(place)[1][side]) for place in steps] for side in (1, 0)]
    return svg.tag("path", d=svg.band(*edges), class_="band")  # type: ignore[arg-type]


def _rule(frame: Frame, law: Law, exponent: float, kind: str) -> str:
    """Return the line of a rule through the middle of the law, as far as it lies in the frame."""
    low, high = frame.x
    middle = math.sqrt(low * high)
    center = law(middle)[0]
    inside = sorted(middle * (end / center) ** (1 / exponent) for end in frame.y)
    ends = max(low, inside[0]), min(high, inside[1])
    return frame.path(ends, [center * (end / middle) ** exponent for end in ends], kind)


def _key(lines: Sequence[tuple[str, str]]) -> str:
    """Return a sample of each line with its name, side by side at the top."""
    parts, x = [], LEFT + 18.0
    for kind, name in lines:
        parts.append(svg.tag("path", d=f"M{x:.1f} 14h{SAMPLE}", class_=kind))
        parts.append(svg.tag("text", name, x=x + SAMPLE + 6, y=18, class_="name"))
        x += SAMPLE + 6 + LETTER * len(name) + 18
    return "".join(parts)


def _point(frame: Frame, place: float, each: ValueAnswer) -> str:
    assert each["rate"] is not None
    assert each["range"] is not None
    x, y = frame.at(place, each["rate"])
    assert x is not None
    assert y is not None
    low, high = (frame.down(end) or 0.0 for end in each["range"])
    bar = svg.tag("path", d=f"M{x:.1f} {low:.1f}V{high:.1f}", class_="range")
    return bar + svg.tag("circle", cx=x, cy=y, r=5, class_="point")
