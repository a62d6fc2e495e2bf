"""Data from arrays: one input or several, one set of rows or a training, validation and test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError
from stepsize.number_format import counted
from stepsize.problems.data import PARTS, Data
from stepsize.problems.loading.column_names import are_numbers, column_texts
from stepsize.problems.loading.doubtful_numbers import array_notes
from stepsize.problems.loading.memory import COPIES, check_fits
from stepsize.problems.loading.special_columns import Roles, part_names, read_roles, test_rows
from stepsize.problems.loading.targets import recognise
from stepsize.problems.precision import check_whole, narrowed

DIVIDED = "pixels, divided by 255"
DEEP_DIVIDED = "pixels of 16 bits, divided by 65,535"
KEPT = "whole numbers, kept as they are"

Inputs = np.ndarray | Mapping[str, np.ndarray]


class Rows(NamedTuple):
    """Inputs and targets of some rows, as the caller passed them; `weights` and `classes` are optional."""

    x: Any
    y: Any
    weights: Any = None
    classes: Sequence[str] = ()


def from_rows(
    rows: Rows | Mapping[str, Rows],
    *,
    name: str,
    source: str,
    kind: str | None = None,
    roles: Roles = Roles(),  # noqa: B008, a frozen value
    prepare: bool | None = None,
    notes: Sequence[str] = (),
) -> Data:
    """Make data from arrays, or from a mapping of "train", "valid" and "test" to the arrays of each part.

    Bytes with three axes or more are taken for pixels and divided by 255. Other whole numbers stay as they
    are, for embeddings, unless `prepare` is true. Floats are filled and scaled if a row is a list of numbers.
    `notes` are on how the arrays were read.

    Raises: ProblemError for arrays that do not hold numbers or differ in length.

    >>> data = from_rows(Rows(np.eye(4), [0, 1, 0, 1]), name="toy", source="made up")
    >>> data.kind, data.prepare, data.notes
    ('binary', True, ("y: two classes, '0' and '1'",))
    """
    named = _names(next(iter(rows.values())) if isinstance(rows, Mapping) else rows)
    if isinstance(rows, Mapping):
        rows, part = _join(rows)
        roles = roles.with_part(part)
    found: list[str] = []
    arrays = rows.x if isinstance(rows.x, Mapping) else {"": rows.x}
    inputs = {key: _input(key, array, prepare, found) for key, array in arrays.items()}
    check_fits(f"data {name!r}", COPIES * sum(array.nbytes for array in inputs.values()))
    _check_one_output(rows.y, len(next(iter(inputs.values()), ())))
    y = _array("y", rows.y)
    target = recognise(y, kind, rows.classes)
    if prepare is None:
        prepare = any(array.dtype.kind == "f" and array.ndim == 2 for array in inputs.values())
    columns = read_roles(roles if rows.weights is None else roles.with_weights(rows.weights), name)
    test = test_rows(columns)
    return Data(
        name, inputs[""] if list(inputs) == [""] else inputs, target.y, target.classes, source, target.kind,
        prepare=prepare, test=test, one_hot=target.one_hot, **columns,
        flat=tuple(key for key, array in arrays.items() if np.ndim(array) == 1), target_shape=y.shape[1:],
        names=named, notes=(target.note, *found, *notes),
    )  # fmt: skip


def _names(rows: Rows) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns of each input that is a frame whose columns have names."""
    inputs = rows.x if isinstance(rows.x, Mapping) else {"": rows.x}
    columns = {name: getattr(each, "columns", None) for name, each in inputs.items()}
    return {
        name: tuple(column_texts(each))
        for name, each in columns.items()
        if each is not None and not are_numbers(each)
    }


def _check_one_output(y: Any, rows: int) -> None:
    """Raise ProblemError for the targets of a model with several outputs, as Keras takes them."""
    is_list = isinstance(y, list | tuple) and len(y) != rows and all(np.ndim(each) for each in y)
    if isinstance(y, Mapping) or (is_list and y):
        raise ProblemError(
            f"y is a {type(y).__name__} of {len(y)} target{'' if len(y) == 1 else 's'}, and a study trains "
            "models with one output; pass the array of that output"
        )


def _array(what: str, values: Any) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):  # np.asarray drops the mask
        missing: Any = np.nan if values.dtype.kind in "biuf" else None
        values = np.where(np.ma.getmaskarray(values), missing, values.data)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ProblemError(
            f"{what} is not an array: {str(error).splitlines()[0]}; all rows must have one length"
        ) from None
    if array.ndim == 0:
        raise ProblemError(f"{what} is {type(values).__name__}, not an array with one row per sample")
    return array


