"""The columns of a table that are no features: groups, time, part and weight of each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.problems.data import PARTS
from stepsize.problems.loading.columns import SHOWN, Place

WORDS = {"training": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid"}
PART_WORDS = {**{part: part for part in PARTS}, **WORDS, "testing": "test"}


@dataclass(frozen=True)
class Roles:
    """Which columns are no features: groups, time, part and weight; and which to drop."""

    groups: Any = None
    order: Any = None
    part: Any = None
    weights: Any = None
    drop: Sequence[str] = field(default=())

    def named(self) -> dict[str, Any]:
        """Give the roles that are set, by name."""
        roles = {"groups": self.groups, "order": self.order, "part": self.part, "weights": self.weights}
        return {name: value for name, value in roles.items() if value is not None}

    def with_part(self, part: Any) -> Roles:
        """Give the roles with this part column or array."""
        return replace(self, part=part)

    def weighted(self, weights: Any) -> Roles:
        """Give the roles with these weights."""
        return replace(self, weights=weights)


def read_roles(roles: Roles, name: str) -> dict[str, np.ndarray]:
    """Give the array of each role that is set; here the roles are arrays, not names of columns."""
    place = Place(f"data {name!r}", "row", 1)
    for role, value in roles.named().items():
        if isinstance(value, str):
            raise ProblemError(f"data {name!r} has no columns: give {role} as an array, not {value!r}")
    return {role: read_role(role, value, place) for role, value in roles.named().items()}


def read_role(role: str, values: Any, place: Place) -> np.ndarray:
    import pandas

    column: Any = pandas.Series(np.asarray(values) if isinstance(values, list | tuple) else values)
    missing = np.asarray(column.isna())
    if missing.any():
        raise ProblemError(
            f"{place.at(int(missing.argmax()))}: the {role} column has no value there; fill it"
        )
    if role == "groups":
        return np.unique(np.array([str(each) for each in column]), return_inverse=True)[1]
    if role == "part":
        return part_words([str(each) for each in column])
    if role == "weights":
        numbers = np.asarray(pandas.to_numeric(column, errors="coerce"), np.float64)
        if np.isnan(numbers).any():
            row = int(np.isnan(numbers).argmax())
            raise ProblemError(f"{place.at(row)}: weight {str(column.iloc[row])[:SHOWN]!r} is no number")
        return numbers.astype(np.float32)
    return _times(column, place)


def _times(column: Any, place: Place) -> np.ndarray:
    import pandas

    if column.dtype.kind in "iuf":
        return column.to_numpy(np.float64)
    try:
        return pandas.to_datetime(column, utc=True, format="ISO8601").astype("int64").to_numpy(np.float64)
    except (ValueError, TypeError) as error:
        said = str(error).splitlines()[0][:100]
        raise ProblemError(
            f"{place.what}: the order column holds no numbers or dates such as 2024-01-31: {said}"
        ) from None


def part_words(words: Sequence[str]) -> np.ndarray:
    """Give "train", "valid" or "test" for each word; `validation`, `val`, `dev` ... are understood.

    >>> part_words(["Train", "val"]).tolist()
    ['train', 'valid']
    """
    lowered = [word.strip().lower() for word in words]
    strange = [word for word in lowered if word not in PART_WORDS]
    if strange:
        raise ProblemError(unknown("part", strange[0], PARTS))
    return np.array([PART_WORDS[word] for word in lowered])


def test_rows(read: dict[str, np.ndarray]) -> np.ndarray | None:
    """Give the test rows that the part column names; without validation rows, that is all it says.

    Raises: ProblemError when it names no training rows, or nothing else.
    """
    part = read.get("part")
    if part is None:
        return None
    if "train" not in part or (part == "train").all():
        raise ProblemError(
            f"the part column says {', '.join(map(repr, np.unique(part).tolist()))} only; it must name rows "
            "to train on and others to judge on"
        )
    if "valid" not in part:
        del read["part"]
    rows = np.flatnonzero(part == "test")
    return rows if len(rows) else None


def role_notes(columns_of: Mapping[str, str], drop: Sequence[str]) -> Iterator[str]:
    if columns_of:
        yield "no features: " + ", ".join(f"{column!r} ({role})" for role, column in columns_of.items())
    if drop:
        yield "left out as asked: " + ", ".join(map(repr, drop))
