"""What is to be predicted: classes, several labels at once, or quantities; recognised, with a note."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.number_format import rounded, span
from stepsize.problems.data import KINDS, Kind
from stepsize.problems.loading.doubtful_numbers import missing_code, written_date
from stepsize.problems.loading.number_texts import alike_texts, check_target_texts, listed
from stepsize.problems.precision import merged_whole

QUANTITY = 20  # a target of more distinct numbers than this is a quantity, not classes
LISTED = 6  # classes that a note names at most
PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.0*)?", re.ASCII)  # a whole number that is written as usual
PADDED_NUMBER = re.compile(r"0\d+")


class Target(NamedTuple):
    """The encoded target, as `Data` holds it, and a note on how it was read."""

    y: np.ndarray
    classes: tuple[str, ...]
    kind: Kind
    note: str
    one_hot: bool = False


def recognise(
    values: np.ndarray, kind: str | None = None, labels: Sequence[str] = (), where: str = "y"
) -> Target:
    """Recognise a target: one value per row, or a table of 0 and 1 (labels, one-hot classes) or quantities.

    Texts, truth values and at most 20 distinct whole numbers are classes; other numbers are quantities.
    Classes are called what is written: `01` is another class than `1`, and `1E5` than `100000`. `kind`
    overrides that; `labels` name the columns of a table, or the classes that numbers stand for; `where` is
    the name of the target in messages.

    Raises: ProblemError for missing values, and for values that do not fit `kind`.

    >>> recognise(np.array(["no", "yes", "no"])).note
    "y: two classes, 'no' and 'yes'"
    >>> recognise(np.array([0.5, 1.25, 7.0])).kind
    'regression'
    >>> recognise(np.array([[0, 1], [1, 1], [0, 0]]), labels=["red", "round"]).kind
    'multilabel'
    """
    if kind is not None and kind not in KINDS:
        raise ProblemError(unknown("kind", kind, KINDS))
    values = _decoded(np.asarray(values))
    if values.ndim > 1 and int(np.prod(values.shape[1:])) == 1:
        values = values.reshape(len(values))
    if values.ndim > 1:
        return _table(values.reshape(len(values), -1), kind, labels, where)
    if values.dtype.kind == "m":
        raise ProblemError(
            f"{where} holds lengths of time ({values[0]}); convert them to numbers, such as hours"
        )
    if values.dtype.kind == "M":
        raise ProblemError(
            f"{where} holds dates or times ({values[0]}); convert them to numbers, such as days since "
            "the first one"
        )
    _check_present(values, where)
    numbers = _as_numbers(values)
    if kind == "multilabel":
        raise ProblemError(f"{where}: kind='multilabel' needs several target columns of 0 and 1, not one")
    if numbers is not None and kind != "regression" and _are_codes(values, numbers):
        numbers = None
    if kind == "regression" or (kind is None and numbers is not None and _is_quantity(numbers)):
        return _quantities(numbers, values, where, recognised=kind is None)
    return _classes(values if numbers is None else numbers, kind, labels, where)


def _decoded(values: np.ndarray) -> np.ndarray:
    """Return bytes, as HDF5 files and TensorFlow hold texts, as texts."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "backslashreplace")
    if values.dtype == object and any(isinstance(each, bytes) for each in values.ravel()):
        texts = [
            each.decode("utf-8", "backslashreplace") if isinstance(each, bytes) else each
            for each in values.ravel()
        ]
        return np.array(texts, object).reshape(values.shape)
    return values


def _table(values: np.ndarray, kind: str | None, labels: Sequence[str], where: str) -> Target:
    numbers = _as_numbers(values)
    _check_present(values, where)
    count = values.shape[1]
    if numbers is None:
        raise ProblemError(
            f"{where}: several target columns must hold 0 and 1 (labels) or numbers (quantities), not text"
        )
    binary = np.isin(numbers, (0, 1)).all()
    one_hot = bool(binary) and (numbers.sum(axis=1) == 1).all()
    names = tuple(labels) or tuple(str(i) for i in range(count))
    if kind in ("binary", "multiclass") and not one_hot:
        raise ProblemError(f"{where}: {count} columns are classes only if each row has a single 1 in them")
    if one_hot and kind in (None, "binary", "multiclass"):
        target = _classes(numbers.argmax(axis=1).astype(float), kind, names, where)
        return target._replace(
            note=f"{target.note}, from {count} columns of 0 and 1 with a single 1 in each row", one_hot=True
        )
    if kind == "multilabel" and not binary:
        raise ProblemError(
            f"{where}: labels must be 0 or 1; found {rounded(numbers[~np.isin(numbers, (0, 1))][0])}"
        )
    if binary and kind != "regression":
        note = f"{where}: {count} labels of 0 and 1, any number of them at once ({_listed(names)})"
        return Target(numbers.astype(np.float32), names, "multilabel", note)
    return _quantities(numbers, values, where, recognised=kind is None)


