"""Schedules before any run: rates against time, as text and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from stepsize.errors import ScheduleError
from stepsize.output_files import PICTURE, check_output, write_output
from stepsize.report.pictures.picture import png
from stepsize.report.terminal.answer import schedule_sparkline
from stepsize.report.terminal_text import ascii_only, pad, shorten, wrap
from stepsize.schedules import Plan, picture
from stepsize.schedules.phases import Phase, phases, resolved

ENDS = 5  # rows shown from the start and from the end
FORMATS = (".html", ".png", ".svg")
READ = 600  # rates of a schedule that the page can show at the pointer
PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { max-width: 720px; margin: 2rem auto; padding: 0 1rem; color: #1f2328; background: #fff; }
svg { max-width: 100%; height: auto; }
pre { overflow-x: auto; font-size: 0.8rem; line-height: 1.35; }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #1a1a1a; }
  svg { filter: invert(0.9) hue-rotate(180deg); }
}
</style>
$picture<pre id="read"></pre>
<pre>$text</pre>
<script>
const drawn = $data;
const picture = document.querySelector("svg"), output = document.getElementById("read");
const line = document.createElementNS(picture.namespaceURI, "path");
line.setAttribute("stroke", "#59636e");
picture.append(line);
function read(share) {
  const time = Math.min(Math.max(share, 0), 1) * drawn.end;
  const current = drawn.curves.map(({ spec, unit, at, rates }) => {
    const next = at.findIndex(t => t / unit > time), index = (next < 0 ? at.length : next) - 1;
    return { spec, at: at[index], rate: rates[index] };
  });
  const x = drawn.left + drawn.width * Math.min(Math.max(share, 0), 1);
  line.setAttribute("d", "M" + x + "," + drawn.top + "v" + drawn.height);
  const rows = current.map(each => "update " + each.at + ": " + each.rate.padEnd(12) + "  " + each.spec);
  const head = "rates at " + drawn.counted + " " + time.toFixed(drawn.counted == "epoch" ? 2 : 0);
  output.textContent = [head + "; point at the picture to see others", ...rows].join("\\n");
}
picture.addEventListener("pointermove", event => {
  const box = picture.getBoundingClientRect();
  read(((event.clientX - box.left) / box.width * picture.viewBox.baseVal.width - drawn.left) / drawn.width);
});
read(0);
</script>
</html>
""")


def text(plans: Sequence[Plan], width: int, ascii: bool = False) -> str:
    """Write each plan's lengths in updates, its picture, its phases, and its rates at both ends.

    The rows are epochs where the plan knows its epochs, else updates.

    >>> from stepsize import inverse_time, epochs
    >>> schedule = inverse_time(0.1, rate=0.001, every=1 * epochs, compounding=True)
    >>> text([schedule.plan(epochs=2, updates_per_epoch=9)], width=60).splitlines()[-1].split()
    ['end', '17', '0.0999000999']
    """
    written = "\n\n".join("\n".join(_lines(plan, width, ascii)) for plan in plans)
    return "\n".join(map(ascii_only, written.split("\n"))) if ascii else written


