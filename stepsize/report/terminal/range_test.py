"""A range test in a terminal: the loss over the learning rate, the sentence, and the rates of every rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from stepsize.number_format import counted, rate, rounded
from stepsize.range_test.answer import CurvePoint, RangeTestAnswer
from stepsize.report.terminal_text import wrap

ROWS = 9  # of the picture
MOST = 1.2  # times the fall is the height of the picture: higher losses would hide the fall


def render(answer: RangeTestAnswer, width: int = 80) -> str:
    """Write a range test for a terminal `width` cells wide."""
    lines = wrap(_title(answer), width)
    if len(answer["curve"]) > 1 and width >= 40:
        lines += ["", *loss_chart(answer["curve"], answer["start"] or 0.0, min(width, 80))]
    lines += ["", *wrap(answer["sentence"], width)]
    if answer["suggestions"]:
        lines += ["", f"{'rule':14}  {'lr':>8}"]
        lines += [f"{name:14}  {rate(value):>8}" for name, value in answer["suggestions"].items()]
    if answer["peaks"]:
        peaks = ", ".join(f"{spec} {rate(value)}" for spec, value in answer["peaks"].items())
        lines += ["", *wrap(f"Peaks to begin with: {peaks}.", width)]
    lines += ["", *(line for note in answer["notes"] for line in wrap(note, width, "- ", "  "))]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def loss_chart(curve: Sequence[CurvePoint], start: float, width: int) -> list[str]:
    """Draw the loss over the logarithm of the rate, with a tick at every power of ten.

    >>> points = [CurvePoint(rate=10**-e, loss=float(e), low=0.0, high=0.0) for e in (3, 2, 1)]
    >>> print(*loss_chart(points, 3.0, 40)[:3], sep="\\n")
     3 ┤•
       │
       │
    """
    losses = [point["loss"] for point in curve]
    low = min(losses)
    high = min(max(losses), start + (MOST - 1) * (start - low)) if start > low else max(losses)
    labels = [rounded(high, 3), rounded(low, 3)]
    edge = max(map(len, labels)) + 1
    columns = width - edge - 3
    first, last = math.log10(curve[0]["rate"]), math.log10(curve[-1]["rate"])

    def column(value: float) -> int:
        return round((math.log10(value) - first) / (last - first) * (columns - 1))

    cells = [[" "] * columns for _ in range(ROWS)]
    for point in curve:
        share = (min(point["loss"], high) - low) / max(high - low, 1e-12)
        cells[round((1 - share) * (ROWS - 1))][column(point["rate"])] = "•"
    names = [labels[0], *[""] * (ROWS - 2), labels[1]]
    lines = [
        f"{name:>{edge}} {'┤' if name else '│'}{''.join(row).rstrip()}"
        for name, row in zip(names, cells, strict=True)
    ]
    return [*lines, " " * (edge + 2) + _ticks(first, last, columns, column)]


def _ticks(first: float, last: float, columns: int, column: Callable[[float], int]) -> str:
    text = [" "] * (columns + 8)
    free = 0
    for exponent in range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1):
        label = rate(10.0**exponent)
        at = max(column(10.0**exponent) - len(label) // 2, 0)
        if at >= free:
            text[at : at + len(label)] = label
            free = at + len(label) + 2
    return "".join(text)


def _title(answer: RangeTestAnswer) -> str:
    ends = answer["ends"]
    early = sum(end in ("diverged", "not finite") for end in ends)
    whole = f"{counted(len(ends), 'sweep')} of {counted(answer['updates'], 'update')}"
    stopped = f", {early} of them ended when the loss diverged" if early else ""
    return f"Range test: {whole}{stopped}"
