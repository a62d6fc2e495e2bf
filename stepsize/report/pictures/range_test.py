"""A range test as an image, and as a piece of HTML for a notebook: the loss over the learning rate."""

from __future__ import annotations

from html import escape

from stepsize.number_format import rate
from stepsize.range_test.answer import RangeTestAnswer
from stepsize.report.pictures import svg
from stepsize.report.pictures.charts import LARGE, Frame
from stepsize.report.pictures.picture import Picture

STYLE = (
    ".tick { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #59636e; }"
    " .grid, .subject { fill: none; } .grid { stroke: #e6e9ec; } .band { fill: #dce9f5; }"
    " .subject { stroke: #0a63b0; stroke-width: 2; }"
    " .as-good { fill: #eceff2; } .ring { fill: #ffffff; stroke: #0a63b0; stroke-width: 2.5; }"
)
MOST = 1.2  # times the fall is the height of the picture: higher losses would hide the fall


def range_test_picture(answer: RangeTestAnswer) -> Picture | None:
    """Return the smoothed loss, the rates worth trying, and the rate to use; None if there are no losses."""
    curve = answer["curve"]
    if len(curve) < 2:
        return None
    losses, start = [point["loss"] for point in curve], answer["start"] or 0.0
    low = min(losses)
    high = min(max(losses), start + (MOST - 1) * (start - low)) if start > low else max(losses)
    room = 0.06 * (high - low) or 1.0
    width, height, left = LARGE
    ends = (curve[0]["rate"], curve[-1]["rate"])
    frame = Frame(width, height, left, ends, (low - room, high + room), log_x=True)
    rates = [point["rate"] for point in curve]
    edges = [[frame.at(point["rate"], point[side]) for point in curve] for side in ("high", "low")]
    best, parts = answer["best"], [svg.tag("rect", width=width, height=height, fill="#ffffff")]
    if best is not None:
        first, last = (frame.across(end) or 0.0 for end in best["range"])
        parts.append(
            svg.tag("rect", x=first, y=8, width=max(last - first, 1.0), height=height - 32, class_="as-good")
        )
    parts += [frame.axes(), svg.tag("path", d=svg.band(*edges), class_="band")]  # type: ignore[arg-type]
    parts.append(frame.path(rates, losses, "subject"))
    if best is not None:
        nearest = min(curve, key=lambda point: abs(point["rate"] - best["rate"]))
        x, y = frame.across(best["rate"]) or 0.0, frame.at(best["rate"], nearest["loss"])[1] or 0.0
        parts.append(svg.tag("circle", cx=x, cy=y, r=6, class_="ring"))
    text = svg.document(width, height, STYLE, parts)
    return Picture(text, width, height, answer["sentence"])


def fragment(answer: RangeTestAnswer) -> str:
    """Write sentence, picture and suggestions as HTML without scripts or styles."""
    picture = range_test_picture(answer)
    rows = "".join(
        f'<tr><td align="left">{escape(name)}</td><td align="right">{rate(value)}</td></tr>'
        for name, value in answer["suggestions"].items()
    )
    table = f"<table><thead><tr><th>rule</th><th>lr</th></tr></thead><tbody>{rows}</tbody></table>"
    notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in answer["notes"])
    return (
        f"<div><h4>{escape(answer['sentence'])}</h4>{picture.as_img() if picture else ''}"
        f"{table if rows else ''}{notes}</div>"
    )