def draw(plans: Sequence[Plan], path: Path) -> None:
    """Draw the plans over one another into a .png, .svg or .html file.

    Raises: ScheduleError for another kind of file, OutputError for one that cannot be written or that
    stepsize did not write; MissingExtra for a .png without vl-convert-python.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise ScheduleError(
            f"output={str(path)!r} does not end in .html, .png or .svg; use for example preview.html"
        )
    check_output("output", path, PICTURE)
    drawn = picture.svg(plans)
    if ending == ".png":
        content = png(drawn)
    elif ending == ".html":
        content = _page(plans, drawn).encode()
    else:
        content = drawn.encode()
    write_output("output", path, PICTURE, content)


def _page(plans: Sequence[Plan], drawn: str) -> str:
    """Return a page with the picture, whose rates are read at the pointer, and the text."""
    curves = [picture.curve(plan) for plan in plans]
    counted_in, units, end = picture.axis(curves)
    data = {
        "left": picture.LEFT,
        "top": picture.TOP,
        "width": picture.WIDTH,
        "height": picture.HEIGHT,
        "counted": counted_in,
        "end": end,
        "curves": [_readable(curve, unit) for curve, unit in zip(curves, units, strict=True)],
    }
    return PAGE.substitute(
        title=escape(", ".join(curve.label for curve in curves)),
        picture=drawn,
        text=escape(text(plans, 88)),
        data=json.dumps(data).replace("<", "\\u003c"),  # no end of the script inside a text
    )


def _readable(curve: picture.Curve, unit: int) -> dict[str, Any]:
    """Return the rates of a curve as text: all of them, or as many as a reader can point at."""
    last = len(curve.values) - 1
    at = np.unique(np.linspace(0, last, min(READ, last + 1)).round().astype(np.int64))
    rates = [f"{rate:.6g}" for rate in curve.values[at]]
    return {"spec": curve.label, "unit": unit, "at": at.tolist(), "rates": rates}


def _lines(plan: Plan, width: int, ascii: bool) -> list[str]:
    units = resolved(plan)
    return [
        *wrap(str(plan.schedule), width, rest="    "),
        *wrap(", ".join(units), width, "  ", "    "),
        f"  {schedule_sparkline(plan.values.tolist(), max(1, min(64, width - 2)), ascii)}",
        *_driven(plan, width),
        *_phase_table(plan, width, ascii),
        *_rates(plan),
    ]


def _driven(plan: Plan, width: int) -> list[str]:
    """Return what the rates leave out, if a metric drives the schedule."""
    factor = plan.metric_factor
    if factor is None:
        return []
    note = f"{factor} counts as 1 here: {factor.metric} changes it during training"
    return wrap(note, width, "  ", "    ")


def _phase_table(plan: Plan, width: int, ascii: bool) -> list[str]:
    """Write where each phase begins and ends; nothing for a plan of one phase."""
    parts = phases(plan)
    if len(parts) == 1:
        return []
    rows = [[*_counts(plan), "first rate", "last rate", "phase"]]
    above = ""
    for each in parts:
        rates = [f"{plan(at):.6g}" for at in (each.first, each.last)]
        rows.append([*_span(plan, each), *rates, _named(each, above)])
        above = each.piece
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for *cells, name in rows:
        start = "".join(f"  {pad(cell, size, right=True)}" for cell, size in zip(cells, sizes, strict=False))
        lines.append(f"{start}  {shorten(name, max(4, width - len(start) - 2), '...' if ascii else '…')}")
    return [*lines, ""]


def _counts(plan: Plan) -> list[str]:
    """Return the units of time of a plan; epochs of one update need no second unit."""
    if not plan.updates_per_epoch:
        return ["updates"]
    return ["epochs"] if plan.updates_per_epoch == 1 else ["epochs", "updates"]


def _span(plan: Plan, phase: Phase) -> list[str]:
    """Return the epochs, counted from 1, and the updates, counted from 0, that a phase covers."""
    per_epoch = plan.updates_per_epoch or 1
    ends = {
        "epochs": (phase.first // per_epoch + 1, phase.last // per_epoch + 1),
        "updates": (phase.first, phase.last),
    }
    return [_from_to(*ends[count]) for count in _counts(plan)]


def _from_to(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _named(phase: Phase, above: str) -> str:
    """Return the piece and its part, or the part alone under another part of the same piece."""
    if phase.piece == above:
        return f"  {phase.part}"
    return f"{phase.piece}, {phase.part}" if phase.part else phase.piece


def _rates(plan: Plan) -> list[str]:
    """Write the rates of the first and last epochs at their first updates, or of updates."""
    per_epoch = plan.updates_per_epoch or 1
    count = math.ceil(plan.horizon / per_epoch)
    shown = [*range(min(ENDS, count)), *range(max(ENDS, count - ENDS), count)]
    if plan.updates_per_epoch in (None, 1):
        lines = [f"  {'epoch' if plan.updates_per_epoch else 'update':>6}  rate"]
        rows = [f"  {at + 1 if plan.updates_per_epoch else at:>6}  {plan(at):.10g}" for at in shown]
    else:
        lines = [f"  {'epoch':>6}  {'update':>9}  rate at its start"]
        rows = [f"  {at + 1:>6}  {at * per_epoch:>9}  {plan(at * per_epoch):.10g}" for at in shown]
        if plan.horizon > 1:
            rows.append(f"  {'end':>6}  {plan.horizon - 1:>9}  {plan(plan.horizon - 1):.10g}")
    if count > 2 * ENDS:
        rows.insert(ENDS, f"  {'...':>6}")
    return lines + rows
