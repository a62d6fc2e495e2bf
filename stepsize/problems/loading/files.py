"""Table files: CSV, TSV and Parquet, checked before they are loaded as pandas frames."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stepsize.errors import ProblemError, require, unknown
from stepsize.problems.data import Data
from stepsize.problems.loading.frames import from_frame
from stepsize.problems.loading.memory import check_fits
from stepsize.problems.loading.special_columns import Roles

SEPARATORS = ",;\t|"
CSV_GROWTH = 6  # memory needed to load a text file, as a multiple of its size
PARQUET_GROWTH = 3  # the same, of the uncompressed size of a Parquet file
SAMPLE = 1000  # rows searched for a decimal comma
MISSING = ["?"]  # besides what pandas takes for missing: empty, NA, nan, null, None ...
COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
POINT = re.compile(r"\s*[-+]?\d+\.\d+\s*")


class _Dialect(NamedTuple):
    """How a text file writes its table: separator, decimal mark and column names."""

    separator: str
    decimal: str
    header: list[str]


def from_text(
    path: str | Path, target: str | None, kind: str | None = None, roles: Roles | None = None
) -> Data:
    """Load a CSV or TSV file: a header line, then one row per line; `target` names the column to predict.

    Commas, semicolons, tabs and vertical bars are recognised as separators, and decimal commas
    between semicolons.

    Raises: ProblemError, with the line where there is one.
    """
    require("train", "pandas")
    import pandas

    path = _check_exists(path)
    check_fits(f"file {str(path)!r}", CSV_GROWTH * path.stat().st_size)
    dialect = _scan(path)
    if len(set(dialect.header)) < len(dialect.header):
        repeated = next(name for name in dialect.header if dialect.header.count(name) > 1)
        raise ProblemError(
            f"file {str(path)!r}: two columns are called {repeated!r}; rename one "
            "(does the first row hold the column names?)"
        )
    _check_target(path, dialect.header, target)
    frame = pandas.read_csv(
        path, sep=dialect.separator, decimal=dialect.decimal, encoding="utf-8-sig",
        na_values=MISSING, skipinitialspace=True, low_memory=False,
    )  # fmt: skip
    frame.columns = dialect.header  # pandas would rename columns without a name to Unnamed
    return _to_data(frame, target, path, kind, roles)


def from_parquet(
    path: str | Path, target: str | None, kind: str | None = None, roles: Roles | None = None
) -> Data:
    """Load a Parquet file; `target` names the column to predict."""
    require("train", "pandas", "pyarrow")
    import pandas
    from pyarrow import ArrowException, parquet

    path = _check_exists(path)
    try:
        with parquet.ParquetFile(path) as file:
            groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
            check_fits(f"file {str(path)!r}", PARQUET_GROWTH * sum(each.total_byte_size for each in groups))
            _check_target(path, [str(name) for name in file.schema_arrow.names], target)
        frame = pandas.read_parquet(path)
    except (OSError, ArrowException) as error:
        raise _unreadable(path, "Parquet", str(error).splitlines()[0]) from None
    return _to_data(frame, target, path, kind, roles)


def _to_data(frame: Any, target: str | None, path: Path, kind: str | None, roles: Roles | None) -> Data:
    source = f"file {path.name}"
    return from_frame(
        frame, target, name=path.stem, source=source, kind=kind, roles=roles or Roles(), file=str(path)
    )


def _check_exists(path: str | Path) -> Path:
    path = Path(path)
    if path.is_dir():
        raise ProblemError(f"{str(path)!r} is a folder, not a file; use the path of a file in it")
    if not path.exists():
        raise ProblemError(f"file {str(path)!r} does not exist")
    return path


def _check_target(path: Path, header: Sequence[str], target: str | None) -> None:
    if target is None:
        raise ProblemError(f"name the column of {str(path)!r} to predict, such as target={header[-1]!r}")
    for each in [target] if target in header else target.split(","):
        if each.strip() not in header:
            raise ProblemError(unknown("target column", each.strip(), header))


def _scan(path: Path) -> _Dialect:
    """Read the file once as text: find its separators, check that each line has a value for every column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            separator = "\t" if path.suffix.lower() == ".tsv" else max(SEPARATORS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
            header = next((row for row in reader if row), [])
            sample, rows = [], 0
            for row in reader:
                if row and len(row) != len(header):
                    raise ProblemError(
                        f"file {str(path)!r}, line {reader.line_num}: {len(row)} values for "
                        f"{len(header)} columns"
                    )
                rows += bool(row)
                if rows <= SAMPLE:
                    sample += row
    except (OSError, csv.Error) as error:
        raise _unreadable(path, "CSV", str(error)) from None
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise _unreadable(path, "CSV", reason) from None
    if not rows:
        raise ProblemError(
            f"file {str(path)!r} is empty; a header row and at least 4 rows of data are needed"
        )
    commas = separator == ";" and any(map(COMMA.fullmatch, sample)) and not any(map(POINT.fullmatch, sample))
    return _Dialect(separator, "," if commas else ".", [name.strip() for name in header])


def _unreadable(path: Path, form: str, reason: str) -> ProblemError:
    return ProblemError(f"file {str(path)!r} cannot be read as {form}: {reason}")
