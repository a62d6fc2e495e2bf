"""How numbers are written: as many digits as the uncertainty deserves, the same in every renderer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = "–"
NOT_IN_PERCENT = re.compile(r"(.*_)?(r2|r2_?score|\w+_correlation|cosine_similarity)(_.*)?")  # may be < 0
Interval = Sequence[float] | None


def finite(value: float | None) -> float | None:
    """Return the number, or None for a missing or non-finite one.

    >>> finite(0.5), finite(float("nan")), finite(None)
    (0.5, None, None)
    """
    return value if value is not None and math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Return nested values for JSON: a number that is not finite becomes None.

    >>> plain({"mean": float("nan"), "ci95": (0.5, 1.0)})
    {'mean': None, 'ci95': [0.5, 1.0]}
    """
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return finite(value) if isinstance(value, float) else value


def rounded(value: float, digits: int = 6) -> str:
    """Write a number with so many significant digits, as people do.

    >>> rounded(0.09999999999999999), rounded(12345, 2), rounded(1e9), rounded(1e-9), rounded(1e30)
    ('0.1', '12,000', '1,000,000,000', '1e-09', '1e+30')
    """
    text = f"{value:.{digits}g}"
    number = float(text)
    is_long = number.is_integer() and abs(number) < 1e15 and ("e" in text or abs(number) >= 1e6)
    return f"{number:,.0f}" if is_long else text


def span(low: float, high: float) -> str:
    """Write a range with the digits that its width needs, six at least.

    >>> span(0.5, 7), span(1e9 - 5, 1e9 + 5)
    ('0.5 to 7', '999,999,995 to 1,000,000,005')
    """
    digits, error = 6, 0.01 * (high - low)
    while digits < 17 and any(abs(float(f"{end:.{digits}g}") - end) > error for end in (low, high)):
        digits += 1
    return f"{rounded(low, digits)} to {rounded(high, digits)}"


def points(value: float) -> str:
    """Write a number of percentage points with two significant digits.

    >>> points(0.862), points(1.0)
    ('0.86 points', '1 point')
    """
    text = rounded(value, 2)
    return f"{text} point{'' if text == '1' else 's'}"


def half_width(interval: Interval) -> float | None:
    """Return half the width of a two-sided interval, or None when there is none.

    >>> half_width([0.75, 1.25])
    0.25
    """
    return None if interval is None else finite((interval[1] - interval[0]) / 2)


