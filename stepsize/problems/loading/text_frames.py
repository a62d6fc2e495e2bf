"""The rows of a text file as a pandas frame, in one pass: lengths checked, line numbers and targets kept."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError
from stepsize.number_format import counted
from stepsize.problems.loading.doubtful_numbers import WRITTEN_CODE
from stepsize.problems.loading.number_formats import MISSING
from stepsize.problems.loading.text_rows import Row

CHUNK = 500  # rows passed to pandas at once
SOME_CODE = re.compile(rf"(^|,)({WRITTEN_CODE.pattern})(,|\r)", re.ASCII | re.IGNORECASE | re.MULTILINE)


class TextFrame(NamedTuple):
    """A frame with numbered columns, and the line of the file where each of its rows begins.

    `codes` holds, by the numbers of columns, a text that is read as a number and may be a code: 00803, 1E0.
    """

    frame: Any
    lines: Sequence[int]
    codes: dict[int, str]


def read_frame(
    rows: Iterable[Row], what: str, named: bool, as_written: Sequence[int], as_text: bool
) -> TextFrame:
    """Return the frame of `rows`, without the first one if that holds the names of the columns.

    The columns with the numbers `as_written` hold their texts. With `as_text` all columns do, apart from
    missing values; otherwise pandas decides which ones hold numbers. `what` is what messages call the file.

    Raises: ProblemError for a row that is longer or shorter than the first one.
    """
    import pandas

    rows = iter(rows)
    first = next(rows)
    width = len(first[1])
    checked = _Checked(what, first, named, as_written)
    frame = pandas.read_csv(
        _Stream(checked.chunks(rows)),
        header=None, names=range(width), dtype=object if as_text else None,  # type: ignore[arg-type]
        keep_default_na=False, na_values=sorted(MISSING), skip_blank_lines=False, index_col=False,
        low_memory=False,
    )  # fmt: skip
    for column, texts in checked.texts.items():
        frame[column] = pandas.Series(np.array(texts, object), dtype=object)
    return TextFrame(frame, checked.lines, checked.codes)


def check_length(what: str, first: Row, row: Row) -> None:
    """Raise ProblemError if a row of the file `what` is longer or shorter than its first one."""
    width, length = len(first[1]), len(row[1])
    if length != width:
        hint = f"; remove line {first[0]}, which is not a row of the table" if width == 1 else ""
        raise ProblemError(
            f"{what}, line {row[0]}: {counted(length, 'value')} for {counted(width, 'column')}{hint}"
        )


class _Checked:
    """The rows of a file, all of one length, with what pandas would not keep of them."""

    def __init__(self, what: str, first: Row, named: bool, as_written: Sequence[int]) -> None:
        self.lines = array("q")
        self.texts: dict[int, list[str]] = {column: [] for column in as_written}
        self.codes: dict[int, str] = {}
        self._what, self._first, self._named = what, first, named

    def chunks(self, rows: Iterator[Row]) -> Iterator[str]:
        """Yield the text of some rows at a time, with commas between the cells."""
        if not self._named:
            yield self._text([self._first])
        while some := list(islice(rows, CHUNK)):
            yield self._text(some)

    def _text(self, rows: Sequence[Row]) -> str:
        for line, cells in rows:
            check_length(self._what, self._first, (line, cells))
            self.lines.append(line)
            for column, texts in self.texts.items():
                texts.append(cells[column])
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerows(cells for _, cells in rows)
        if SOME_CODE.search(text.getvalue()):
            for _, cells in rows:
                for column, cell in enumerate(cells):
                    if WRITTEN_CODE.fullmatch(cell):
                        self.codes.setdefault(column, cell)
        return text.getvalue()


class _Stream(io.TextIOBase):
    """A file that is made while it is read."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks, self._rest = chunks, ""

    def read(self, size: int | None = -1, /) -> str:
        """Return the next characters: at most `size`, and none at the end."""
        if size is None or size < 0:
            text, self._rest = self._rest + "".join(self._chunks), ""
            return text
        while len(self._rest) < size and (chunk := next(self._chunks, "")):
            self._rest += chunk
        text, self._rest = self._rest[:size], self._rest[size:]
        return text
