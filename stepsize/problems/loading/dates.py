"""Dates as people write them in tables, as times to order rows by; the whole column decides on the form."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from stepsize.errors import ProblemError

NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})([T ].*)?")
YEAR_FIRST = re.compile(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})([T ].*)?")
WITH_NAMES = (
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%B-%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%b %Y",
    "%B %Y",
)  # fmt: skip
DAY, MONTH, YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
DISORDERED = {  # numbers that may be dates with the year last, and whether only a zero in front shows it
    re.compile(rf"({MONTH})\.{YEAR}"): False,
    re.compile(rf"({DAY})\.(?:0[1-9]|1[0-2])"): False,
    re.compile(rf"({DAY}(?:0[1-9]|1[0-2])){YEAR}"): False,
    re.compile(rf"({MONTH}(?:0[1-9]|[12][0-9]|3[01])){YEAR}"): False,
    re.compile(rf"(0[1-9]|1[0-2]){YEAR}"): True,
    re.compile(r"((?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2]))(?:[0-9]{2})?"): True,
}
SORTED = re.compile(rf"{YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])?")
YEAR_MONTH = re.compile(rf"{YEAR}\.(?:[1-9]|1[0-2])")
ADVICE = "write them as 2024-01-31"


def read_dates(texts: Sequence[str], where: str) -> np.ndarray:
    """Return the times [rows] that texts stand for, all of them written in one form.

    The forms are 2024-01-31 (also with a time), 2024/01/31, 2024-01, 31.01.2024, 31 Jan 2024, and 31/01/2024
    or 01/31/2024 if some number above 12 shows which of the two is the day. `where` begins a message.

    Raises: ProblemError for any other text, and if the day and the month cannot be told apart.

    >>> read_dates(["16/02/2023", "01/03/2023"], "x").argsort().tolist()
    [0, 1]
    """
    numeric = [NUMERIC.fullmatch(text) for text in texts]
    if any(numeric):
        if odd := [text for text, match in zip(texts, numeric, strict=True) if match is None]:
            raise ProblemError(
                f"{where}: {odd[0][:40]!r} and {_first(texts, numeric)!r} differ in form; {ADVICE}"
            )
        return _parsed(_in_order([match for match in numeric if match is not None], where), where)
    if all(map(YEAR_FIRST.fullmatch, texts)):
        return _parsed([YEAR_FIRST.sub(_iso, text) for text in texts], where)
    return _parsed(texts, where)


def check_not_dates(texts: Sequence[str], where: str) -> None:
    """Raise ProblemError for texts that are numbers but look like dates, whose order is not that of numbers.

    Such are 01.2024, 31.12, 31012024, 012024 and 2024.1 beside 2024.12. 20240131 and 202401 are in order.

    >>> check_not_dates(["01.2021", "12.2020"], "the order column")
    Traceback (most recent call last):
    ...
    stepsize.errors.ProblemError: the order column: '01.2021' looks like a date, but would be ordered as the \
number 1.2021; write dates as 2024-01-31 or 2024-01, and numbers without a zero in front
    """
    if not texts:
        return
    is_padded = any(text.startswith("0") and text[1:2].isdigit() for text in texts)
    in_order = all(map(SORTED.fullmatch, texts))
    for form, needs_zero in DISORDERED.items():
        if in_order or (needs_zero and not is_padded) or not all(map(form.fullmatch, texts)):
            continue
        starts = {form.sub(r"\1", text) for text in texts}  # more than one, or they may be numbers in a row
        if is_padded or len(starts) > 1:
            raise ProblemError(
                f"{where}: {texts[0]!r} looks like a date, but would be ordered as the number "
                f"{float(texts[0]):.15g}; write dates as 2024-01-31 or 2024-01, and numbers without a zero "
                "in front"
            )
    if all(map(YEAR_MONTH.fullmatch, texts)) and len({len(text) for text in texts}) > 1:
        raise ProblemError(
            f"{where}: {min(texts, key=len)!r} and {max(texts, key=len)!r} look like a year and a month, but "
            "would be ordered as numbers; write them as 2024-01"
        )


def are_dates(texts: Sequence[str]) -> bool:
    """Return whether `read_dates` reads all of these texts."""
    try:
        read_dates(texts, "")
    except ProblemError:
        return False
    return True


def _first(texts: Sequence[str], matches: Sequence[object]) -> str:
    return next(text for text, match in zip(texts, matches, strict=True) if match is not None)


def _iso(match: re.Match[str]) -> str:
    year, month, day, time = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}{time or ''}"


def _in_order(matches: Sequence[re.Match[str]], where: str) -> list[str]:
    """Return dates of two numbers and a year with the year first."""
    day_first = next((each for each in matches if int(each[1]) > 12), None)
    month_first = next((each for each in matches if int(each[3]) > 12), None)
    if day_first and month_first:
        raise ProblemError(
            f"{where}: in {day_first[0]!r} the day comes first, and in {month_first[0]!r} the month; {ADVICE}"
        )
    if not day_first and not month_first and matches[0][2] != ".":  # with points, the day comes first
        raise ProblemError(
            f"{where}: {matches[0][0]!r} can be read with the day or the month first, and no date of the "
            f"column shows which; {ADVICE}"
        )
    day, month = (3, 1) if month_first else (1, 3)
    return [f"{each[4]}-{each[month]:0>2}-{each[day]:0>2}{each[5] or ''}" for each in matches]


def _parsed(texts: Sequence[str], where: str) -> np.ndarray:
    import pandas

    column = pandas.Series(list(texts), dtype=object)
    for form in ("ISO8601", *WITH_NAMES):
        try:
            times = pandas.to_datetime(column, utc=True, format=form)
        except (ValueError, TypeError):
            continue
        return times.astype("int64").to_numpy(np.float64)
    bad = next((text for text in texts if not _is_iso(text)), texts[0])
    raise ProblemError(f"{where}: {bad[:40]!r} is not a number or a date; {ADVICE}")


def _is_iso(text: str) -> bool:
    return re.match(r"\d{4}-\d{1,2}", text) is not None