@dataclass(frozen=True)
class Scale:
    """How the scores of one study are shown: in percent or as they are, with `decimals` digits.

    >>> accuracy = Scale("accuracy", higher_is_better=True, percent=True, decimals=1)
    >>> accuracy.plus_minus(0.8971, [0.8901, 0.9041])
    '89.7 ± 0.7'
    >>> accuracy.plus_minus(-0.004, [-0.009, 0.001], signed=True)
    '−0.4 ± 0.5'
    """

    metric: str
    higher_is_better: bool
    percent: bool
    decimals: int

    @property
    def unit(self) -> str:
        """The unit of a score, for a header."""
        return "%" if self.percent else ""

    @property
    def difference_unit(self) -> str:
        """The unit of a difference between scores."""
        return "points" if self.percent else ""

    @property
    def name(self) -> str:
        """The metric in words."""
        return "R2" if self.metric == "r2" else self.metric.replace("_", " ")

    @property
    def title(self) -> str:
        """The metric with its unit, as the title of an axis or a column."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def shown(self, value: float | None) -> float | None:
        """Return the number to draw or print: times 100 when the metric is a share."""
        value = finite(value)
        return None if value is None else value * 100 if self.percent else value

    def number(self, value: float | None, signed: bool = False, decimals: int | None = None) -> str:
        """Write a score without its unit, with the decimals of the scale or with others."""
        shown = self.shown(value)
        if shown is None:
            return MISSING
        decimals = self.decimals if decimals is None else decimals
        fixed = abs(shown) < 1e6 and decimals <= 6
        text = f"{abs(shown):.{decimals}f}" if fixed else rounded(abs(shown), _significant(shown, decimals))
        if fixed and float(text) == 0:
            return text  # it has no sign
        return ("−" if shown < 0 else "+" if signed else "") + text

    def step(self, value: float) -> str:
        """Write a gap between scores with two significant digits and its unit."""
        shown = self.shown(value)
        if shown is None:
            return MISSING
        return points(shown) if self.percent else rounded(shown, 2)

    def plus_minus(self, mean: float | None, interval: Interval, signed: bool = False) -> str:
        """Write a mean with half its interval, or alone when there is no interval.

        It gets more decimals than the scale has where the interval would otherwise seem to have no width, or
        where a mean without an interval, or with one of no width, would seem to be 0.

        >>> loss = Scale("loss", higher_is_better=False, percent=False, decimals=0)
        >>> loss.plus_minus(1e9 + 0.5, [1e9, 1e9 + 1]), loss.plus_minus(1.5e-7, None)
        ('1000000000.5 ± 0.5', '1.5e-07')
        """
        half = half_width(interval)
        drawn, decimals = self.shown(half) or 0.0, self.decimals
        least = drawn or abs(self.shown(mean) or 0.0)
        if least > 0 and float(f"{least:.{decimals}f}") == 0:
            decimals = digits(least)
        text = self.number(mean, signed, decimals)
        return text if half is None or text == MISSING else f"{text} ± {self.number(half, decimals=decimals)}"


def scale_for(
    metric: str, higher_is_better: bool, percent: bool | None, halves: Iterable[float | None]
) -> Scale:
    """Return units and digits: a step of the last digit is at most a third of a typical half-interval.

    Percent is assumed for metrics whose name contains "acc" unless `percent` says otherwise; an R2 or a
    correlation, which can be negative, is never a percentage.

    >>> scale_for("accuracy", True, None, [0.007, 0.006]).decimals
    1
    >>> scale_for("val_loss", False, None, [0.0021, None]).decimals
    4
    """
    percent = (
        "acc" in metric.lower()
        if percent is None
        else percent and not NOT_IN_PERCENT.fullmatch(metric.lower())
    )
    known = sorted(h * (100 if percent else 1) for h in halves if h is not None and h > 0)
    if not known:
        return Scale(metric, higher_is_better, percent, 1 if percent else 4)
    decimals = digits(known[len(known) // 2])
    return Scale(metric, higher_is_better, percent, max(1 if percent else 0, decimals))


def digits(half: float) -> int:
    """Return the decimals at which a step of the last digit is at most a third of a half-interval.

    >>> digits(0.7), digits(0.021), digits(40.0)
    (1, 3, 0)
    """
    return max(0, math.ceil(-math.log10(half / 3) - 1e-9))


def _significant(shown: float, decimals: int) -> int:
    """Return how many digits reach so many decimals, three at least and no more than a float has."""
    return min(15, max(3, math.floor(math.log10(abs(shown) or 1)) + 1 + decimals)) if decimals else 3


def rate(value: float | None) -> str:
    """Write a learning rate with three significant digits.

    >>> rate(0.031622), rate(1e-05), rate(None)
    ('0.0316', '1e-5', '–')
    """
    value = finite(value)
    return MISSING if value is None else f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")


def rate_range(lowest_and_highest: Sequence[float] | None) -> str:
    """Write a range of learning rates.

    >>> rate_range([0.1, 0.42]), rate_range(None)
    ('0.1 to 0.42', '–')
    """
    return MISSING if lowest_and_highest is None else " to ".join(map(rate, lowest_and_highest))


def p_value(value: float | None) -> str:
    """Write a p-value; one below a thousandth as `<0.001`.

    >>> p_value(0.0421), p_value(0.00001), p_value(1)
    ('0.042', '<0.001', '1.000')
    """
    value = finite(value)
    return MISSING if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def share(value: float | None, decimals: int = 0) -> str:
    """Write a share as a percentage.

    >>> share(0.6333), share(0.6379, decimals=1)
    ('63 %', '63.8 %')
    """
    value = finite(value)
    return MISSING if value is None else f"{100 * value:.{decimals}f} %"


def duration(seconds: float | None) -> str:
    """Write a duration in words.

    >>> duration(9.13), duration(125), duration(11520)
    ('9.1 s', '2 min 5 s', '3 h 12 min')
    """
    seconds = finite(seconds)
    if seconds is None:
        return MISSING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def pace(runs_per_second: float) -> str:
    """Write a speed: runs per second, or the time of one run if that is longer.

    >>> pace(1071.6), pace(82.4), pace(0.05)
    ('1,072 runs per second', '82.4 runs per second', '20.0 s per run')
    """
    if 0 < runs_per_second < 1:
        return f"{duration(1 / runs_per_second)} per run"
    number = f"{runs_per_second:,.0f}" if runs_per_second >= 100 else f"{runs_per_second:.3g}"
    return f"{number} runs per second"


def counted(number: int, noun: str) -> str:
    """Write a number of things; the plural of the noun ends in s.

    >>> counted(1, "run"), counted(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def all_of(number: int) -> str:
    """Write that all of a number of things are meant.

    >>> all_of(2), all_of(3)
    ('both', 'all 3')
    """
    return "both" if number == 2 else f"all {number:,}"


def ranges(numbers: Iterable[int]) -> str:
    """Write whole numbers as ranges, in order.

    >>> ranges([0, 1, 2, 3, 7, 9, 10])
    '0–3, 7, 9, 10'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    written = (f"{r[0]}–{r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs)
    return ", ".join(written) or MISSING
