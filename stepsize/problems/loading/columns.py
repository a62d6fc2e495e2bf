"""What a column of a table becomes: numbers kept, text encoded as 0 and 1, or an error that says what to do.

Numbers stay; two texts or truth values become 0 and 1; more texts become one column of 0 and 1 each. A
missing number stays missing, to be filled from the training rows; a missing text is a category of its own.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError

CATEGORIES = 50  # most distinct texts of a column; more are taken for names or free text
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2})?")
TRUTH = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))
SHOWN = 40  # characters of a value, in messages


class Place(NamedTuple):
    """How messages locate a value: `file 'a.csv', line 7` or `data 'a', row 6`."""

    what: str
    unit: str
    first: int

    def at(self, row: int) -> str:
        """Return the place of a row, counted from 0."""
        return f"{self.what}, {self.unit} {row + self.first}"


def encode_column(name: str, column: Any, place: Place) -> list[np.ndarray]:
    """Return the columns of numbers [rows] that stand for one column of a pandas frame.

    Raises: ProblemError for dates, free text, a text among numbers, values that are not finite, and objects.

    >>> import pandas
    >>> place = Place("data 'toy'", "row", 1)
    >>> [column.tolist() for column in encode_column("size", pandas.Series(["S", "L", "M"]), place)]
    [[False, True, False], [False, False, True], [True, False, False]]
    """
    kind = column.dtype.kind
    if kind in "mM" or str(column.dtype).startswith("period"):
        _raise_for_date(name, column[column.notna()].iloc[0] if column.notna().any() else "", place)
    if kind in "biuf":
        values = column.to_numpy(np.float64, na_value=np.nan) if kind != "b" or column.isna().any() else None
        return [column.to_numpy(bool)] if values is None else [_check_finite(name, values, column, place)]
    missing = np.asarray(column.isna())
    pairs = zip(column, missing, strict=True)
    texts = np.array(["" if is_missing else str(each).strip() for each, is_missing in pairs])
    for each in column[~missing]:
        if isinstance(each, list | tuple | dict | np.ndarray | bytes | complex):
            raise ProblemError(
                f"{place.what}, column {name!r} holds {type(each).__name__} values; leave it out "
                f"(drop={name!r}), or pass arrays"
            )
    return _encode_texts(name, texts, column, place)


def _encode_texts(name: str, texts: np.ndarray, column: Any, place: Place) -> list[np.ndarray]:
    import pandas

    present = texts != ""
    nominal = str(column.dtype) == "category"
    numbers = np.asarray(pandas.to_numeric(pandas.Series(texts), errors="coerce"), np.float64)
    is_number = present & (~np.isnan(numbers) | (np.char.lower(texts) == "nan"))
    if (is_number == present).all() and not nominal:
        return [_check_finite(name, numbers, column, place)]
    if is_number.sum() * 2 > present.sum() and not nominal:
        row = int((present & ~is_number).argmax())
        raise ProblemError(
            f"{place.at(row)}, column {name!r}: {texts[row][:SHOWN]!r} is not a number, unlike most values; "
            f"correct or empty the cell, or leave the column out (drop={name!r})"
        )
    distinct = np.unique(texts[present])
    if all(DATE.fullmatch(text) for text in distinct):
        _raise_for_date(name, distinct[0], place)
    if len(distinct) > CATEGORIES:
        every_row = len(distinct) == len(texts)
        count = "a different text in every row" if every_row else f"{len(distinct)} different texts"
        raise ProblemError(
            f"{place.what}, column {name!r} holds {count}; more than {CATEGORIES} are taken for names or "
            f"free text: leave it out (drop={name!r}) or encode it as numbers"
        )
    if present.all() and len(distinct) == 2:
        lowered = tuple(sorted(text.lower() for text in distinct))
        one = distinct[1] if lowered not in TRUTH else next(t for t in distinct if t.lower() == lowered[1])
        return [texts == one]
    categories = distinct if present.all() else np.array([*distinct, ""])
    return [texts == category for category in categories]


def _check_finite(name: str, values: np.ndarray, column: Any, place: Place) -> np.ndarray:
    too_large = np.abs(np.nan_to_num(values, nan=0.0)) > np.finfo(np.float32).max
    if too_large.any():
        row = int(too_large.argmax())
        raise ProblemError(
            f"{place.at(row)}, column {name!r}: {column.iloc[row]!s} is not finite; fill it or remove the row"
        )
    return values


def _raise_for_date(name: str, example: Any, place: Place) -> None:
    raise ProblemError(
        f"{place.what}, column {name!r} holds dates ({str(example)[:SHOWN]!r}); convert it to numbers "
        f"(such as days since the first one), split by it (order={name!r}) or leave it out (drop={name!r})"
    )
