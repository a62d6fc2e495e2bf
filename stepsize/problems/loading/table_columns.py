"""How the columns of a table became numbers, so that new rows of the table become the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsize.errors import ProblemError
from stepsize.number_format import counted
from stepsize.problems.loading.column_names import are_numbers, column_texts
from stepsize.problems.loading.columns import Place, encode_column, texts_of
from stepsize.problems.loading.number_texts import listed

KNOWN = 12  # a message names so many texts that a model knows
Numbers = Mapping[str, tuple[float, ...]]
"""The numbers that stand for each text of a column."""


@dataclass(frozen=True)
class TableColumns:
    """The features of a table: its columns by name, with the numbers of their texts, None for numbers.

    `mark` is the decimal mark of texts that are numbers, if it is known, and `target` the columns to predict.
    `width` is the number of all columns of a table whose columns have no names but numbers, else None.
    """

    columns: Mapping[str, Numbers | None]
    mark: str | None = None
    target: tuple[str, ...] = ()
    width: int | None = None

    def encode(self, frame: Any) -> np.ndarray:
        """Return the features [rows, features] of new rows: a pandas frame with the columns of the table.

        Other columns are ignored.

        Raises: ProblemError for a column that is missing, for texts that the table does not have, and for
        columns without names whose numbers may be other ones than those of the table.

        >>> import pandas
        >>> columns = TableColumns({"size": None, "kind": {"a": (1.0, 0.0), "b": (0.0, 1.0)}})
        >>> columns.encode(pandas.DataFrame({"kind": ["b"], "size": [2.5], "id": [7]}))
        array([[2.5, 0. , 1. ]])
        """
        labels, names = frame.columns, column_texts(frame.columns)
        frame = frame.set_axis(names, axis=1).reset_index(drop=True)
        absent = [name for name in self.columns if name not in names]
        if absent:
            raise ProblemError(
                f"x has no column {absent[0]!r}"
                + (f", and {len(absent) - 1} more are missing" if len(absent) > 1 else "")
                + f"; the model was trained with {', '.join(map(repr, self.columns))}"
            )
        if are_numbers(labels):
            self._check_numbers(len(names))
        elif self.width is not None and all(isinstance(each, str) for each in labels):
            self._check_texts(names, self.width)
        if frame.empty:
            return np.zeros((0, sum(self._widths)))
        encoded = [self._column(name, frame[name]) for name in self.columns]
        return np.concatenate(encoded, axis=1)

    def name_of(self, feature: int) -> str:
        """Return the column that a feature comes from.

        >>> TableColumns({"size": None, "kind": {"a": (1.0, 0.0), "b": (0.0, 1.0)}}).name_of(2)
        'kind'
        """
        widths = zip(self.columns, self._widths, strict=True)
        return [name for name, width in widths for _ in range(width)][feature]

    @property
    def _widths(self) -> list[int]:
        """The number of features of each column."""
        return [1 if each is None else len(next(iter(each.values()))) for each in self.columns.values()]

    def _check_numbers(self, count: int) -> None:
        """Raise ProblemError unless `count` columns without names have the numbers of those of the table.

        Where the target is left out, or a column that was dropped, those after it have other numbers.
        """
        are_first = [*map(str, range(len(self.columns)))] == list(self.columns)
        if self.width is None or count == self.width or (are_first and count < self.width):
            return
        others = [str(number) for number in range(self.width) if str(number) not in self.columns]
        raise ProblemError(
            f"x has {counted(count, 'column')} without names, and the table had {self.width}, so their "
            f"numbers may mean other columns; pass all {self.width} in the order of the table"
            + (f" (what {listed(others)} hold{'s' * (len(others) == 1)} is ignored)" if others else "")
        )

    def _check_texts(self, names: Sequence[str], width: int) -> None:
        """Raise ProblemError unless names, of columns that have none in the table, count its columns.

        Otherwise they may be the first row of a file without names, which pandas took for names.
        """
        numbers = [int(name) for name in names if name.isdecimal()]
        if len(numbers) == len(names) and numbers == sorted(numbers) and numbers[-1] < width:
            return
        raise ProblemError(
            f"x has columns called {listed(names)}, and those of the table have no names; read the rows with "
            "pandas.read_csv(path, header=None), or pass the path"
        )

    def _column(self, name: str, column: Any) -> np.ndarray:
        """Return the features of one column [rows, features]."""
        numbers = self.columns[name]
        if numbers is None:
            columns = encode_column(name, column, Place("x", "row", 1), self.mark)
            if len(columns) > 1 or columns[0].dtype == bool:
                raise ProblemError(
                    f"x, column {name!r}: the model was trained with numbers, and here are texts"
                )
            return columns[0][:, None].astype(np.float64)
        texts = texts_of(column)
        for row, text in enumerate(texts.tolist()):
            if text not in numbers:
                what = repr(text) if text else "a missing value"
                raise ProblemError(
                    f"x, row {row + 1}, column {name!r}: the model was not trained with {what}; it knows "
                    f"{listed([each for each in numbers if each], most=KNOWN)}: correct the cell, or remove "
                    "the row"
                )
        return np.array([numbers[text] for text in texts.tolist()], np.float64).reshape(len(texts), -1)


def numbers_of(column: Any, encoded: Sequence[np.ndarray]) -> Numbers | None:
    """Return the numbers of each text of a column that was encoded; None for a column of numbers."""
    if len(encoded) == 1 and encoded[0].dtype != bool:
        return None
    texts, rows = np.unique(texts_of(column), return_index=True)
    return {
        text: tuple(float(each[row]) for each in encoded)
        for text, row in zip(texts.tolist(), rows.tolist(), strict=True)
    }
