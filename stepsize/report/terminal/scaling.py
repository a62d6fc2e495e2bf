"""The law between a value and its best rate, in a terminal."""

from __future__ import annotations

import math

from stepsize.number_format import counted, duration
from stepsize.report.terminal_text import ascii_only, safe, wrap
from stepsize.scaling.answer import ScalingAnswer
from stepsize.scaling.summary import rate_text

CELLS = 32  # of the picture: the rate on a logarithmic scale


def render(answer: ScalingAnswer, width: int = 80, ascii: bool = False) -> str:
    """Write the values, their rates and the law for a terminal `width` cells wide."""
    along = answer["along"]
    equal = f", at equal {answer['hold']}" if along == "batch_size" else ""
    lines = wrap(safe(f"Best constant rates of {answer['name']} along {along}{equal}"), width)
    lines += [f"{counted(answer['seeds'], 'seed')} for each rate", ""]
    rates = [each["rate"] for each in answer["values"] if each["rate"]]
    low, high = (math.log10(min(rates)), math.log10(max(rates))) if rates else (0.0, 1.0)
    values = [f"{each['value']:g}" for each in answer["values"]]
    size = max(map(len, [*values, along]))
    texts = [rate_text(each) for each in answer["values"]]
    wide = width >= size + max(map(len, texts)) + CELLS + 6
    lines.append(f"{along:>{size}}  best rate (good rates)")
    for value, text, each in zip(values, texts, answer["values"], strict=True):
        place = ""
        if wide and each["rate"]:
            share = (math.log10(each["rate"]) - low) / (high - low or 1.0)
            place = " " * round(share * (CELLS - 1)) + "●"
        lines.append(f"{value:>{size}}  {text:<{max(map(len, texts))}}  {place}".rstrip())
    lines += ["", *wrap(safe(answer["sentence"]), width)]
    lines += ["", *(line for note in answer["notes"] for line in wrap(safe(note), width, "- ", "  "))]
    cost = answer["cost"]
    lines += ["", f"{counted(cost['runs'], 'run')} in {duration(cost['seconds'])}"]
    text = "\n".join(lines) + "\n"
    return ascii_only(text) if ascii else text
