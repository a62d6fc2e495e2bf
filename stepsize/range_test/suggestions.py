"""The rates that published rules suggest for the curve of a range test.

All rules use the smoothed median curve. The range test recommends `rise / 10`, because it varies least from
test to test; `benchmarks/range_tests.md` compares the rules.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from stepsize.range_test.curve import Curve

RECOMMENDED = "rise / 10"
TENTH = 10.0  # the rate at which the loss rises is this many times the one to use
RISE = 0.02  # of the fall: the loss has risen when it is this far above its minimum
SLIDE_DECADES, SLIDE_SHARE = 0.5, 0.05  # of the ramp, and of the fall per decade
SHORTEST = 3  # rates that a slope needs


def suggest(curve: Curve) -> dict[str, float]:
    """Return the rate that each rule suggests, by its name.

    - `rise / 10`: a tenth of the rate at which the loss has risen again by a fiftieth of its fall.
    - `minimum / 10`: a tenth of the rate with the lowest loss (Howard and Gugger, 2020).
    - `steepest`: where the loss falls fastest against the logarithm of the rate (Smith, 2017).
    - `valley`: halfway through the longest falling subsequence (fastai's `valley`).
    - `slide`: the lower end of the last half decade before the minimum in which the slope still changes
      (fastai's `slide`).

    >>> rates = np.geomspace(1e-4, 1, 401)
    >>> loss = 1 - 0.5 / (1 + (0.01 / rates) ** 2) + 5 * rates**2
    >>> curve = Curve(rates, loss, loss, loss, 1.0, 0.0, 0.0)
    >>> {name: round(rate, 4) for name, rate in suggest(curve).items()}
    {'rise / 10': 0.0081, 'minimum / 10': 0.0055, 'steepest': 0.01, 'valley': 0.0023, 'slide': 0.0056}
    """
    return {
        RECOMMENDED: suggest_rate(curve),
        "minimum / 10": float(curve.rates[lowest(curve)]) / TENTH,
        "steepest": steepest(curve),
        "valley": valley(curve),
        "slide": slide(curve),
    }


def suggest_rate(curve: Curve) -> float:
    """Return the rate that the recommended rule suggests."""
    return float(curve.rates[risen(curve)]) / TENTH


def lowest(curve: Curve) -> int:
    """Return the number of the rate with the lowest loss."""
    return int(np.argmin(curve.loss))


def risen(curve: Curve) -> int:
    """Return the number of the last rate before the loss first rises from its minimum."""
    at = lowest(curve)
    high = np.flatnonzero(curve.loss[at:] > curve.loss[at] + RISE * curve.fall)
    return at + int(high[0]) - 1 if len(high) else len(curve.loss) - 1


def steepest(curve: Curve) -> float:
    """Return the rate at which the loss falls fastest, per decade of the rate."""
    return float(curve.rates[int(np.argmin(_slope(curve)))])


def valley(curve: Curve) -> float:
    """Return the rate halfway through the longest falling subsequence of the curve, in decades."""
    first, last = longest_fall(curve.loss)
    return float(np.sqrt(curve.rates[first] * curve.rates[last]))


def longest_fall(values: np.ndarray) -> tuple[int, int]:
    """Return the numbers of the first and the last value of the longest strictly falling subsequence.

    >>> longest_fall(np.array([5.0, 6.0, 4.0, 7.0, 2.0, 3.0]))
    (1, 4)
    """
    ends: list[float] = []  # the highest last value of a falling subsequence of each length, negated
    begins: list[int] = []  # where that subsequence begins
    longest = (0, 0)
    for number, value in enumerate(-values):
        place = bisect_left(ends, value)
        begin = begins[place - 1] if place else number
        if place == len(ends):
            ends.append(value)
            begins.append(begin)
            longest = (begin, number)
        else:
            ends[place], begins[place] = value, begin
    return longest


def slide(curve: Curve) -> float:
    """Return the rate below the minimum at which the slope stops changing over half a decade."""
    logs, slope = np.log10(curve.rates), _slope(curve)
    right = lowest(curve)
    while right > 0:
        left = int(np.searchsorted(logs, logs[right] - SLIDE_DECADES))
        if left >= right or logs[right] - SLIDE_DECADES < logs[0]:
            break
        if abs(slope[right] - slope[left]) <= SLIDE_SHARE * curve.fall:
            return float(curve.rates[left])
        right -= 1
    return float(curve.rates[0])


def half_of_the_fall(curve: Curve) -> float:
    """Return the lowest rate at which the loss has fallen half of its way."""
    below = np.flatnonzero(curve.loss <= curve.start - 0.5 * curve.fall)
    return float(curve.rates[below[0]])


def _slope(curve: Curve) -> np.ndarray:
    """Return the change of the loss per decade, up to the minimum."""
    end = max(lowest(curve) + 1, SHORTEST)
    return np.gradient(curve.loss[:end], np.log10(curve.rates[:end]))