def _quantities(numbers: np.ndarray | None, values: np.ndarray, where: str, recognised: bool) -> Target:
    if numbers is None:
        text = next(value for value in values if _as_numbers(np.array([value], object)) is None)
        raise ProblemError(f"{where}: kind='regression' needs numbers; found {str(text)[:40]!r}")
    if not np.isfinite(numbers).all():
        row = int(np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1).argmin())
        raise ProblemError(f"{where}, row {row + 1}: the target is not finite; remove the row")
    columns = numbers.reshape(len(numbers), -1)
    count = "a quantity" if columns.shape[1] == 1 else f"{columns.shape[1]} quantities"
    whole = columns.shape[1] == 1 and (columns == np.floor(columns)).all()
    instead = "; if they are classes, use kind='multiclass'" if whole and recognised else ""
    note = f"{where}: {count} from {span(columns.min(), columns.max())} (regression{instead})"
    code = missing_code(columns[:, 0]) if columns.shape[1] == 1 else None
    note += "" if code is None else f"; it {code.replace('empty these cells', 'remove these rows')}"
    date = written_date(columns[:, 0]) if columns.shape[1] == 1 else None
    note += (
        ""
        if date is None
        else f"; it holds dates written as numbers ({date}), whose differences are not times"
    )
    return Target(columns.astype(np.float64), (), "regression", note)


def _classes(values: np.ndarray, kind: str | None, labels: Sequence[str], where: str) -> Target:
    if values.dtype == object:
        values = np.array([str(value) for value in values])
    distinct, y, counts = np.unique(values, return_inverse=True, return_counts=True)
    if kind is None and values.dtype.kind in "US":
        check_target_texts([str(value).strip() for value in distinct], counts, where)
    if labels and values.dtype.kind == "f":
        _check_labels(distinct, values, labels, where)
        y, names = values, tuple(labels)
    else:
        names = tuple(_name(value) for value in distinct)
    if values.dtype.kind != "f" and len(names) > max(QUANTITY, len(values) // 2):
        raise ProblemError(
            f"{where}: {len(names)} different texts in {len(values)} rows are not classes; choose another "
            + ("target" if _as_numbers(values) is None else "target, or use kind='regression' for quantities")
        )
    if kind == "binary" and len(names) != 2:
        raise ProblemError(f"{where}: kind='binary' needs two classes; found {len(names)} ({_listed(names)})")
    chosen: Kind = "multiclass" if kind == "multiclass" or len(names) != 2 else "binary"
    count = "two" if len(names) == 2 else str(len(names))
    instead = ""
    if kind is None and values.dtype.kind == "f" and len(distinct) > 2 and not labels:
        instead = "; if they are quantities, use kind='regression'"
    alike = "".join(
        f"; {listed(each)} differ only in case, blanks or invisible characters: write them alike in the data "
        "if they are one class"
        for each in alike_texts(names)
    )
    note = f"{where}: {count} classes, {_listed(names)}{instead}{alike}"
    return Target(y.astype(np.int32), names, chosen, note)


def _check_labels(distinct: np.ndarray, values: np.ndarray, labels: Sequence[str], where: str) -> None:
    outside = distinct[(distinct < 0) | (distinct >= len(labels)) | (distinct != np.floor(distinct))]
    if len(outside):
        row = int(np.argmax(values == outside[0]))
        raise ProblemError(
            f"{where}, row {row + 1}: label {rounded(outside[0])} is outside the {len(labels)} classes, "
            f"numbered 0 to {len(labels) - 1}"
        )


def _check_present(values: np.ndarray, where: str) -> None:
    if values.dtype.kind in "OUS":
        missing = np.array([_is_missing(value) for value in values.ravel()]).reshape(values.shape)
    else:
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    if missing.any():
        row = int(missing.reshape(len(values), -1).any(axis=1).argmax())
        raise ProblemError(
            f"{where}, row {row + 1}: the target is missing; remove the rows without one "
            f"({int(missing.sum())} of {len(values)})"
        )


def _is_missing(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _as_numbers(values: np.ndarray) -> np.ndarray | None:
    """Return the values as float64, or None if one is not a number; single truth values are classes."""
    if values.dtype.kind == "b":
        return values.astype(np.float64) if values.ndim > 1 else None
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    if values.dtype == object and any(isinstance(value, bool | np.bool_) for value in values.ravel()):
        return None if values.ndim == 1 else _cast(values)
    return _cast(values)


def _are_codes(values: np.ndarray, numbers: np.ndarray) -> bool:
    """Return whether whole numbers are codes: padded, with an exponent, or too long for float64."""
    if values.dtype.kind in "iu":
        return merged_whole(values) is not None
    if values.dtype.kind not in "OU" or not (numbers == np.floor(numbers)).all():
        return False
    texts = [str(each) for each in values.tolist() if isinstance(each, str | int | np.integer)]
    if merged_whole(texts) is not None:
        return True
    few = len(np.unique(numbers)) <= QUANTITY
    return any(map(PADDED_NUMBER.fullmatch, texts)) or (few and not all(map(PLAIN_NUMBER.fullmatch, texts)))


def _cast(values: np.ndarray) -> np.ndarray | None:
    if any(isinstance(value, str) and "_" in value for value in values.ravel().tolist()):
        return None  # Python reads 1_0 as 10
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return None


def _is_quantity(numbers: np.ndarray) -> bool:
    whole = np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all()
    return not whole or len(np.unique(numbers)) > QUANTITY


def _name(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.15g}" if abs(value) < 1e15 else f"{value:.0f}"


def _listed(names: Sequence[str]) -> str:
    if len(names) == 2:
        return f"{names[0]!r} and {names[1]!r}"
    shown = ", ".join(repr(name) for name in names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
