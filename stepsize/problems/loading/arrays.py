"""Data of arrays: one input or several, one set of rows or a training, validation and test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError
from stepsize.problems.data import PARTS, Data
from stepsize.problems.loading.memory import COPIES, check_fits
from stepsize.problems.loading.special_columns import Roles, part_words, read_roles, test_rows
from stepsize.problems.loading.targets import recognise

Inputs = np.ndarray | Mapping[str, np.ndarray]


class Rows(NamedTuple):
    """Inputs and targets of some rows, as given; `weights` and the names of classes may be absent."""

    x: Any
    y: Any
    weights: Any = None
    classes: Sequence[str] = ()


def from_rows(
    given: Rows | Mapping[str, Rows],
    *,
    name: str,
    source: str,
    kind: str | None = None,
    roles: Roles = Roles(),  # noqa: B008, a frozen value
    prepare: bool | None = None,
) -> Data:
    """Make data of arrays, or of a mapping from "train", "valid" and "test" to the arrays of each part.

    Bytes with three axes or more are pixels and divided by 255; other whole numbers stay as they are, for
    embeddings, unless `prepare` is true; floats are filled and scaled if a row is a list of numbers.

    Raises: ProblemError for what is no array of numbers or does not match.

    >>> data = from_rows(Rows(np.eye(4), [0, 1, 0, 1]), name="toy", source="made up")
    >>> data.kind, data.prepare, data.notes
    ('binary', True, ("y: two classes, '0' and '1'",))
    """
    if isinstance(given, Mapping):
        given, words = _join(given)
        roles = roles.with_part(words)
    notes: list[str] = []
    inputs = {
        key: _input(key, array, prepare, notes)
        for key, array in (given.x if isinstance(given.x, Mapping) else {"": given.x}).items()
    }
    check_fits(f"data {name!r}", COPIES * sum(array.nbytes for array in inputs.values()))
    said = recognise(_array("y", given.y), kind, given.classes)
    if prepare is None:
        prepare = any(array.dtype.kind == "f" and array.ndim == 2 for array in inputs.values())
    read = read_roles(roles if given.weights is None else roles.weighted(given.weights), name)
    test = test_rows(read)
    return Data(
        name, inputs[""] if list(inputs) == [""] else inputs, said.y, said.classes, source, said.kind,
        prepare=prepare, test=test, **read, notes=(said.note, *notes),
    )  # fmt: skip


def _array(what: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ProblemError(
            f"{what} is no array: {str(error).splitlines()[0]}; rows must be equally long"
        ) from None
    if array.ndim == 0:
        raise ProblemError(f"{what} is {type(values).__name__}, no array with a row for each sample")
    return array


def _input(key: str, values: Any, prepare: bool | None, notes: list[str]) -> np.ndarray:
    what = f"x[{key!r}]" if key else "x"
    array = _array(what, values)
    if array.dtype.kind not in "biuf":
        raise ProblemError(
            f"{what} holds {array.dtype} values, no numbers; give a table (a pandas frame or a CSV file) "
            "to have texts coded"
        )
    if array.ndim == 1:
        array = array[:, None]
    if array.dtype == np.uint8 and array.ndim > 2:
        notes.append(f"{what}: pixels, divided by 255")
        return array.astype(np.float32) / np.float32(255)
    if array.dtype.kind in "iu" and not prepare:
        notes.append(f"{what}: whole numbers, kept as they are for embeddings; floats would be scaled")
        return array.astype(np.int32, copy=False)
    return array if array.dtype == np.float32 else array.astype(np.float32)


def _join(parts: Mapping[str, Rows]) -> tuple[Rows, np.ndarray]:
    words = dict(zip(parts, part_words(list(parts)).tolist(), strict=True))
    names = sorted(parts, key=lambda name: PARTS.index(words[name]))
    pieces = [parts[name] for name in names]
    first = pieces[0]
    if isinstance(first.x, Mapping):
        x: Any = {key: np.concatenate([np.asarray(piece.x[key]) for piece in pieces]) for key in first.x}
    else:
        x = np.concatenate([_array("x", piece.x) for piece in pieces])
    y = [_array("y", piece.y) for piece in pieces]
    weights = None
    if all(piece.weights is not None for piece in pieces):
        weights = np.concatenate([np.asarray(piece.weights) for piece in pieces])
    part = np.repeat([words[name] for name in names], [len(each) for each in y])
    return Rows(x, np.concatenate(y), weights, first.classes), part
