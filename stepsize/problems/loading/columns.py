"""One column of a table as numbers: kept, coded, or refused with what to do."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError

CATEGORIES = 50  # distinct texts of a column; more are names or free text
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2})?")
TRUTH = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))
SHOWN = 40  # characters of a value, in messages


class Place(NamedTuple):
    """Where messages say that a value stands: `file 'a.csv', line 7` or `data 'a', row 6`."""

    what: str
    unit: str
    first: int

    def at(self, row: int) -> str:
        return f"{self.what}, {self.unit} {row + self.first}"


def feature(name: str, column: Any, place: Place) -> list[np.ndarray]:
    """Give the columns of numbers that stand for one column of the table."""
    kind = column.dtype.kind
    if kind in "mM" or str(column.dtype).startswith("period"):
        _refuse_date(name, column[column.notna()].iloc[0] if column.notna().any() else "", place)
    if kind in "biuf":
        values = column.to_numpy(np.float64, na_value=np.nan) if kind != "b" or column.isna().any() else None
        return [column.to_numpy(bool)] if values is None else [_finite(name, values, column, place)]
    missing = np.asarray(column.isna())
    texts = np.array(["" if gone else str(each).strip() for each, gone in zip(column, missing, strict=True)])
    for each in column[~missing]:
        if isinstance(each, list | tuple | dict | np.ndarray | bytes | complex):
            raise ProblemError(
                f"{place.what}, column {name!r} holds {type(each).__name__} values; leave it out "
                f"(--drop {name}), or give arrays"
            )
    return _texts(name, texts, column, place)


def _texts(name: str, texts: np.ndarray, column: Any, place: Place) -> list[np.ndarray]:
    import pandas

    present = texts != ""
    nominal = str(column.dtype) == "category"
    numbers = np.asarray(pandas.to_numeric(pandas.Series(texts), errors="coerce"), np.float64)
    is_number = present & (~np.isnan(numbers) | (np.char.lower(texts) == "nan"))
    if (is_number == present).all() and not nominal:
        return [_finite(name, numbers, column, place)]
    if is_number.sum() * 2 > present.sum() and not nominal:
        row = int((present & ~is_number).argmax())
        raise ProblemError(
            f"{place.at(row)}, column {name!r}: text {texts[row][:SHOWN]!r} where a number belongs; correct "
            f"or empty the cell, or leave the column out (--drop {name})"
        )
    found = np.unique(texts[present])
    if all(DATE.fullmatch(text) for text in found):
        _refuse_date(name, found[0], place)
    if len(found) > CATEGORIES:
        unique = "a different text in every row" if len(found) == len(texts) else f"{len(found)} texts"
        raise ProblemError(
            f"{place.what}, column {name!r} holds {unique}; more than {CATEGORIES} are taken for names or "
            f"free text: leave it out (--drop {name}) or code it as numbers"
        )
    if present.all() and len(found) == 2:
        lowered = tuple(sorted(text.lower() for text in found))
        one = found[1] if lowered not in TRUTH else next(t for t in found if t.lower() == lowered[1])
        return [texts == one]
    categories = found if present.all() else np.array([*found, ""])
    return [texts == category for category in categories]


def _finite(name: str, values: np.ndarray, column: Any, place: Place) -> np.ndarray:
    too_large = np.abs(np.nan_to_num(values, nan=0.0)) > np.finfo(np.float32).max
    if too_large.any():
        row = int(too_large.argmax())
        raise ProblemError(
            f"{place.at(row)}, column {name!r}: {column.iloc[row]!s} is not finite; fill it or remove the row"
        )
    return values


def _refuse_date(name: str, example: Any, place: Place) -> None:
    raise ProblemError(
        f"{place.what}, column {name!r} holds dates ({str(example)[:SHOWN]!r}); turn it into numbers "
        f"(such as days since the first one), split by it (--order {name}) or leave it out (--drop {name})"
    )
