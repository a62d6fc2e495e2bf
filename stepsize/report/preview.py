"""Schedules before any run: rates against time, as text and as a picture."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from stepsize.errors import MissingExtra, ScheduleError, unknown
from stepsize.report.cells import ascii_only, pad, shorten, wrap
from stepsize.report.text import schedule_sparkline
from stepsize.schedules import Plan, picture
from stepsize.schedules.phases import counted, phases, resolved

ENDS = 5  # rows shown from the start and from the end
FORMATS = (".html", ".png", ".svg")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ max-width: 720px; margin: 2rem auto; padding: 0 1rem; color: #1f2328; background: #ffffff; }}
svg {{ max-width: 100%; height: auto; }}
pre {{ overflow-x: auto; font-size: 0.8rem; line-height: 1.35; }}
</style>
{picture}<pre>{text}</pre>
</html>
"""


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
    """Draw the plans over each other into a .png, .svg or .html file.

    Raises: ScheduleError for another kind of file, or one that cannot be written; MissingExtra for a .png
    without vl-convert-python.
    """
    if path.suffix not in FORMATS:
        raise ScheduleError(f"output {str(path)!r}: {unknown('picture format', path.suffix, FORMATS)}")
    drawn = picture.svg(plans)
    if path.suffix == ".png":
        content = _png(drawn)
    elif path.suffix == ".html":
        title = escape(", ".join(str(plan.schedule) for plan in plans))
        content = PAGE.format(title=title, picture=drawn, text=escape(text(plans, 100))).encode()
    else:
        content = drawn.encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ScheduleError(f"cannot write {str(path)!r}: {error.strerror}; give another --output") from None


def _png(drawn: str) -> bytes:
    try:
        converter: Any = importlib.import_module("vl_convert")
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "report") from None
    return converter.svg_to_png(drawn, scale=2)


def _lines(plan: Plan, width: int, ascii: bool) -> list[str]:
    units = dict.fromkeys([_run(plan), *resolved(plan)])  # they say the same of a run of one epoch
    return [
        *wrap(str(plan.schedule), width, rest="    "),
        *wrap(", ".join(units), width, "  ", "    "),
        f"  {schedule_sparkline(plan.values.tolist(), max(1, min(64, width - 2)), ascii)}",
        *_phase_table(plan, width, ascii),
        *_rates(plan),
    ]


def _run(plan: Plan) -> str:
    if not plan.updates_per_epoch:
        return counted(plan.horizon, "update")
    whole, rest = divmod(plan.horizon, plan.updates_per_epoch)
    run = f"{counted(whole, 'epoch')} = {counted(whole * plan.updates_per_epoch, 'update')}"
    return run if not rest else f"{run}, and {rest} more"


def _phase_table(plan: Plan, width: int, ascii: bool) -> list[str]:
    """Write where each phase begins and ends; a plan of one phase needs no table for that."""
    found = phases(plan)
    if len(found) == 1:
        return []
    rows = [["updates", "first rate", "last rate", "phase"]]
    rows += [
        [f"{each.first} to {each.last}", f"{plan(each.first):.6g}", f"{plan(each.last):.6g}", each.name]
        for each in found
    ]
    sizes = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for *cells, name in rows:
        start = "  " + "  ".join(pad(cell, size, right=True) for cell, size in zip(cells, sizes, strict=True))
        lines.append(f"{start}  {shorten(name, max(4, width - len(start) - 2), '...' if ascii else '…')}")
    return lines


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
