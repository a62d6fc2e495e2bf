"""The range of a knob as text on the command line: `f=0.001,1,log`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stepsize.errors import StudyError


def read_knobs(texts: Iterable[str] | None) -> dict[str, list[Any]] | None:
    """Return ranges as the `knobs` table of a study file; None without any.

    >>> read_knobs(["w=0,0.3", "f=0.001,1,log"])
    {'w': [0.0, 0.3], 'f': [0.001, 1.0, 'log']}
    """
    knobs: dict[str, list[Any]] = {}
    for text in texts or ():
        name, _, ends = text.partition("=")
        values = [part.strip() for part in ends.split(",")]
        try:
            numbers: list[Any] = [float(each) for each in values[:2]]
        except ValueError:
            numbers = []
        name = name.strip()
        if len(numbers) < 2 or name in knobs:
            reason = f"gives {name} twice" if name in knobs else "is not a range"
            raise StudyError(
                f"--knob {text[:60]!r} {reason}; write each name once, such as 'w=0,0.3' or 'f=0.001,1,log'"
            )
        knobs[name] = [*numbers, *values[2:]]
    return knobs or None
