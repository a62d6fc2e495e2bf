"""Data as arrays: the rows to learn from and what is known about each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import ProblemError, unknown
from stepsize.number_format import counted, rounded
from stepsize.problems.precision import blocks, centre, check_steps

Kind = Literal["binary", "multiclass", "multilabel", "regression"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PARTS = ("train", "valid", "test")
LEAST_ROWS = 4


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to learn from: inputs, targets, and what else is known about each row.

    - `x`: [rows, features...], or several such inputs by name; float32, or float64 where float32 would round
      noticeably, or int32 for embeddings.
    - `y`: [rows] class numbers, [rows, labels] of 0 and 1 for several labels at once, or [rows, outputs]
      quantities in float64, as `kind` says.
    - `classes`: the names of the classes or labels; empty for quantities.
    - `prepare`: if true, missing numbers are filled and features scaled, fitted on each seed's training rows.
    - `test`: the row numbers of the data's own test part, or None.
    - `groups` [rows]: rows with the same number belong together; `order` [rows]: their time; `part` [rows]:
      "train", "valid" or "test"; `weights` [rows]: of each row in the training loss. Each may be None.
    - `one_hot`: whether the classes came as one column of 0 and 1 for each, as losses of the user's own then
      get them.
    - `flat`: the inputs that came as one number a row, without an axis for it, and `target_shape`: the shape
      of a row's target as it came; models of PyTorch get them so.
    - `names`: the names of the columns of each input that came as a frame with names.
    - `columns`: how the columns of a table became numbers (`loading.table_columns.TableColumns`), or None.
    - `notes`: how the data was read, for the report.

    Raises: ProblemError for arrays of different lengths, values that are not finite, and labels outside the
    classes.

    >>> toy = Data("toy", np.eye(4), np.array([0, 1, 0, 1]), ("no", "yes"), "made up", kind="binary")
    >>> toy.rows, toy.outputs
    (4, 1)
    """

    name: str
    x: np.ndarray | Mapping[str, np.ndarray]
    y: np.ndarray
    classes: tuple[str, ...]
    source: str
    kind: Kind
    prepare: bool = True
    test: np.ndarray | None = None
    groups: np.ndarray | None = None
    order: np.ndarray | None = None
    part: np.ndarray | None = None
    weights: np.ndarray | None = None
    one_hot: bool = False
    flat: tuple[str, ...] = ()
    target_shape: tuple[int, ...] = ()
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Any = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ProblemError(unknown("kind", str(self.kind), KINDS))
        if not self.inputs:
            raise ProblemError(f"data {self.name!r}: x holds no inputs; pass at least one array")
        for name, array in self.inputs.items():
            self._check_rows("x" if name == "" else f"x[{name!r}]", array)
        for name in ("groups", "order", "part", "weights"):
            if getattr(self, name) is not None:
                self._check_rows(name, getattr(self, name))
        if self.rows < LEAST_ROWS:
            raise ProblemError(
                f"data {self.name!r} has {counted(self.rows, 'row')}; at least {LEAST_ROWS} are needed"
            )
        self._check_target()
        for name, array in self.inputs.items():
            self._check_finite(array)
            if array.dtype == np.float64 and not self.prepare:
                check_steps(f"data {self.name!r}: {'x' if name == '' else f'x[{name!r}]'}", array)
        self._check_part_and_weights()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.y)

    @property
    def inputs(self) -> Mapping[str, np.ndarray]:
        """The inputs by name; a single one has the name ""."""
        return self.x if isinstance(self.x, Mapping) else {"": self.x}

    @property
    def outputs(self) -> int:
        """The numbers that a network returns for a row: one for two classes or one quantity."""
        if self.kind == "binary":
            return 1
        return len(self.classes) if self.kind == "multiclass" else int(np.prod(self.y.shape[1:]))

    @property
    def rows_outside_test(self) -> np.ndarray:
        """The rows that are not in the data's own test part."""
        rows = np.arange(self.rows)
        return rows if self.test is None else np.setdiff1d(rows, self.test)

    @property
    def rows_to_train(self) -> np.ndarray:
        """The rows that may be trained on: those of the part "train", or all outside the test part."""
        return self.rows_outside_test if self.part is None else np.flatnonzero(self.part == "train")

    @cached_property
    def missing(self) -> frozenset[str]:
        """The names of the inputs in which a number is missing."""
        return frozenset(
            name
            for name, array in self.inputs.items()
            if array.dtype.kind == "f" and any(np.isnan(block).any() for _, block in blocks(array))
        )

    @cached_property
    def centres(self) -> Mapping[str, np.ndarray]:
        """The means of the inputs in float64, which are subtracted before they are cut to float32."""
        return {
            name: centre(array)
            for name, array in self.inputs.items()
            if array.dtype == np.float64 and self.prepare
        }

    @cached_property
    def trained_x(self) -> np.ndarray | Mapping[str, np.ndarray]:
        """The inputs as the training process takes them: float32, less `centres`, or int32."""
        arrays = {
            name: (array - self.centres.get(name, 0)).astype(np.float32)
            if array.dtype == np.float64
            else array
            for name, array in self.inputs.items()
        }
        return arrays if isinstance(self.x, Mapping) else arrays[""]

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any value of the data."""
        shapes = {name: array.shape for name, array in self.inputs.items()}
        facts = (shapes, self.classes, self.kind, self.prepare, *(["one-hot"] if self.one_hot else []))
        digest = hashlib.sha256(repr(facts).encode())
        arrays = [*self.inputs.values(), self.y] + ([] if self.test is None else [self.test])
        for name in ("groups", "order", "part", "weights"):
            if getattr(self, name) is not None:
                arrays += [np.array([name]), getattr(self, name)]
        for array in arrays:
            for _, block in blocks(array.astype(str) if array.dtype == object else array):
                digest.update(block.tobytes())
        return digest.hexdigest()[:16]

    def _check_rows(self, name: str, array: np.ndarray) -> None:
        if len(array) != self.rows:
            raise ProblemError(
                f"data {self.name!r}: {name} has {counted(len(array), 'row')} and y has {self.rows}"
            )

    def _check_target(self) -> None:
        if self.kind in ("binary", "multiclass"):
            if len(self.classes) < 2:
                raise ProblemError(
                    f"data {self.name!r} has only one class ({', '.join(self.classes)!r}); "
                    "a classifier needs at least two"
                )
            if self.kind == "binary" and len(self.classes) > 2:
                raise ProblemError(
                    f"data {self.name!r} has kind='binary' and {len(self.classes)} classes; "
                    "use kind='multiclass'"
                )
            outside = (self.y < 0) | (self.y >= len(self.classes))
            rule = f"is outside the {len(self.classes)} classes, numbered 0 to {len(self.classes) - 1}"
        elif self.kind == "multilabel":
            outside, rule = ~np.isin(self.y, (0, 1)), "is not a label: each must be 0 or 1"
        else:
            outside, rule = ~np.isfinite(self.y), "is not a finite number"
        if outside.any():
            row = int(outside.reshape(self.rows, -1).any(axis=1).argmax())
            value = self.y[row][outside[row]][0] if self.y.ndim > 1 else self.y[row]
            raise ProblemError(f"data {self.name!r}, row {row + 1}: target {value} {rule}")
        if self.kind == "regression":
            columns = self.y.reshape(self.rows, -1)
            for value in columns[0, np.ptp(columns, axis=0) == 0]:
                raise ProblemError(
                    f"data {self.name!r}: the target is constant, {rounded(value, 15)} in every row; there "
                    "is nothing to predict"
                )

    def _check_finite(self, array: np.ndarray) -> None:
        if array.dtype.kind != "f":
            return
        for start, block in blocks(array):
            finite = np.isfinite(block) | (np.isnan(block) & self.prepare)
            if not finite.all():
                row = start + int(finite.reshape(len(block), -1).all(axis=1).argmin())
                fills = ", or pass prepare=True to have missing numbers filled and all numbers scaled"
                raise ProblemError(
                    f"data {self.name!r}, row {row + 1}: a value is missing or not finite; "
                    f"fill it or remove the row{fills if np.isnan(array[row]).any() else ''}"
                )

    def _check_part_and_weights(self) -> None:
        if self.part is not None:
            unknown_parts = sorted({str(part) for part in self.part} - set(PARTS))
            if unknown_parts:
                raise ProblemError(unknown("part", unknown_parts[0], PARTS))
        if self.weights is not None and not (np.isfinite(self.weights) & (self.weights >= 0)).all():
            raise ProblemError(f"data {self.name!r}: weights must be finite numbers of at least 0")


def from_arrays(name: str, x: np.ndarray, labels: ArrayLike, source: str, prepare: bool = True) -> Data:
    """Make data from rows and one label for each row; the classes are the sorted labels.

    >>> from_arrays("toy", np.eye(4), ["no", "yes", "no", "yes"], "made up").classes
    ('no', 'yes')
    """
    names, y = np.unique(np.asarray(labels), return_inverse=True)
    classes = tuple(str(name) for name in names)
    kind = "binary" if len(classes) == 2 else "multiclass"
    return Data(name, np.asarray(x, np.float32), y.astype(np.int32), classes, source, kind, prepare)
