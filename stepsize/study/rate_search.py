"""The rates that a schedule allows: its fixed numbers may leave out some, as a floor leaves out those below.

`cosine(lr, floor=0.001)` exists from 0.001 on. The rates allowed are taken to be a stretch without holes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Allowed = Callable[[float], bool]


def rounded(rate: float) -> float:
    """Return a rate to three digits, as all rates are that the tuning works out."""
    return float(f"{rate:.3g}")


def furthest(allowed: Allowed, start: float, wanted: float) -> float:
    """Return the allowed rate that is nearest to `wanted`, to three digits; `start` is one that is allowed.

    >>> furthest(lambda rate: rate >= 0.0047, 0.01, 0.001)
    0.0047
    """
    if allowed(wanted):
        return wanted
    while (middle := rounded(math.sqrt(start * wanted))) not in (start, wanted):
        start, wanted = (middle, wanted) if allowed(middle) else (start, middle)
    return start


def first_rates(allowed: Allowed, grid: Sequence[float]) -> tuple[float, ...]:
    """Return the grid, or where some of it is not allowed, as many rates spread over the part that is.

    Where that part has no room for them, there is none.

    >>> first_rates(lambda rate: rate >= 0.02, (0.001, 0.01, 0.1, 1.0))
    (0.02, 0.0737, 0.271, 1.0)
    """
    fitting = [rate for rate in sorted(grid) if allowed(rate)]
    if len(fitting) == len(grid):
        return tuple(grid)
    if not fitting:
        return ()
    low, high = (
        furthest(allowed, start, end(grid)) for start, end in ((fitting[0], min), (fitting[-1], max))
    )
    last = len(grid) - 1
    inner = [rounded(low * (high / low) ** (index / last)) for index in range(1, last)]
    rates = (low, *inner, high)
    return rates if len(set(rates)) == len(grid) else ()
