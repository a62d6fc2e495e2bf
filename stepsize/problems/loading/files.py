"""Table files: CSV and other text, and Parquet, checked before they are loaded as pandas frames."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from stepsize.errors import ProblemError, first_line, require
from stepsize.problems.data import Data
from stepsize.problems.loading.column_names import (
    Reference,
    are_numbers,
    check_unique,
    column_texts,
    find_targets,
)
from stepsize.problems.loading.columns import Place
from stepsize.problems.loading.frames import from_frame, mark_of
from stepsize.problems.loading.headers import holds_names
from stepsize.problems.loading.memory import check_fits
from stepsize.problems.loading.number_formats import COMMA, MISSING, POINT
from stepsize.problems.loading.number_texts import listed
from stepsize.problems.loading.special_columns import Roles
from stepsize.problems.loading.table_columns import TableColumns
from stepsize.problems.loading.text_frames import TextFrame, check_length, read_frame
from stepsize.problems.loading.text_rows import Layout, find_layout, read_rows

TEXT_GROWTH = 6  # memory needed to load a text file, as a multiple of its size
PARQUET_GROWTH = 3  # the same, of the uncompressed size of a Parquet file
SAMPLE = 1000  # rows that decide whether the first one holds names


def from_text(
    path: str | Path,
    target: Reference | None,
    kind: str | None = None,
    roles: Roles | None = None,
    prepare: bool | None = None,
    header: bool | None = None,
) -> Data:
    """Load a text file with one row per line; `target` is the column to predict, by name or number.

    Commas, semicolons, tabs, vertical bars and white space are recognised as separators, and so is whether
    the first row holds the names of the columns, unless `header` says it.

    Raises: ProblemError, with the line where there is one.
    """
    require("train", "pandas")
    path = _check_exists(path)
    what = f"file {str(path)!r}"
    check_fits(what, TEXT_GROWTH * path.stat().st_size)
    with _readable(path, "CSV", OSError, csv.Error):
        layout = find_layout(path)
        first = list(islice(read_rows(path, layout), SAMPLE))
        if len(first) < 2:
            raise ProblemError(f"{what} is empty; at least 4 rows of data are needed")
        for row in first:
            check_length(what, first[0], row)
        rows = [cells for _, cells in first]
        named = holds_names(rows, what) if header is None else header
        names = rows[0] if named else [str(number) for number in range(len(rows[0]))]
        check_unique(names, what, ", or use header=False if the first row holds values")
        if not named and str(target) in rows[0] and not re.fullmatch(r"[-+]?\d+", str(target)):
            raise ProblemError(
                f"{what}: the first row, which holds {str(target)!r}, looks like values; use header=True "
                "if it holds the names of the columns"
            )
        targets = find_targets(target, names, named, repr(str(path)))
        usual = POINT if layout.separator == "," else None
        as_written = [names.index(each) for each in targets] if len(targets) == 1 else []
        order = _place_of(roles.order if roles else None, names)
        table = _read(path, layout, what, named, [*as_written, *order], usual)
    place = Place(what, "line", 0, table.lines)
    for column in as_written:
        _check_present(names[column], table.frame[column], place)
    for column in order:  # as written, because 01.2024 is not a number
        table.frame[column] = table.frame[column].mask(table.frame[column].isin(MISSING))
    table.frame.columns = names if named else range(len(names))
    hint = "; if it holds names, use header=True" if header is None else ""
    notes = [] if named else [f"the first row holds values, not names{hint}"]
    return from_frame(
        table.frame, target, name=path.stem, source=f"file {path.name}", kind=kind, roles=roles or Roles(),
        prepare=prepare, place=place, notes=notes, usual_mark=usual, codes=table.codes,
    )  # fmt: skip


def from_parquet(
    path: str | Path,
    target: Reference | None,
    kind: str | None = None,
    roles: Roles | None = None,
    prepare: bool | None = None,
) -> Data:
    """Load a Parquet file; `target` is the column to predict, by name or number."""
    require("train", "pandas", "pyarrow")
    import pandas
    from pyarrow import ArrowException, parquet

    path = _check_exists(path)
    what = f"file {str(path)!r}"
    with _readable(path, "Parquet", OSError, ArrowException):
        with parquet.ParquetFile(path) as file:
            groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
            check_fits(what, PARQUET_GROWTH * sum(each.total_byte_size for each in groups))
            columns = file.schema_arrow.empty_table().to_pandas().columns
        find_targets(target, column_texts(columns), not are_numbers(columns), repr(str(path)))
        frame = pandas.read_parquet(path)
    return from_frame(
        frame, target, name=path.stem, source=f"file {path.name}", kind=kind, roles=roles or Roles(),
        prepare=prepare, place=Place(what, "row", 1),
    )  # fmt: skip


def read_table(path: str | Path, columns: TableColumns) -> Any:
    """Return the frame of a file with new rows of a table that has these columns, and maybe others.

    The columns of a text file are numbered if those of the table are, or if none of their names is in its
    first row.

    Raises: ProblemError for a file that cannot be read.
    """
    require("train", "pandas")
    import pandas

    path = _check_exists(path)
    what = f"file {str(path)!r}"
    if path.suffix.lower() == ".parquet":
        require("train", "pyarrow")
        from pyarrow import ArrowException

        with _readable(path, "Parquet", OSError, ArrowException):
            return pandas.read_parquet(path)
    with _readable(path, "CSV", OSError, csv.Error):
        layout = find_layout(path)
        first = next(read_rows(path, layout), None)
        if first is None:
            raise ProblemError(f"{what} is empty")
        named = _holds_names_of(column_texts(first[1]), columns, what)
        as_text = layout.separator == ";" or columns.mark == COMMA
        frame = read_frame(read_rows(path, layout), what, named, [], as_text).frame
        if named:
            check_unique(first[1], what)
            frame.columns = first[1]
        return frame


def _holds_names_of(first: Sequence[str], columns: TableColumns, what: str) -> bool:
    """Return whether the first row of a file with new rows holds the names of the columns of the table.

    Raises: ProblemError if the columns of the table have no names, and the row may count them.
    """
    if columns.width is None:
        are_numbers = all(name.isdecimal() for name in columns.columns)
        known = set(first) & set(columns.columns)
        return len(known) == len(columns.columns) or not (are_numbers or not known)
    cells = [cell for cell in first if cell]  # pandas writes nothing above the numbers of the rows
    if cells == [*map(str, range(len(cells)))]:
        raise ProblemError(
            f"{what}: the first row ({listed(cells)}) may hold values, or count columns without names; "
            "remove it if it counts them, otherwise pass a frame: pandas.read_csv(path, header=None)"
        )
    return False


def _read(
    path: Path, layout: Layout, what: str, named: bool, as_written: Sequence[int], usual: str | None
) -> TextFrame:
    """Read a text file, as texts if a comma or a point in it may separate thousands."""
    as_text = layout.separator == ";"  # where a comma cannot separate cells because it is in numbers
    table = read_frame(read_rows(path, layout), what, named, as_written, as_text)
    if as_text or mark_of(table.frame, usual) != COMMA:
        return table
    return read_frame(read_rows(path, layout), what, named, as_written, as_text=True)


def _place_of(column: Any, names: Sequence[str]) -> list[int]:
    """Return the number of a column, given by its name or number; nothing if it is not in the file."""
    if isinstance(column, str) and column in names:
        return [names.index(column)]
    return [column] if isinstance(column, int) and 0 <= column < len(names) else []


def _check_present(name: str, column: Any, place: Place) -> None:
    """Raise ProblemError if a target is missing; a class may be called what stands for a missing value."""
    missing = column.isin(MISSING)
    if not missing.any():
        return
    row = int(missing.to_numpy().argmax())
    text, count = column[row], f"({missing.sum()} of {len(column)})"
    where = f"{place.at(row)}, target column {name!r}"
    if text:
        raise ProblemError(
            f"{where}: {text!r} is read as a missing value {count}; if it is a class, rename it in the file, "
            "otherwise remove these rows"
        )
    raise ProblemError(f"{where}: the value is missing; remove the rows without one {count}")


def _check_exists(path: str | Path) -> Path:
    path = Path(path)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise ProblemError(f"file {str(path)[:60]!r} cannot be read: {error.strerror}") from None
    if is_folder:
        raise ProblemError(f"{str(path)!r} is a folder, not a file; use the path of a file in it")
    if not exists:
        raise ProblemError(f"file {str(path)!r} does not exist")
    return path


@contextmanager
def _readable(path: Path, form: str, *errors: type[Exception]) -> Iterator[None]:
    """Raise ProblemError in place of the `errors` that a damaged file or text in another encoding raises."""
    reason = ""
    try:
        yield
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 text (byte {error.start}); save it as UTF-8"
    except errors as error:
        reason = first_line(error)
    if reason:
        raise ProblemError(f"file {str(path)!r} cannot be read as {form}: {reason}")
