"""What a column of a table becomes: numbers kept, text encoded as 0 and 1, or an error that says what to do.

Numbers stay; two texts or truth values become 0 and 1; more texts become one column of 0 and 1 each. A
missing number stays missing, to be filled from the training rows; a missing text is a category of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError
from stepsize.problems.loading.dates import are_dates
from stepsize.problems.loading.number_formats import SHOWN, read_numbers
from stepsize.problems.loading.number_texts import DATE, listed, quantity_texts, words_among_numbers
from stepsize.problems.precision import check_whole

CATEGORIES = 50  # most distinct texts of a column; more are taken for names or free text
PAIR = re.compile(r"\d+:[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)  # as LIBSVM writes a row
TRUTH = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))


class Place(NamedTuple):
    """How messages locate a value: `file 'a.csv', line 7` or `data 'a', row 6`.

    `lines` are the places of the rows if they do not simply count from `first`.
    """

    what: str
    unit: str
    first: int
    lines: Sequence[int] | None = None

    def at(self, row: int) -> str:
        """Return the place of a row, counted from 0."""
        return f"{self.what}, {self.unit} {row + self.first if self.lines is None else self.lines[row]}"


def texts_of(column: Any) -> np.ndarray:
    """Return a column of a frame as texts [rows] in Unicode's NFC, "" where a value is missing."""
    present = column.astype(object).where(column.notna(), "").tolist()
    texts = (str(each).strip() for each in present)
    return np.array([each if each.isascii() else unicodedata.normalize("NFC", each) for each in texts])


def encode_column(name: str, column: Any, place: Place, mark: str | None = None) -> list[np.ndarray]:
    """Return the columns of numbers [rows] that stand for one column of a pandas frame.

    `mark` is the decimal mark of the table, if it is known.

    Raises: ProblemError for dates, free text, a text among numbers, numbers that can be read in two ways,
    values that are not finite, and objects.

    >>> import pandas
    >>> place = Place("data 'toy'", "row", 1)
    >>> [column.tolist() for column in encode_column("size", pandas.Series(["S", "L", "M"]), place)]
    [[False, True, False], [False, False, True], [True, False, False]]
    """
    kind = column.dtype.kind
    if kind == "m":
        _raise_for_duration(name, column[column.notna()].iloc[0] if column.notna().any() else "", place)
    if kind == "M" or str(column.dtype).startswith("period"):
        _raise_for_date(name, column[column.notna()].iloc[0] if column.notna().any() else "", place)
    if kind == "b" and not column.isna().any():
        return [column.to_numpy(bool)]
    if kind in "iu":
        whole = column[column.notna()].to_numpy(np.uint64 if kind == "u" else np.int64)
        check_whole(f"{place.what}, column {name!r}", whole, f", or leave them out (drop={name!r})")
    if kind in "iuf":
        values = column.to_numpy(np.float64, na_value=np.nan)
        return [_check_finite(name, values, column, place)]
    for each in column[column.notna()].tolist():
        if isinstance(each, list | tuple | dict | np.ndarray | bytes | complex):
            raise ProblemError(
                f"{place.what}, column {name!r} holds {type(each).__name__} values; leave it out "
                f"(drop={name!r}), or pass arrays"
            )
    return _encode_texts(name, texts_of(column), column, place, mark)


def _encode_texts(
    name: str, texts: np.ndarray, column: Any, place: Place, mark: str | None
) -> list[np.ndarray]:
    distinct, codes = np.unique(texts, return_inverse=True)
    some_missing = distinct[0] == ""
    present = distinct[1:].tolist() if some_missing else distinct.tolist()
    if str(column.dtype) != "category":
        numbers = read_numbers(present, mark, f"{place.what}, column {name!r}")
        if numbers is not None or not present:
            check_whole(f"{place.what}, column {name!r}", present, f", or leave them out (drop={name!r})")
            values = np.array(
                [*([np.nan] if some_missing else []), *(present if numbers is None else numbers)]
            )
            return [_check_finite(name, values[codes], column, place)]
        _check_texts(name, distinct, codes, place)
    if len(present) > CATEGORIES:
        every_row = len(distinct) == len(texts)
        count = "a different text in every row" if every_row else f"{len(present)} different texts"
        raise ProblemError(
            f"{place.what}, column {name!r} holds {count}; more than {CATEGORIES} are taken for names or "
            f"free text: leave it out (drop={name!r}) or encode it as numbers"
        )
    if len(distinct) == 2 and not some_missing:
        first, second = (text.lower() for text in present)
        return [codes == (0 if (second, first) in TRUTH else 1)]
    order = [*range(1, len(distinct)), 0] if some_missing else range(len(distinct))
    return [codes == code for code in order]


def _check_texts(name: str, distinct: np.ndarray, codes: np.ndarray, place: Place) -> None:
    """Raise ProblemError for texts that are dates, numbers with units, or words among numbers."""
    counts = np.bincount(codes, minlength=len(distinct))
    present = distinct != ""
    texts = distinct[present].tolist()
    words = words_among_numbers(texts, counts[present])
    if words:
        cells = np.isin(distinct, words)[codes]
        raise ProblemError(
            f"{place.at(int(cells.argmax()))}, column {name!r}: {listed(words)} "
            f"{'is' if len(words) == 1 else 'are'} among numbers, in {cells.sum():,} of {len(codes):,} rows; "
            f"correct or empty these cells, or leave the column out (drop={name!r})"
        )
    if all(DATE.fullmatch(text) for text in texts):
        _raise_for_date(name, texts[0], place, are_dates(texts))
    if all(map(PAIR.fullmatch, texts)):
        raise ProblemError(
            f"{place.what}, column {name!r} holds pairs of index and value ({texts[0][:SHOWN]!r}); write a "
            "table with a column for each index"
        )
    example = quantity_texts(texts)
    if example is not None:
        raise ProblemError(
            f"{place.what}, column {name!r} holds numbers with units, signs or blanks in them "
            f"({example[:SHOWN]!r}); write plain numbers or leave the column out (drop={name!r})"
        )


def _check_finite(name: str, values: np.ndarray, column: Any, place: Place) -> np.ndarray:
    too_large = np.abs(np.nan_to_num(values, nan=0.0)) > np.finfo(np.float32).max
    if too_large.any():
        row = int(too_large.argmax())
        raise ProblemError(
            f"{place.at(row)}, column {name!r}: {column.iloc[row]!s} is not finite; fill it or remove the row"
        )
    return values


def _raise_for_duration(name: str, example: Any, place: Place) -> None:
    raise ProblemError(
        f"{place.what}, column {name!r} holds lengths of time ({str(example)[:SHOWN]!r}); convert it to "
        f"numbers (such as seconds, with .dt.total_seconds()), or leave it out (drop={name!r})"
    )


def _raise_for_date(name: str, example: Any, place: Place, are_times: bool = True) -> None:
    split = f"split by it (order={name!r}) " if are_times else ""
    raise ProblemError(
        f"{place.what}, column {name!r} holds dates ({str(example)[:SHOWN]!r}); convert it to numbers "
        f"(such as days since the first one), {split}or leave it out (drop={name!r})"
    )
