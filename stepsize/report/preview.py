"""Schedules before any run: rate against epoch, as text and as a picture."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stepsize.errors import MissingExtra, ScheduleError, unknown
from stepsize.report.cells import shorten
from stepsize.report.text import schedule_sparkline
from stepsize.schedules import Plan

ENDS = 5  # epochs shown from the start and from the end
FORMATS = (".html", ".png", ".svg")
POINTS = 2_000


def text(plans: Sequence[Plan], width: int, ascii: bool = False) -> str:
    """Write each plan's picture and its rates at the start of the first and last epochs.

    >>> from stepsize import inverse_time, epochs
    >>> schedule = inverse_time(0.1, rate=0.001, every=1 * epochs, compounding=True)
    >>> text([schedule.plan(epochs=2, updates_per_epoch=9)], width=60).splitlines()[-1].split()
    ['2', '0.0999000999']
    """
    return "\n\n".join(_one(plan, width, ascii) for plan in plans)


def draw(plans: Sequence[Plan], path: Path) -> None:
    """Draw the plans over each other into a .png, .svg or .html file."""
    if path.suffix not in FORMATS:
        raise ScheduleError(f"output {str(path)!r}: {unknown('picture format', path.suffix, FORMATS)}")
    try:
        alt = importlib.import_module("altair")
        importlib.import_module("vl_convert")
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "report") from None
    chart = (
        alt.Chart(alt.InlineData(values=[point for plan in plans for point in _points(plan)]))
        .mark_line(interpolate="linear")
        .encode(
            x=alt.X("epoch:Q", title="epoch" if plans[0].updates_per_epoch else "update"),
            y=alt.Y("rate:Q", title="learning rate"),
            color=alt.Color(
                "schedule:N",
                title=None,
                sort=None,
                legend=alt.Legend(orient="bottom", columns=1, labelLimit=600),
            ),
        )
        .properties(width=640, height=320)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        chart.save(str(path), **({"inline": True} if path.suffix == ".html" else {"scale_factor": 2}))
    except OSError as error:
        raise ScheduleError(f"cannot write {str(path)!r}: {error.strerror}; give another --output") from None


def _one(plan: Plan, width: int, ascii: bool) -> str:
    per_epoch = plan.updates_per_epoch or 1
    unit = "epoch" if plan.updates_per_epoch else "update"
    count = plan.horizon // per_epoch
    length = f"{count} {unit}s" + (f" of {per_epoch} updates" if per_epoch > 1 else "")
    shown = [*range(min(ENDS, count)), *range(max(ENDS, count - ENDS), count)]
    lines = [
        shorten(str(plan.schedule), width),
        f"  {length}, rate from {plan(0):.6g} to {plan(plan.horizon - 1):.6g}",
        f"  {schedule_sparkline(plan.values.tolist(), min(64, width - 2), ascii)}",
        f"  {unit:>6}  rate at its start",
    ]
    for at in shown:
        if at == count - ENDS and count > 2 * ENDS:
            lines.append(f"  {'...':>6}")
        lines.append(f"  {at + 1:>6}  {plan(at * per_epoch):.10g}")
    return "\n".join(lines)


def _points(plan: Plan) -> list[dict[str, Any]]:
    step = max(1, plan.horizon // POINTS)
    per_epoch = plan.updates_per_epoch or 1
    return [
        {"schedule": str(plan.schedule), "epoch": t / per_epoch, "rate": plan(t)}
        for t in range(0, plan.horizon, step)
    ]
