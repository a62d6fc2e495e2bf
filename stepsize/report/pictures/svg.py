"""Pieces of SVG, and the round numbers of an axis; colours are CSS classes or given by the caller."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from stepsize.number_format import finite

Points = Iterable[tuple[float, float]]


def number(value: float) -> str:
    """Write a coordinate with one decimal at most.

    >>> number(12.04), number(3.96)
    ('12', '4')
    """
    return f"{round(value, 1):g}"


def tag(name: str, content: str | None = None, **attributes: str | float) -> str:
    """Write an element; `_` in the name of an attribute stands for `-`, and `class_` for `class`.

    >>> tag("path", d="M0 0", class_="line"), tag("text", "a < b", text_anchor="end")
    ('<path d="M0 0" class="line"/>', '<text text-anchor="end">a &lt; b</text>')
    """
    parts = [name]
    for key, value in attributes.items():
        text = value if isinstance(value, str) else number(value)
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    head = " ".join(parts)
    return f"<{head}/>" if content is None else f"<{head}>{escape(content)}</{name}>"


def document(width: int, height: int, style: str, parts: Iterable[str]) -> str:
    """Return the text of an SVG file from its elements.

    >>> document(4, 2, "path { fill: none; }", [tag("path", d="M0 0")]).count("<")
    5
    """
    content = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img"><style>{style}</style>\n{content}\n</svg>\n'
    )


def line(points: Sequence[tuple[float | None, float | None]]) -> str:
    """Return the path through points; where one is missing, the line is interrupted.

    >>> line([(0, 1), (2, None), (3, 4), (5, 6)])
    'M0 1M3 4L5 6'
    """
    parts, joined = [], False
    for x, y in points:
        if finite(x) is None or finite(y) is None:
            joined = False
            continue
        assert x is not None
        assert y is not None
        parts.append(f"{'L' if joined else 'M'}{number(x)} {number(y)}")
        joined = True
    return "".join(parts)


def band(upper: Points, lower: Points) -> str:
    """Return the outline of the area between two lines.

    >>> band([(0, 1), (2, 1)], [(0, 3), (2, 3)])
    'M0 1L2 1L2 3L0 3Z'
    """
    around = [*upper, *reversed([*lower])]
    return f"{line(around)}Z" if around else ""


def nice_steps(low: float, high: float) -> list[float]:
    """Return two to five round numbers between `low` and `high`.

    >>> nice_steps(61.2, 93.4), nice_steps(0.431, 0.4395)
    ([70.0, 80.0, 90.0], [0.432, 0.434, 0.436, 0.438])
    """
    size = 10.0 ** math.floor(math.log10(high - low))
    step = next(step for times in (0.2, 0.5, 1, 2) if (high - low) / (step := times * size) <= 5.5)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return the powers of ten between two positive numbers, or with 2 and 5 times them if those are few.

    >>> decades(0.0008, 2), decades(0.02, 0.3)
    ([0.001, 0.01, 0.1, 1.0], [0.02, 0.05, 0.1, 0.2])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 2, 5)):
        ticks = [float(f"{factor * 10.0**power:.3g}") for power in powers for factor in factors]
        kept = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(kept) >= 3:
            return kept
    return kept
