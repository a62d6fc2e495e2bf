"""Columns as users refer to them: by name, or by number where a table has no names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, unknown

Reference = str | int  # to a column: its name, or its number counted from 0, or from the end as in -1


def column_texts(names: Iterable[Any]) -> list[str]:
    """Return the names of a frame's columns as texts, in Unicode's NFC."""
    return [unicodedata.normalize("NFC", str(name)) for name in names]


def are_numbers(names: Iterable[Any]) -> bool:
    """Return whether columns have no names but only their numbers: 0, 1, 2 and so on.

    >>> are_numbers([0, 1, 2]), are_numbers(["0", "1"]), are_numbers([2019, 2020])
    (True, False, False)
    """
    names = list(names)
    whole = all(isinstance(name, int | np.integer) and not isinstance(name, bool) for name in names)
    return whole and names == list(range(len(names)))


def is_reference(value: Any) -> bool:
    """Return whether a value names a column; otherwise it holds a value for each row.

    >>> is_reference("age"), is_reference(-1), is_reference([0, 1])
    (True, True, False)
    """
    return isinstance(value, str | int | np.integer) and not isinstance(value, bool)


def find_column(what: str, reference: Reference, columns: Sequence[str]) -> str:
    """Return the column called `reference`, or the one with that number if none is called so.

    Raises: ProblemError if there is no such column.

    >>> find_column("target column", -1, ["a", "b", "kind"])
    'kind'
    >>> find_column("target column", "2", ["2", "1", "0"])
    '2'
    """
    name = unicodedata.normalize("NFC", str(reference)).strip()
    for each in (str(reference), name):
        if each in columns:
            return each
    several = [each.strip() for each in name.split(",")]
    if len(several) > 1 and set(several) <= set(columns):
        raise ProblemError(f"unknown {what} {name!r}; name each column apart: {_argument(what)}={several!r}")
    if not re.fullmatch(r"[-+]?\d{1,9}", name):
        raise ProblemError(unknown(what, name, columns))
    number, count = int(name), len(columns)
    if not -count <= number < count:
        raise ProblemError(
            f"{what} {number}: the {count} columns are numbered 0 to {count - 1}, and -{count} to -1 "
            "from the end"
        )
    return columns[number]


def _argument(what: str) -> str:
    """Return the argument of `load` that names such columns."""
    return "drop" if what == "column to drop" else what.removesuffix(" column")


def find_targets(target: Reference | None, columns: Sequence[str], named: bool, what: str) -> list[str]:
    """Return the columns to predict: one, or several with commas between; by default the last without names.

    `what` is what messages call the table.

    Raises: ProblemError if there is no such column, or if `target` is None and the columns have names.
    """
    if target is None and named:
        raise ProblemError(f"name the column of {what} to predict, such as target={columns[-1]!r}")
    if target is None:
        return [columns[-1]]
    whole = str(target)
    if whole in columns or "," not in whole:
        return [find_column("target column", target, columns)]
    return [find_column("target column", each.strip(), columns) for each in whole.split(",")]


def check_unique(columns: Sequence[str], what: str, hint: str = "") -> None:
    """Raise ProblemError if two columns have one name; `hint` is what else the user can do."""
    name, count = Counter(columns).most_common(1)[0] if columns else ("", 1)
    if count > 1:
        raise ProblemError(f"{what}: two columns are called {name!r}; rename one{hint}")
