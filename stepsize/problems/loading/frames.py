"""Data from a pandas frame: its target, special columns and features, with notes on how they were read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, require, unknown
from stepsize.problems.data import LEAST_ROWS, Data
from stepsize.problems.loading.columns import Place, encode_column
from stepsize.problems.loading.memory import COPIES, check_fits
from stepsize.problems.loading.special_columns import Roles, read_role, role_notes, test_rows
from stepsize.problems.loading.targets import Target, recognise


def from_frame(
    frame: Any,
    target: str | None,
    *,
    name: str,
    source: str,
    kind: str | None = None,
    roles: Roles = Roles(),  # noqa: B008, a frozen value
    labels: Sequence[str] = (),
    file: str | None = None,
) -> Data:
    """Make data from a pandas frame; `target` names the column to predict, or several with commas between.

    `labels` are the class names of whole numbers; `file` is the file that messages name.

    Raises: ProblemError for unknown or repeated columns, too few rows, and columns that cannot be encoded.

    >>> import pandas
    >>> frame = pandas.DataFrame({"size": [1, 2, None, 4], "sort": list("abca"), "kind": list("xyxy")})
    >>> data = from_frame(frame, "kind", name="toy", source="made up")
    >>> data.x.shape, data.notes[1]
    ((4, 4), "text columns encoded as one column of 0 and 1 for each of their texts: 'sort' (3)")
    """
    require("train", "pandas")
    place = Place(f"file {file!r}", "line", 2) if file else Place(f"data {name!r}", "row", 1)
    frame = frame.reset_index(drop=True)
    columns = [str(column) for column in frame.columns]
    _check_unique(columns, place)
    frame.columns = columns
    if target is None:
        raise ProblemError(f"name the column of {file or name!r} to predict, such as target={columns[-1]!r}")
    targets = [target] if target in columns else [each.strip() for each in target.split(",")]
    columns_of = {role: column for role, column in roles.named().items() if isinstance(column, str)}
    for what, column in [
        *(("target column", each) for each in targets),
        *((f"{role} column", column) for role, column in columns_of.items()),
        *(("column to drop", column) for column in roles.drop),
    ]:
        if column not in columns:
            raise ProblemError(unknown(what, column, columns))
    if len(frame) < LEAST_ROWS:
        raise ProblemError(f"{place.what} has {len(frame)} rows; at least {LEAST_ROWS} are needed")
    target_data = _read_target(frame, targets, kind, labels, place)
    others = {*targets, *columns_of.values(), *roles.drop}
    x, notes = _features(frame[[column for column in columns if column not in others]], place)
    special = {role: read_role(role, frame[value] if isinstance(value, str) else value, place)
               for role, value in roles.named().items()}  # fmt: skip
    test = test_rows(special)
    return Data(
        name, x, target_data.y, target_data.classes, source, target_data.kind, prepare=True, test=test,
        notes=(target_data.note, *notes, *role_notes(columns_of, roles.drop)),
        one_hot=target_data.one_hot, **special,
    )  # fmt: skip


def _read_target(
    frame: Any, targets: Sequence[str], kind: str | None, labels: Sequence[str], place: Place
) -> Target:
    columns = [frame[each] for each in targets]
    for name, column in zip(targets, columns, strict=True):
        missing = np.asarray(column.isna())
        if missing.any():
            raise ProblemError(
                f"{place.at(int(missing.argmax()))}, target column {name!r}: the value is missing; "
                f"remove the rows without one ({missing.sum()} of {len(frame)})"
            )
    where = f"target {', '.join(map(repr, targets))}"
    if len(columns) == 1:
        if kind is None and str(columns[0].dtype) == "category" and columns[0].nunique() != 2:
            kind = "multiclass"
        return recognise(_values(columns[0]), kind, labels, where)
    table = np.stack([_values(column) for column in columns], axis=1)
    return recognise(table, kind, targets, where)


def _values(column: Any) -> np.ndarray:
    if column.dtype.kind in "biuf":
        return column.to_numpy(bool if column.dtype.kind == "b" else np.float64)
    return np.array([each.strip() if isinstance(each, str) else each for each in column], object)


def _features(frame: Any, place: Place) -> tuple[np.ndarray, list[str]]:
    encoded: list[np.ndarray] = []
    left_out, one_hot, binary, incomplete = [], [], [], []
    for name in frame.columns:
        columns = encode_column(name, frame[name], place)
        varies = len(columns) > 1 or _varies(columns[0])
        if not varies or _is_row_number(name, columns):
            left_out.append(repr(name))
            continue
        if len(columns) > 1:
            one_hot.append(f"{name!r} ({len(columns)})")
        elif columns[0].dtype == bool:
            binary.append(repr(name))
        elif np.isnan(columns[0]).any():
            incomplete.append(f"{name!r} ({np.isnan(columns[0]).sum()})")
        encoded += columns
        check_fits(place.what, COPIES * 4 * len(frame) * len(encoded))
    if not encoded:
        raise ProblemError(f"{place.what}: no column is left to learn from")
    notes = {
        "text columns encoded as one column of 0 and 1 for each of their texts": one_hot,
        "columns of two values encoded as 0 and 1": binary,
        "missing numbers, filled with the median of the training rows": incomplete,
        "left out because they are constant or number the rows": left_out,
    }
    x = np.empty((len(frame), len(encoded)), np.float32)
    for i, column in enumerate(encoded):
        x[:, i] = column
    return x, [f"{note}: {', '.join(names)}" for note, names in notes.items() if names]


def _varies(column: np.ndarray) -> bool:
    present = column[~np.isnan(column)] if column.dtype.kind == "f" else column
    return len(present) > 0 and bool((present != present[0]).any())


def _is_row_number(name: str, columns: list[np.ndarray]) -> bool:
    """Return whether this is the index that pandas writes as a first column without a name."""
    unnamed = name.strip() == "" or re.fullmatch(r"Unnamed: \d+|index", name) is not None
    return unnamed and len(columns) == 1 and bool((np.diff(columns[0].astype(float)) == 1).all())


def _check_unique(columns: Sequence[str], place: Place) -> None:
    repeated = next((name for name in columns if columns.count(name) > 1), None)
    if repeated is not None:
        raise ProblemError(
            f"{place.what}: two columns are called {repeated!r}; rename one "
            "(does the first row hold the column names?)"
        )
