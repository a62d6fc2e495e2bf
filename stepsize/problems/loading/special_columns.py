"""The columns of a table that are not features: group, time, part and weight of each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.problems.data import PARTS
from stepsize.problems.loading.column_names import Reference, is_reference
from stepsize.problems.loading.columns import Place
from stepsize.problems.loading.dates import check_not_dates, read_dates
from stepsize.problems.loading.number_formats import SHOWN
from stepsize.problems.loading.number_texts import alike_texts, listed

PART_NAMES = {
    **{part: part for part in PARTS},
    "training": "train", "validation": "valid", "val": "valid", "dev": "valid", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """Which columns are not features: group, time, part and weight of each row; and which to drop.

    Each is the name or the number of a column, or an array with a value for each row.
    """

    groups: Any = None
    order: Any = None
    part: Any = None
    weights: Any = None
    drop: Sequence[Reference] = field(default=())

    def named(self) -> dict[str, Any]:
        """Return the roles that are set, by name."""
        roles = {"groups": self.groups, "order": self.order, "part": self.part, "weights": self.weights}
        return {name: value for name, value in roles.items() if value is not None}

    def with_part(self, part: Any) -> Roles:
        """Return the roles with this part column or array."""
        return replace(self, part=part)

    def with_weights(self, weights: Any) -> Roles:
        """Return the roles with these weights."""
        return replace(self, weights=weights)


def read_roles(roles: Roles, name: str) -> dict[str, np.ndarray]:
    """Return the array of each role that is set; here the roles are arrays, not names of columns."""
    place = Place(f"data {name!r}", "row", 1)
    for role, value in roles.named().items():
        if is_reference(value):
            raise ProblemError(f"data {name!r} has no columns: pass {role} as an array, not {value!r}")
    return {role: read_role(role, value, place) for role, value in roles.named().items()}


def read_role(role: str, values: Any, place: Place) -> np.ndarray:
    """Return the values of a role as `Data` holds them; raise ProblemError if one is missing or invalid."""
    import pandas

    if isinstance(values, list | tuple):
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and values.ndim != 1:
        if values.ndim != 2 or values.shape[1] != 1:
            raise ProblemError(
                f"{place.what}: {role} has the shape {values.shape}; pass one value for each row"
            )
        values = values[:, 0]
    column: Any = pandas.Series(values)
    missing = np.asarray(column.isna())
    if missing.any():
        raise ProblemError(
            f"{place.at(int(missing.argmax()))}: the {role} column has no value in this row; fill it"
        )
    if role == "groups":
        return np.unique(np.array([str(each) for each in column]), return_inverse=True)[1]
    if role == "part":
        return part_names([str(each) for each in column])
    if role == "weights":
        numbers = np.asarray(pandas.to_numeric(column, errors="coerce"), np.float64)
        if np.isnan(numbers).any():
            row = int(np.isnan(numbers).argmax())
            raise ProblemError(f"{place.at(row)}: weight {str(column.iloc[row])[:SHOWN]!r} is not a number")
        if (outside := (numbers < 0) | (numbers > np.finfo(np.float32).max)).any():
            row = int(outside.argmax())
            raise ProblemError(
                f"{place.at(row)}: weight {numbers[row]:g} must be a finite number of at least 0, below 3e38"
            )
        return numbers.astype(np.float32)
    return _times(column, place)


def _times(column: Any, place: Place) -> np.ndarray:
    import pandas

    where = f"{place.what}, the order column"
    if column.dtype.kind in "iuf":
        check_not_dates([f"{each:.15g}" for each in column.unique()], where)
        return column.to_numpy(np.float64)
    if column.dtype.kind == "m":
        return column.dt.total_seconds().to_numpy(np.float64)
    if column.dtype.kind == "M":
        return pandas.to_datetime(column, utc=True).astype("int64").to_numpy(np.float64)
    texts = [str(each).strip() for each in column]
    check_not_dates(texts, where)
    return read_dates(texts, where)


def part_names(values: Sequence[str]) -> np.ndarray:
    """Return "train", "valid" or "test" for each value; `validation`, `val`, `dev` ... are synonyms.

    >>> part_names(["Train", "val"]).tolist()
    ['train', 'valid']
    """
    lowered = [value.strip().lower() for value in values]
    unknown_names = [name for name in lowered if name not in PART_NAMES]
    if unknown_names:
        raise ProblemError(unknown("part", unknown_names[0], PARTS))
    return np.array([PART_NAMES[name] for name in lowered])


def test_rows(columns: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return the test rows that the part column names; a part column without "valid" is then removed.

    Raises: ProblemError if it names no training rows, or nothing else.
    """
    part = columns.get("part")
    if part is None:
        return None
    if "train" not in part or (part == "train").all():
        raise ProblemError(
            f"the part column holds only {', '.join(map(repr, np.unique(part).tolist()))}; it must name rows "
            "to train on and others to judge on"
        )
    if "valid" not in part:
        del columns["part"]
    rows = np.flatnonzero(part == "test")
    return rows if len(rows) else None


def role_notes(columns_of: Mapping[str, str], drop: Sequence[str], frame: Any) -> Iterator[str]:
    """Return notes on the columns that are not features, for the report."""
    if columns_of:
        yield "not features: " + ", ".join(f"{column!r} ({role})" for role, column in columns_of.items())
    if "groups" in columns_of:
        groups = map(str, frame[columns_of["groups"]].unique())
        for names in alike_texts(sorted(groups)):
            yield (
                f"groups {listed(names)} differ only in case, blanks or invisible characters, and count as "
                f"{len(names)} groups"
            )
    if drop:
        yield "dropped: " + ", ".join(map(repr, drop))
