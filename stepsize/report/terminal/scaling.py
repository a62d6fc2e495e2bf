"""The law between a value and its best rate, in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stepsize.number_format import counted, duration
from stepsize.report.terminal_text import ascii_only, safe, wrap
from stepsize.scaling.answer import BothAnswer, ScalingAnswer
from stepsize.scaling.axes import HELD
from stepsize.scaling.summary import held_text, laws_of, rate_text

CELLS = 32  # of the picture: the rate on a logarithmic scale


def render(answer: ScalingAnswer | BothAnswer, width: int = 80, ascii: bool = False) -> str:
    """Write the values, their rates and the law, or both laws, for a terminal `width` cells wide."""
    laws = laws_of(answer)
    along, hold = answer["along"], answer["hold"]
    equal = f", {held_text(hold, laws[0]['values'])}" if along in HELD and len(laws) == 1 else ""
    lines = wrap(safe(f"Best constant rates of {answer['name']} along {along}{equal}"), width)
    lines += [f"{counted(answer['seeds'], 'seed')} for each rate", ""]
    lines += _one(laws[0], width) if len(laws) == 1 else _side_by_side(laws, along)
    sentences = [law["sentence"] for law in laws]
    sentences += [law["noise_scale"]["sentence"] for law in laws if law["noise_scale"]]
    for sentence in dict.fromkeys(sentences):
        lines += ["", *wrap(safe(sentence), width)]
    notes = dict.fromkeys(note for law in laws for note in law["notes"])
    lines += ["", *(line for note in notes for line in wrap(safe(note), width, "- ", "  "))]
    cost = answer["cost"]
    lines += ["", f"{counted(cost['runs'], 'run')} in {duration(cost['seconds'])}"]
    text = "\n".join(lines) + "\n"
    return ascii_only(text) if ascii else text


def _one(answer: ScalingAnswer, width: int) -> list[str]:
    """Return a line for each value, with a point for its rate if there is room."""
    along = answer["along"]
    rates = [each["rate"] for each in answer["values"] if each["rate"]]
    low, high = (math.log10(min(rates)), math.log10(max(rates))) if rates else (0.0, 1.0)
    values = [f"{each['value']:g}" for each in answer["values"]]
    size = max(map(len, [*values, along]))
    texts = [rate_text(each) for each in answer["values"]]
    wide = width >= size + max(map(len, texts)) + CELLS + 6
    lines = [f"{along:>{size}}  best rate (good rates)"]
    for value, text, each in zip(values, texts, answer["values"], strict=True):
        place = ""
        if wide and each["rate"]:
            share = (math.log10(each["rate"]) - low) / (high - low or 1.0)
            place = " " * round(share * (CELLS - 1)) + "●"
        lines.append(f"{value:>{size}}  {text:<{max(map(len, texts))}}  {place}".rstrip())
    return lines


def _side_by_side(laws: Sequence[ScalingAnswer], along: str) -> list[str]:
    """Return a line for each value, with its rates under both laws."""
    columns = [[along, *(f"{each['value']:g}" for each in laws[0]["values"])]]
    columns += [[held_text(law["hold"], law["values"]), *map(rate_text, law["values"])] for law in laws]
    sizes = [max(map(len, column)) for column in columns]
    return [
        "  ".join([cells[0].rjust(sizes[0]), *map(str.ljust, cells[1:], sizes[1:])]).rstrip()
        for cells in zip(*columns, strict=True)
    ]
