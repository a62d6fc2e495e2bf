"""The features of a table: every column as numbers, with notes on what was done and what looks like an id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from stepsize.errors import ProblemError
from stepsize.number_format import all_of
from stepsize.problems.loading.columns import Place, encode_column, texts_of
from stepsize.problems.loading.doubtful_numbers import column_notes, written_code
from stepsize.problems.loading.memory import COPIES, check_fits
from stepsize.problems.loading.number_formats import first_unusual
from stepsize.problems.loading.number_texts import alike_texts, listed
from stepsize.problems.loading.table_columns import Numbers, TableColumns, numbers_of
from stepsize.problems.precision import table_type


def read_features(
    frame: Any, place: Place, mark: str | None, codes: Mapping[str, str], keep_constant: bool = False
) -> tuple[np.ndarray, TableColumns, list[str]]:
    """Return the features [rows, features] that the columns of a frame become, how, and notes.

    `mark` is the decimal mark of the texts in the frame, if it is known. `codes` holds a text of each column
    of numbers whose file writes it like a code. Columns that are constant are left out, unless
    `keep_constant`: a model of the user's own expects every column.

    Raises: ProblemError for columns that cannot be encoded, or if none is left.
    """
    encoded: list[np.ndarray] = []
    kept: dict[str, Numbers | None] = {}
    errors: dict[str, ProblemError] = {}
    notes = _Notes(codes, keep_constant)
    for name in frame.columns:
        try:
            columns = encode_column(name, frame[name], place, mark)
        except ProblemError as error:
            errors[name] = error
            continue
        if notes.keep(name, frame[name], columns):
            encoded += columns
            kept[name] = numbers_of(frame[name], columns)
    if errors:
        several = f"; to leave out {all_of(len(errors))} columns like this, use drop={list(errors)!r}"
        raise ProblemError(str(next(iter(errors.values()))) + (several if len(errors) > 1 else ""))
    if not encoded:
        raise ProblemError(f"{place.what}: no column is left to learn from")
    check_fits(place.what, COPIES * 4 * len(frame) * len(encoded))
    x = np.empty((len(frame), len(encoded)), table_type(encoded))
    for i, column in enumerate(encoded):
        x[:, i] = column
    return x, TableColumns(kept, mark), notes.texts()


class _Notes:
    """What was done with the columns of a table."""

    def __init__(self, codes: Mapping[str, str], keep_constant: bool) -> None:
        self._codes, self._keep_constant = codes, keep_constant
        self._columns: dict[str, list[str]] = {
            "text columns encoded as one column of 0 and 1 for each of their texts": [],
            "columns of two values encoded as 0 and 1": [],
            "missing numbers, filled with the median of the training rows": [],
            "numbers with decimal commas or separators of thousands": [],
            "left out because they are constant or number the rows": [],
            "texts that differ only in case, blanks or invisible characters, each a category": [],
        }
        self._others: list[str] = []

    def keep(self, name: str, column: Any, columns: list[np.ndarray]) -> bool:
        """Note what one column of a frame became; return whether it is a feature."""
        categories, binary, incomplete, written, left_out, alike = self._columns.values()
        is_left_out = not (self._keep_constant or _varies(columns[0])) or _is_row_number(name, columns[0])
        if len(columns) == 1 and is_left_out:
            left_out.append(repr(name))
            return False
        if len(columns) > 1:
            categories.append(f"{name!r} ({len(columns)})")
            alike += [
                f"{name!r} ({listed(each)})" for each in alike_texts(np.unique(texts_of(column)).tolist())
            ]
        elif columns[0].dtype == bool:
            binary.append(repr(name))
        else:
            missing = int(np.isnan(columns[0]).sum())
            incomplete += [f"{name!r} ({missing})"] if missing else []
            written += _written(name, column, columns[0])
            code = self._codes.get(name)
            if code is None and column.dtype.kind == "O":
                code = written_code(texts_of(column).tolist())
            self._others += column_notes(name, columns[0], code)
        return True

    def texts(self) -> list[str]:
        """Return the notes."""
        lists = [f"{note}: {', '.join(names)}" for note, names in self._columns.items() if names]
        return [*lists, *self._others]


def _varies(column: np.ndarray) -> bool:
    present = column[~np.isnan(column)] if column.dtype.kind == "f" else column
    return len(present) > 0 and bool((present != present[0]).any())


def _is_row_number(name: str, column: np.ndarray) -> bool:
    """Return whether this is the index that pandas writes as a first column without a name."""
    unnamed = name.strip() == "" or re.fullmatch(r"Unnamed: \d+|index", name) is not None
    return unnamed and bool((np.diff(column.astype(float)) == 1).all())


def _written(name: str, column: Any, values: np.ndarray) -> list[str]:
    """Return the name of a column of numbers that are not written as Python writes them, with an example."""
    if column.dtype.kind != "O":
        return []
    texts = (
        str(each).strip(" \t\0") if value == value else ""
        for each, value in zip(column.tolist(), values, strict=True)
    )
    unusual = first_unusual(texts, values.tolist())
    return [] if unusual is None else [f"{name!r} ({unusual[0]!r} is {unusual[1]:.15g})"]