def _input(key: str, values: Any, prepare: bool | None, notes: list[str]) -> np.ndarray:
    what = f"x[{key!r}]" if key else "x"
    array = _array(what, values)
    if array.dtype.kind not in "biuf":
        raise ProblemError(
            f"{what} holds {array.dtype} values, not numbers; pass a table (a pandas frame or a CSV file) "
            "to have text encoded"
        )
    if array.ndim == 1:
        array = array[:, None]
    if array.dtype == np.uint8 and array.ndim > 2 and prepare is not False:
        notes.append(f"{what}: {DIVIDED}")
        return array.astype(np.float32) / np.float32(255)
    if array.dtype == np.uint8 and array.ndim > 2:
        notes.append(f"{what}: pixels from 0 to 255, kept as they are")
        return array
    notes += array_notes(what, array)
    if array.dtype.kind in "iu" and (prepare is False or (prepare is None and _fits_int32(array))):
        reason = " for embeddings (floats would be scaled)" if prepare is None else ""
        notes.append(f"{what}: {KEPT}{reason}")
        return _as_ids(what, array)
    check_whole(what, array)
    return narrowed(array)


def _fits_int32(array: np.ndarray) -> bool:
    limits = np.iinfo(np.int32)
    return bool((array >= limits.min).all() and (array <= limits.max).all())


def _as_ids(what: str, array: np.ndarray) -> np.ndarray:
    """Return whole numbers as int32; raise ProblemError for those that it cannot hold."""
    if not _fits_int32(array):
        largest = array.flat[np.abs(array.astype(np.float64)).argmax()]
        raise ProblemError(
            f"{what} holds the whole number {largest}, but models accept at most {np.iinfo(np.int32).max}; "
            "renumber ids from 0, or pass quantities as floats"
        )
    return array.astype(np.int32, copy=False)


def _join(parts: Mapping[str, Rows]) -> tuple[Rows, np.ndarray]:
    part_of = dict(zip(parts, part_names(list(parts)).tolist(), strict=True))
    names = sorted(parts, key=lambda name: PARTS.index(part_of[name]))
    _check_names({name: parts[name] for name in names})
    pieces = {name: _part(name, parts[name]) for name in names}
    first = pieces[names[0]]
    keys = {name: sorted(piece.x) for name, piece in pieces.items()}
    for name, each in keys.items():
        if each != keys[names[0]]:
            raise ProblemError(f"part {name!r} has the inputs {each}, and part {names[0]!r} {keys[names[0]]}")
    x = {
        key: _joined(f"x[{key!r}]" if key else "x", {n: p.x[key] for n, p in pieces.items()})
        for key in first.x
    }
    y = _joined("y", {name: piece.y for name, piece in pieces.items()})
    weights = None
    if any(piece.weights is not None for piece in pieces.values()):
        weights = np.concatenate([_weights(piece) for piece in pieces.values()])
    part = np.repeat([part_of[name] for name in names], [len(piece.y) for piece in pieces.values()])
    return Rows(x if isinstance(parts[names[0]].x, Mapping) else x[""], y, weights, first.classes), part


def _check_names(parts: Mapping[str, Rows]) -> None:
    """Raise ProblemError for frames with other columns, or with the same ones in another order."""
    (first, names), *others = ((part, _names(rows)) for part, rows in parts.items())
    for part, each in others:
        for key in each.keys() & names.keys():
            if each[key] != names[key]:
                what = f"x[{key!r}]" if key else "x"
                order = " in another order" if sorted(each[key]) == sorted(names[key]) else ""
                raise ProblemError(
                    f"{what} has other columns in part {part!r} than in part {first!r}{order}; use "
                    f"those of one for both: {what}[list(columns)]"
                )


def _part(name: str, rows: Rows) -> Rows:
    """Return the rows of a part as arrays, inputs by name; raise ProblemError if they differ in number."""
    given = rows.x if isinstance(rows.x, Mapping) else {"": rows.x}
    part = Rows({key: _array("x", each) for key, each in given.items()}, _array("y", rows.y),
                None if rows.weights is None else _array("weights", rows.weights), rows.classes)  # fmt: skip
    for what, array in [*(("x", each) for each in part.x.values()), ("weights", part.weights)]:
        if array is not None and len(array) != len(part.y):
            raise ProblemError(
                f"part {name!r}: {what} has {counted(len(array), 'row')} and y has {len(part.y)}"
            )
    return part


def _weights(part: Rows) -> np.ndarray:
    """Return the weights of a part, 1 if it has none."""
    return np.ones(len(part.y)) if part.weights is None else part.weights


def _joined(what: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the rows of all parts; raise ProblemError for parts of different shapes, or of other numbers."""
    (name, first), *others = arrays.items()
    for other, array in others:
        if array.shape[1:] != first.shape[1:]:
            raise ProblemError(
                f"{what} has rows of shape {first.shape[1:]} in part {name!r} and {array.shape[1:]} in part "
                f"{other!r}; use one shape"
            )
        kinds = {"iu" if each.dtype.kind in "iu" else each.dtype.kind for each in (first, array)}
        if what != "y" and array.ndim > 2 and len(kinds) > 1:
            raise ProblemError(
                f"{what} is {first.dtype} in part {name!r} and {array.dtype} in part {other!r}, which may be "
                "scaled in different ways; scale them alike and convert them to one type"
            )
    return np.concatenate(list(arrays.values()))
