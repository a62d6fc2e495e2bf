"""The rates that a schedule allows: its fixed numbers may leave out some, as a floor leaves out those below.

`cosine(lr, floor=0.001)` exists from 0.001 on. The rates allowed are taken to be a stretch without holes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from stepsize.stats.scores import Floats

Allowed = Callable[[float], bool]

STEP = math.sqrt(10)  # between the rates of the grid
LATTICE = 8  # rates of the fine search lie on eighths of a decade, so that studies share their runs
WIDEN = 0.75  # of the way from the edge to its neighbour: a best rate so near to the edge asks for more rates
FINE_RATES = 5
QUANTILES = (0.5, 0.3, 0.7, 0.1, 0.9)  # of the draws of a best rate, the middle first
FINE, FINER = 3, 2  # eighths of a decade between the rates of the fine and of the finer search


def rounded(rate: float) -> float:
    """Return a rate to three digits, like every rate that tuning computes."""
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
    """Return the grid or, if some of it is not allowed, as many rates spread over the part that is.

    If that part has no room for them, there are none.

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


def edge_at(rate: float, tried: Sequence[float], share: float = 0.5) -> float | None:
    """Return the lowest or the highest of the rising rates `tried` if `rate` lies near it, else None.

    Near is within a `share` of the way to the neighbour, on a log scale.

    >>> edge_at(0.007, (0.001, 0.01, 0.1)), edge_at(0.007, (0.001, 0.01, 0.1), share=0.9)
    (None, 0.001)
    """
    for edge, neighbour in ((tried[0], tried[1]), (tried[-1], tried[-2])):
        if abs(math.log(rate / edge)) <= share * abs(math.log(neighbour / edge)):
            return edge
    return None


def beyond(allowed: Allowed, edge: float, tried: Sequence[float]) -> tuple[float, ...]:
    """Return two rates beyond the lowest or the highest one tried, as far as the schedule exists; or none.

    >>> beyond(lambda rate: rate >= 0.00002, 0.001, (0.001, 0.01))
    (0.0001, 0.000316)
    >>> beyond(lambda rate: rate >= 0.0008, 0.001, (0.001, 0.01))
    (0.0008, 0.000894)
    >>> beyond(lambda rate: rate >= 0.001, 0.001, (0.001, 0.01))
    ()
    """
    step = 1 / STEP if edge == min(tried) else STEP
    end = furthest(allowed, edge, rounded(edge * step**2))
    half = rounded(edge * step) if end == rounded(edge * step**2) else rounded(math.sqrt(edge * end))
    return tuple(sorted({half, end} - {edge}))


def fine_rates(best: float, lowest: float, highest: float, spacing: int = FINE) -> tuple[float, ...]:
    """Return the rates of a fine search: around the best, `spacing` eighths of a decade apart.

    They lie within the rates tried or, if these leave less room, are spread over all of it.

    >>> fine_rates(0.11, 0.001, 1.0)
    (0.0178, 0.0422, 0.1, 0.237, 0.562)
    >>> fine_rates(0.5, 0.001, 1.0)
    (0.0316, 0.075, 0.178, 0.422, 1.0)
    >>> fine_rates(0.3, 0.1, 1.0)
    (0.1, 0.178, 0.316, 0.562, 1.0)
    >>> fine_rates(0.11, 0.001, 1.0, FINER)
    (0.0316, 0.0562, 0.1, 0.178, 0.316)
    """
    low, high = (LATTICE * math.log10(end) for end in (lowest, highest))
    reach = spacing * (FINE_RATES - 1) / 2
    if high - low <= 2 * reach:
        low_end, high_end = low, high
    else:
        centre = min(max(round(LATTICE * math.log10(best)), low + reach), high - reach)
        low_end, high_end = centre - reach, centre + reach
    step = (high_end - low_end) / (FINE_RATES - 1)
    rates = (rounded(10 ** ((low_end + step * i) / LATTICE)) for i in range(FINE_RATES))
    return tuple(dict.fromkeys(min(max(rate, lowest), highest) for rate in rates))


def likely_rates(peaks: Floats, lowest: float, highest: float) -> tuple[float, ...]:
    """Return the rates of a fine search at which the best one may lie; `peaks` are draws of its log10.

    They are the eighths of a decade nearest to five quantiles of the draws, each once. So they lie close
    together where the best rate is well known, and at both places where it may be one of two.

    >>> likely_rates(np.array([-1.06, -1.02, -1.0, -0.98, -0.93]), 0.001, 1.0)
    (0.0562, 0.075, 0.1, 0.133, 0.178)
    >>> likely_rates(np.array([-2.0, -2.0, -0.5, -0.5, -0.5]), 0.001, 1.0)
    (0.0075, 0.01, 0.237, 0.316, 0.422)
    """
    first, last = math.ceil(LATTICE * math.log10(lowest)), math.floor(LATTICE * math.log10(highest))
    free = list(range(first, last + 1))
    if len(free) < FINE_RATES:
        return fine_rates(float(10 ** np.median(peaks)), lowest, highest)
    chosen: list[int] = []
    for quantile in np.quantile(LATTICE * peaks, QUANTILES, method="inverted_cdf"):
        chosen.append(min(free, key=lambda place: abs(place - quantile)))
        free.remove(chosen[-1])
    return tuple(rounded(10 ** (place / LATTICE)) for place in sorted(chosen))


def short(rate: float, lowest: float, highest: float) -> float:
    """Return a rate to two digits, or to three where that would leave the rates tried.

    >>> short(0.3162, 0.001, 1.0), short(0.004726, 0.0047, 1.0), short(0.00474, 0.00472, 1.0)
    (0.32, 0.0047, 0.00474)
    """
    two = float(f"{rate:.2g}")
    return two if lowest <= two <= highest else min(max(rounded(rate), lowest), highest)
