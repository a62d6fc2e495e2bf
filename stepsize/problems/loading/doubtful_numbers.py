"""Numbers that may be something else: dates, ids, codes, and numbers that stand for a missing value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

MISSING_CODES = {-1, *(sign * code for code in (9, 99, 999, 9999, 99999) for sign in (-1, 1))}
LARGE = 10  # a column from 0 to at least this, with one code below 0, is not a scale such as -1, 0, 1
DATES = (19000101, 21001231)  # as people write days in digits
SCALES = (1, 10**4, 10**6)  # days alone, with hours and minutes, and with seconds
MONTHS = (190001, 210012)  # as people write months in digits
LEAST_MONTHS = 12  # rows from which on such numbers are hardly quantities
LEAST = 3  # different numbers that must all be dates
WRITTEN_CODE = re.compile(r"0\d+|\d+e\d+", re.ASCII | re.IGNORECASE)
ID = re.compile(r"(.*[\W_])?ids?|.*(?-i:[a-z]Id|ID)", re.IGNORECASE)  # names of columns that hold ids
CODE = re.compile(
    r"(.*[\W_])?(codes?|zip|zip_?code|post_?code|postal_?code|plz)|.*(?-i:[a-z]Code)", re.IGNORECASE
)
LEAST_IDS = 10  # rows from which on a column of different whole numbers may be an id
NAMED = 5  # columns of an array that are named at most


def missing_code(values: np.ndarray) -> str | None:
    """Return a clause on a number that may stand for a missing value, such as -999; None if there is none.

    It recurs far from all other values, or is the only one below 0.

    >>> missing_code(np.array([3.5, -999, 7, 2, -999, 5]))
    'holds -999 in 2 of 6 rows, far from its other values: if that means missing, empty these cells'
    >>> missing_code(np.array([33, -1, 61, 20]))
    'holds -1 in 1 of 4 rows and no other number below 0: if that means missing, empty these cells'
    """
    values = values[~np.isnan(values)]
    for code in (values.min(), values.max()) if len(values) else ():
        others = values[values != code]
        count, reason = len(values) - len(others), ""
        if code not in MISSING_CODES or not len(others):
            continue
        if code != -1 and count > 1 and np.abs(others - code).min() > max(np.ptp(others), 1):
            reason = ", far from its other values"
        elif code < 0 and others.min() >= 0 and others.max() >= LARGE:
            reason = " and no other number below 0"
        if reason:
            return (
                f"holds {code:g} in {count:,} of {len(values):,} rows{reason}: if that means missing, empty "
                "these cells"
            )
    return None


def written_code(texts: Iterable[str]) -> str | None:
    """Return the first text that is a number but may be a code, such as `00803` or `1E0`; else None.

    >>> written_code(["10", "00803"]), written_code(["10", "0", "0.5", "1e-5"])
    ('00803', None)
    """
    return next((text for text in texts if WRITTEN_CODE.fullmatch(text)), None)


def written_date(values: np.ndarray) -> str | None:
    """Return the first number if all are dates written in digits, such as 20120608; else None.

    >>> written_date(np.array([20120608, 20120701, 20131231])), written_date(np.array([20120608, 20121308]))
    ('20120608', None)
    >>> written_date(np.array([201211, 201212, 201301] * 4)), written_date(np.array([201211, 201213] * 6))
    ('201211', None)
    """
    present = values[~np.isnan(values)]
    if not _are_whole(present) or len(np.unique(present)) < LEAST:
        return None
    for scale in SCALES:
        days = present // scale
        if days.min() < DATES[0] or days.max() > DATES[1]:
            continue
        month, day = days // 100 % 100, days % 100
        if ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all():
            return f"{present[0]:.0f}"
    months = present % 100
    in_range = present.min() >= MONTHS[0] and present.max() <= MONTHS[1]
    if in_range and len(present) >= LEAST_MONTHS and ((months >= 1) & (months <= 12)).all():
        return f"{present[0]:.0f}"
    return None


def column_notes(name: str, values: np.ndarray, code: str | None = None) -> Iterator[str]:
    """Yield what the numbers of a table's column may be instead; `code` is a text that looks like a code."""
    if (clause := missing_code(values)) is not None:
        yield f"{name!r} {clause}"
    leave_out = f"leave it out with drop={name!r}"
    if (date := written_date(values)) is not None:
        yield (
            f"{name!r} holds dates written as numbers ({date}), whose differences are not times; convert it "
            f"to days since the first one, split by it (order={name!r}), or {leave_out}"
        )
        return
    present = values[~np.isnan(values)]
    if not _are_whole(present):
        return
    if code is not None or (CODE.fullmatch(name) is not None and len(np.unique(present)) > 2):
        reason = "is named like a code" if code is None else f"holds {code!r}, written like a code,"
        yield (
            f"{name!r} {reason} and is used as a number; put a letter before each code to make them "
            f"categories, or {leave_out}"
        )
        return
    yield from _id_note(name, values, leave_out)


def array_notes(what: str, array: np.ndarray) -> list[str]:
    """Return what the numbers of an array [rows, columns] may be instead; `what` names it.

    >>> array_notes("x", np.array([[1, 20120608], [2, 20120701], [-999, 20131231], [-999, 20131230]]))[1]
    'x, column 1 holds dates written as numbers (20120608), whose differences are not times'
    """
    if array.ndim != 2 or array.dtype == np.uint8 or array.dtype.kind not in "iuf":
        return []
    notes = []
    for number, column in enumerate(array.T):
        values = column[np.isfinite(column)].astype(np.float64)
        where = f"{what}, column {number}"
        if (clause := missing_code(values)) is not None:
            notes.append(f"{where} {clause.replace('empty these cells', 'pass NaN')}")
        if (date := written_date(values)) is not None:
            notes.append(f"{where} holds dates written as numbers ({date}), whose differences are not times")
    more = len(notes) - NAMED
    return notes if more <= 0 else [*notes[:NAMED], f"{what}: {more:,} more columns are like these"]


def _are_whole(values: np.ndarray) -> bool:
    return len(values) > 0 and bool((values == np.round(values)).all())


def _id_note(name: str, values: np.ndarray, leave_out: str) -> Iterator[str]:
    """Yield a note on a column with another whole number in every row that may be an id."""
    if len(values) < LEAST_IDS or not _are_whole(values) or len(np.unique(values)) < len(values):
        return
    numbers_rows = np.ptp(values) == len(values) - 1
    if not numbers_rows and ID.fullmatch(name) is None:
        return
    what = "numbers the rows" if numbers_rows else "has a different whole number in every row"
    yield f"{name!r} {what} and is used as a feature; {leave_out} unless it has a meaning"
