"""Data as arrays: the rows to learn from and what is known about each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import ProblemError, unknown

Kind = Literal["binary", "multiclass", "multilabel", "regression"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PARTS = ("train", "valid", "test")
LEAST_ROWS = 4
BLOCK = 2**26  # bytes of an array read at once, so that one on disk is never loaded as a whole


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to learn from: inputs, targets, and what else is known about each row.

    - `x`: [rows, features...], or several such inputs by name; float32, or integers for embeddings.
    - `y`: [rows] class numbers, [rows, labels] of 0 and 1 for several labels at once, or [rows, outputs]
      quantities, as `kind` says.
    - `classes`: the names of the classes or labels; empty for quantities.
    - `prepare`: if true, missing numbers are filled and features scaled, fitted on each seed's training rows.
    - `test`: the row numbers of the data's own test part, or None.
    - `groups` [rows]: rows with the same number belong together; `order` [rows]: their time; `part` [rows]:
      "train", "valid" or "test"; `weights` [rows]: of each row in the training loss. Each may be None.
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
            raise ProblemError(f"data {self.name!r} has {self.rows} rows; at least {LEAST_ROWS} are needed")
        self._check_target()
        for array in self.inputs.values():
            self._check_finite(array)
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

    @cached_property
    def missing(self) -> frozenset[str]:
        """The names of the inputs in which a number is missing."""
        return frozenset(
            name
            for name, array in self.inputs.items()
            if array.dtype.kind == "f" and any(np.isnan(block).any() for _, block in _blocks(array))
        )

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any value of the data."""
        shapes = {name: array.shape for name, array in self.inputs.items()}
        digest = hashlib.sha256(repr((shapes, self.classes, self.kind, self.prepare)).encode())
        arrays = [*self.inputs.values(), self.y] + ([] if self.test is None else [self.test])
        for name in ("groups", "order", "part", "weights"):
            if getattr(self, name) is not None:
                arrays += [np.array([name]), getattr(self, name)]
        for array in arrays:
            for _, block in _blocks(array.astype(str) if array.dtype == object else array):
                digest.update(block.tobytes())
        return digest.hexdigest()[:16]

    def _check_rows(self, name: str, array: np.ndarray) -> None:
        if len(array) != self.rows:
            raise ProblemError(f"data {self.name!r}: {name} has {len(array)} rows and y has {self.rows}")

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
        if self.kind == "regression" and (np.ptp(self.y, axis=0) == 0).any():
            raise ProblemError(
                f"data {self.name!r}: the target is constant, {self.y.reshape(self.rows, -1)[0, 0]:g} "
                "in every row; there is nothing to predict"
            )

    def _check_finite(self, array: np.ndarray) -> None:
        if array.dtype.kind != "f":
            return
        for start, block in _blocks(array):
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


def _blocks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    size = max(1, BLOCK // max(1, array[:1].nbytes))
    return ((start, array[start : start + size]) for start in range(0, len(array), size))
