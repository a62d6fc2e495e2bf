"""Numbers as people write them in tables: with decimal points or commas, and separators of thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from stepsize.errors import ProblemError

MISSING = frozenset([
    "", "?", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NULL", "null", "None", "NaN", "nan",
    "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
])  # fmt: skip # what pandas takes for missing, and the question mark of many old tables
POINT, COMMA = ".", ","
SHOWN = 40  # characters of a value, in messages
NUMBER = (
    r"[-+]?[1-9]\d{{0,2}}({1}\d{{3}})+({0}\d*)?|[-+]?(\d+|(?={0}\d))({0}\d*)?(e[-+]?\d+)?"
    r"|[-+]?inf(inity)?|nan"
)  # nobody separates thousands before an exponent
WRITTEN = {
    POINT: re.compile(NUMBER.format(r"\.", ","), re.ASCII | re.IGNORECASE),
    COMMA: re.compile(NUMBER.format(",", r"\."), re.ASCII | re.IGNORECASE),
}  # a number, by its decimal mark


def read_number(text: str) -> float | None:
    """Return the number that a text stands for, by either decimal mark; None for any other text.

    >>> read_number("1.234,5"), read_number("-.5"), read_number("1,234"), read_number("8,407e1")
    (1234.5, -0.5, 1234.0, 84.07)
    """
    for mark in (POINT, COMMA):
        if WRITTEN[mark].fullmatch(text):
            return _value(text, mark)
    return None


def decimal_mark(columns: Iterable[Sequence[str]], usual: str | None = None) -> str | None:
    """Return the decimal mark of a table, as far as its columns of texts show it; else `usual`.

    A column shows it if its texts are numbers by one decimal mark only: `0,5` or `1.234,5` by the comma.

    >>> decimal_mark([["1,234", "900"], ["0,5", "12"]]), decimal_mark([["1,234", "900"]])
    (',', None)
    """
    shown = {marks[0] for marks in map(_marks, columns) if len(marks) == 1}
    return shown.pop() if len(shown) == 1 else usual


def read_numbers(texts: Sequence[str], mark: str | None, what: str) -> np.ndarray | None:
    """Return the numbers that all `texts` are, as float64; None if one of them is not a number.

    `mark` is the decimal mark of the table, if it is known, and `what` is what messages call the column.

    Raises: ProblemError if commas or points may separate thousands as well as decimals.

    >>> read_numbers(["1.234,50", "7"], None, "column 'price'").tolist()
    [1234.5, 7.0]
    """
    marks = _marks(texts)
    if not marks:
        return None
    readings = {each: np.array([_value(text, each) for text in texts]) for each in marks}
    if len(marks) == 1 or np.array_equal(readings[POINT], readings[COMMA], equal_nan=True):
        return readings[marks[0]]
    if mark is not None:
        return readings[mark]
    separated = [text for text in texts if COMMA in text or POINT in text]
    if len(separated) == len(texts) and not any(COMMA in text for text in texts):
        return readings[POINT]  # such as 1.234 and 2.500, all with three decimals
    raise ProblemError(
        f"{what}: {separated[0]!r} may be {_value(separated[0], POINT):.15g} or "
        f"{_value(separated[0], COMMA):.15g}; write numbers without separators of thousands and with a "
        "decimal point"
    )


def first_unusual(texts: Iterable[str], values: Iterable[float]) -> tuple[str, float] | None:
    """Return the first text that Python would not read as its value, with the value; None if there is none.

    >>> first_unusual(["2.5", "1.234"], [2.5, 1234.0])
    ('1.234', 1234.0)
    """
    for text, value in zip(texts, values, strict=True):
        if COMMA in text or text.count(POINT) > 1 or (POINT in text and float(text) != value):
            return text, value
    return None


def _marks(texts: Sequence[str]) -> list[str]:
    """Return the decimal marks by which all texts are numbers."""
    return [mark for mark in (POINT, COMMA) if all(map(WRITTEN[mark].fullmatch, texts))] if len(texts) else []


def _value(text: str, mark: str) -> float:
    return float(text.replace(POINT if mark == COMMA else COMMA, "").replace(mark, POINT))
