"""The rows that a trained model takes: how they are checked, and how they become its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from stepsize.errors import ProblemError
from stepsize.number_format import counted
from stepsize.problems.data import Data
from stepsize.problems.loading.column_names import column_texts
from stepsize.problems.loading.files import read_table
from stepsize.problems.loading.table_columns import TableColumns
from stepsize.problems.preprocessing import largest_pixel

SHOWN_COLUMNS = 12  # a message names so many columns of a table


@dataclass(frozen=True, eq=False)
class InputForm:
    """One input: the shape of a row, whether it takes whole numbers, or missing ones, or pixels as bytes.

    `centre` is subtracted in float64, in data with numbers such as times that float32 would round. `names`
    are those of the columns of a frame, and `entries` counts those of an `Embedding` that reads the input.
    """

    shape: tuple[int, ...]
    whole: bool
    missing: bool
    largest: int | None  # pixel, which pixels were divided by
    centre: Any = None
    names: tuple[str, ...] | None = None
    entries: int | None = None


@dataclass(frozen=True, eq=False)
class RowForm:
    """The inputs by name (a single one is called ""), and the columns of the table, if it was one."""

    inputs: Mapping[str, InputForm]
    columns: TableColumns | None = None

    @property
    def names(self) -> str:
        """The columns of the table as text, or the shape of an array."""
        if self.columns is None:
            shapes = [", ".join(["rows", *map(str, form.shape)]) for form in self.inputs.values()]
            return ", ".join(f"an array [{shape}]" for shape in shapes)
        names = [repr(name) for name in self.columns.columns]
        rest = f" and {len(names) - SHOWN_COLUMNS} more" if len(names) > SHOWN_COLUMNS else ""
        return f"{counted(len(names), 'column')}: {', '.join(names[:SHOWN_COLUMNS])}{rest}"

    def read(self, x: Any) -> dict[str, np.ndarray]:
        """Return rows by the names of the inputs, as the training process had them.

        `x` is a frame or the path of a file with the columns of the table; or an array, or several by name.

        Raises: ProblemError for anything else, for rows of another shape, and for values that are missing or
        not finite if the model was trained without such values.
        """
        if isinstance(x, str | Path):
            x = self._frame(x)
        if self.columns is not None and hasattr(x, "columns"):
            frame = x.to_pandas() if hasattr(x, "to_pandas") else x
            x = self.columns.encode(frame)
        given = dict(x) if isinstance(x, Mapping) else {"": x}
        if set(given) != set(self.inputs):
            names = ", ".join(self.inputs) or "one array"
            raise ProblemError(f"x has the inputs {sorted(given)}, but the model was trained with {names}")
        return {name: self._input(name, given[name]) for name in self.inputs}

    def _frame(self, path: str | Path) -> Any:
        if self.columns is None:
            raise ProblemError(
                f"x={str(path)!r}: the model was trained on arrays, not on a table; load the rows, and pass "
                f"{self.names}"
            )
        return read_table(path, self.columns)

    def _input(self, name: str, values: Any) -> np.ndarray:
        form = self.inputs[name]
        array = np.asarray(_in_order(form.names, values))
        if array.ndim != 1 + len(form.shape) or array.shape[1:] != form.shape:
            if self.columns is not None:
                raise ProblemError(
                    f"x has the shape {array.shape}, but the model was trained on a table with {self.names}; "
                    "pass a frame with these columns, such as pandas.read_csv('new.csv'), or the path of the "
                    "file"
                )
            raise ProblemError(
                f"x has rows of shape {array.shape[1:]}, but the model was trained on rows of shape "
                f"{form.shape}; pass an array [rows, {', '.join(map(str, form.shape))}]"
            )
        return self._values(form, array)

    def _values(self, form: InputForm, array: np.ndarray) -> np.ndarray:
        try:
            values = array.astype(np.float64)
        except (TypeError, ValueError):
            raise ProblemError(f"x holds {array.dtype} values, and the model takes numbers") from None
        if form.whole:
            limits = np.iinfo(np.int32)
            self._check(
                (values == np.floor(values)) & (values >= limits.min) & (values <= limits.max),
                "is not a whole number of at most 32 bits, and the model takes whole numbers",
            )
            if form.entries is not None:
                self._check(
                    (values >= 0) & (values < form.entries),
                    f"is outside of 0 to {form.entries - 1}, for which the model has entries",
                )
            return values.astype(np.int32)
        if array.ndim > 2 and form.largest:
            if array.dtype in (np.uint8, np.min_scalar_type(form.largest)):
                values = values / np.iinfo(array.dtype).max
            self._check(
                ~(np.abs(values) > 1) | np.isinf(values),
                f"is beyond 1, and the model was trained on pixels from 0 to {form.largest} that were "
                f"divided by {form.largest}; pass {np.min_scalar_type(form.largest)}, or divide them",
            )
        known = np.isfinite(values) | (np.isnan(values) & form.missing)
        self._check(known, "is missing or not finite, and the model was trained without such values")
        return (values - (0 if form.centre is None else form.centre)).astype(np.float32)

    def _check(self, good: np.ndarray, problem: str) -> None:
        """Raise ProblemError, with the first row, unless all values [rows, ...] are good."""
        if good.all():
            return
        row = int(good.reshape(len(good), -1).all(axis=1).argmin())
        column = "" if self.columns is None else f", column {self.columns.name_of(int(good[row].argmin()))!r}"
        raise ProblemError(f"x, row {row + 1}{column}: a value {problem}; correct it, or remove the row")


def _in_order(names: tuple[str, ...] | None, values: Any) -> Any:
    """Return rows whose columns have the names of those that a model was trained with as an array of these.

    Raises: ProblemError if one of them is missing.
    """
    if names is None or not hasattr(values, "columns"):
        return values
    frame = values.to_pandas() if hasattr(values, "to_pandas") else values
    columns = column_texts(frame.columns)
    absent = [name for name in names if name not in columns]
    if absent:
        raise ProblemError(
            f"x has no column {absent[0]!r}; the model was trained with {', '.join(map(repr, names))}: pass "
            "a frame with these columns, or an array in this order"
        )
    return frame.set_axis(columns, axis=1)[list(names)]


def row_form(data: Data, entries: Mapping[str, int] = MappingProxyType({})) -> RowForm:
    """Return the rows that a model takes that was trained on `data`; `entries` are those of embeddings."""
    largest = largest_pixel(data)
    forms = {
        name: InputForm(
            tuple(array.shape[1:]), array.dtype.kind in "iu", name in data.missing, largest,
            data.centres.get(name), data.names.get(name), entries.get(name),
        )
        for name, array in data.inputs.items()
    }  # fmt: skip
    return RowForm(forms, data.columns)


def to_json(form: RowForm) -> dict[str, Any]:
    """Return a form as JSON values."""
    inputs = {
        name: {**asdict(each), "centre": None if each.centre is None else np.asarray(each.centre).tolist()}
        for name, each in form.inputs.items()
    }
    return {"inputs": inputs, "columns": None if form.columns is None else asdict(form.columns)}


def from_json(values: Mapping[str, Any]) -> RowForm:
    """Return the form that `to_json` returned the values of."""
    inputs = {}
    for name, each in values["inputs"].items():
        centre = None if each["centre"] is None else np.array(each["centre"], np.float64)
        names = None if each.get("names") is None else tuple(each["names"])
        known = {**each, "shape": tuple(each["shape"]), "centre": centre, "names": names}
        inputs[name] = InputForm(**known)
    if values["columns"] is None:
        return RowForm(inputs)
    columns = {
        name: None if numbers is None else {text: tuple(row) for text, row in numbers.items()}
        for name, numbers in values["columns"]["columns"].items()
    }
    return RowForm(inputs, TableColumns(**{**values["columns"], "columns": columns,
                                           "target": tuple(values["columns"]["target"])}))  # fmt: skip
