"""Data from a pandas frame: its target, special columns and features, with notes on how they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, require
from stepsize.number_format import counted
from stepsize.problems.data import LEAST_ROWS, Data
from stepsize.problems.loading.column_names import (
    Reference,
    are_numbers,
    check_unique,
    column_texts,
    find_column,
    find_targets,
    is_reference,
)
from stepsize.problems.loading.columns import Place, texts_of
from stepsize.problems.loading.datasets import PART_COLUMN
from stepsize.problems.loading.dates import check_not_dates
from stepsize.problems.loading.features import read_features
from stepsize.problems.loading.number_formats import decimal_mark, first_unusual, read_number, read_numbers
from stepsize.problems.loading.special_columns import Roles, read_role, role_notes, test_rows
from stepsize.problems.loading.targets import Target, recognise


def from_frame(
    frame: Any,
    target: Reference | None,
    *,
    name: str,
    source: str,
    kind: str | None = None,
    roles: Roles = Roles(),  # noqa: B008, a frozen value
    prepare: bool | None = None,
    labels: Sequence[str] = (),
    place: Place | None = None,
    notes: Sequence[str] = (),
    usual_mark: str | None = None,
    codes: Mapping[int, str] = MappingProxyType({}),
) -> Data:
    """Make data from a pandas frame; `target` is the column to predict, or several with commas between.

    Columns are referred to by name or number; those of a frame whose names are 0, 1, 2 ... have no names, and
    the last of them is the default target. `labels` are the class names of whole numbers, `place` is what
    messages name, `notes` are on how the frame was read, and `usual_mark` is the decimal mark of texts that
    could be read by the point as well as by the comma. `codes` holds, by the numbers of columns, a text that
    the file writes like a code.

    Raises: ProblemError for unknown or repeated columns, too few rows, and columns that cannot be encoded.

    >>> import pandas
    >>> frame = pandas.DataFrame({"size": [1, 2, None, 4], "sort": list("abca"), "kind": list("xyxy")})
    >>> data = from_frame(frame, "kind", name="toy", source="made up")
    >>> data.x.shape, data.notes[1]
    ((4, 4), "text columns encoded as one column of 0 and 1 for each of their texts: 'sort' (3)")
    """
    require("train", "pandas")
    place = place or Place(f"data {name!r}", "row", 1)
    columns = column_texts(frame.columns)
    check_unique(columns, place.what)
    is_part = [name == PART_COLUMN for name in columns]  # made by `join_parts`; it has no number
    named = not are_numbers(frame.columns[np.invert(is_part)])
    index = [repr(str(each)) for each in frame.index.names if each is not None]
    if not index and frame.index.dtype.kind not in "iu":
        index = ["without a name"]
    frame = frame.set_axis(columns, axis=1).reset_index(drop=True)
    columns = [name for name in columns if name != PART_COLUMN]
    targets = find_targets(target, columns, named, place.what)
    columns_of = {role: find_column(f"{role} column", value, list(frame.columns))
                  for role, value in roles.named().items() if is_reference(value)}  # fmt: skip
    drop = [find_column("column to drop", each, columns) for each in roles.drop]
    _check_purposes(targets, columns_of, drop, place)
    if len(frame) < LEAST_ROWS:
        raise ProblemError(f"{place.what} has {counted(len(frame), 'row')}; at least {LEAST_ROWS} are needed")
    mark = mark_of(frame, usual_mark)
    target_data = _read_target(frame, targets, kind, labels, place, mark)
    others = {*targets, *columns_of.values(), *drop}
    features = [column for column in columns if column not in others]
    x, table_columns, feature_notes = read_features(
        frame[features],
        place,
        mark,
        {columns[number]: text for number, text in codes.items()},
        keep_constant=prepare is False,
    )
    special: dict[str, Any] = {
        role: read_role(role, _role(frame, columns_of, role, value, mark), place)
        for role, value in roles.named().items()
    }
    if _look_like_values(frame.columns, place):
        some = ", ".join(map(repr, columns[:3]))
        notes = [*notes, f"the names of the columns ({some}, ...) look like a row of values; "
                 "read_csv(header=None) keeps that row"]  # fmt: skip
    if index:
        notes = [*notes, f"the index ({', '.join(index)}) is not a feature; reset_index() makes it one"]
    if not named:
        notes = [*notes, f"the columns have no names and are numbered 0 to {len(columns) - 1}"]
    return Data(
        name, x, target_data.y, target_data.classes, source, target_data.kind, prepare=prepare is not False,
        test=test_rows(special), one_hot=target_data.one_hot,
        columns=replace(table_columns, target=tuple(targets), width=None if named else len(columns)),
        **special,
        notes=(target_data.note, *notes, *feature_notes, *role_notes(columns_of, drop, frame)),
    )  # fmt: skip


def _role(frame: Any, columns_of: Mapping[str, str], role: str, value: Any, mark: str | None) -> Any:
    """Return the values of a role: an array, or a column of the frame, as numbers if its texts are."""
    if role not in columns_of:
        return value
    column = frame[columns_of[role]]
    if role not in ("order", "weights") or not _holds_texts(column):
        return column
    texts, what = texts_of(column).tolist(), f"the {role} column {columns_of[role]!r}"
    if role == "order":
        check_not_dates(texts, what)
    numbers = read_numbers(texts, mark, what)
    return column if numbers is None else numbers


def _look_like_values(columns: Sequence[str], place: Place) -> bool:
    """Return whether most names are numbers such as 33.6, because pandas took a row for the names."""
    numbers = [number for number in map(read_number, columns) if number is not None]
    has_decimals = any(not number.is_integer() for number in numbers)
    return place.unit == "row" and has_decimals and 2 * len(numbers) >= len(columns)


def mark_of(frame: Any, usual: str | None = None) -> str | None:
    """Return the decimal mark of a frame, as far as its columns of texts show it; else `usual`."""
    texts = (texts_of(frame[name]) for name in frame.columns if _holds_texts(frame[name]))
    return decimal_mark((each[each != ""].tolist() for each in texts), usual)


def _holds_texts(column: Any) -> bool:
    from pandas.api.types import infer_dtype

    return column.dtype.kind == "O" and infer_dtype(column, skipna=True) == "string"


def _check_purposes(
    targets: Sequence[str], columns_of: Mapping[str, str], drop: Sequence[str], place: Place
) -> None:
    for column in targets:
        purposes = [f"{role}={column!r}" for role, each in columns_of.items() if each == column]
        purposes += [f"drop={column!r}"] if column in drop else []
        if purposes:
            raise ProblemError(f"{place.what}: column {column!r} is the target; leave out {purposes[0]}")


def _read_target(
    frame: Any,
    targets: Sequence[str],
    kind: str | None,
    labels: Sequence[str],
    place: Place,
    mark: str | None,
) -> Target:
    columns = [frame[each] for each in targets]
    for name, column in zip(targets, columns, strict=True):
        missing = np.asarray(column.isna())
        if missing.any():
            hint = "; read_csv(keep_default_na=False) keeps classes called 'None' or 'NA'"
            raise ProblemError(
                f"{place.at(int(missing.argmax()))}, target column {name!r}: the value is missing; "
                f"remove the rows without one ({missing.sum()} of {len(frame)})"
                + (hint if column.dtype.kind == "O" and place.unit == "row" else "")
            )
        if column.dtype.kind == "m" and kind != "multiclass":
            raise ProblemError(
                f"target {name!r} holds lengths of time ({str(column.iloc[0])!r}); convert them to numbers, "
                "such as hours; if they are classes after all, use kind='multiclass'"
            )
    where = f"target {', '.join(map(repr, targets))}"
    values = [_values(name, column, place, mark) for name, column in zip(targets, columns, strict=True)]
    if len(columns) == 1:
        if kind is None and str(columns[0].dtype) == "category" and columns[0].nunique() != 2:
            kind = "multiclass"
        return recognise(values[0], kind, labels, where)
    return recognise(np.stack(values, axis=1), kind, targets, where)


def _values(name: str, column: Any, place: Place, mark: str | None) -> np.ndarray:
    """Return the values of a target: numbers, or texts as they are written."""
    if column.dtype.kind in "biuf":
        return column.to_numpy({"b": bool, "i": np.int64, "u": np.uint64}.get(column.dtype.kind, np.float64))
    if not _holds_texts(column):
        return np.array([each.strip() if isinstance(each, str) else each for each in column], object)
    texts = texts_of(column)
    numbers = read_numbers(texts.tolist(), mark, f"{place.what}, target column {name!r}")
    if numbers is None or first_unusual(texts.tolist(), numbers.tolist()) is None:
        return texts.astype(object)  # classes are called what is written, such as 01
    return numbers
