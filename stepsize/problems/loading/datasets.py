"""Datasets of PyTorch, TensorFlow and Hugging Face that fit in memory, as arrays or frames.

None of the three libraries is imported here: a dataset is recognised by its methods, and a folder that
Hugging Face saved is read as the Arrow files it contains.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, first_line, require
from stepsize.problems.loading.arrays import Rows
from stepsize.problems.loading.column_names import Reference, find_column
from stepsize.problems.loading.memory import COPIES, check_fits

INFINITE = -1  # the cardinality of a tf.data dataset that repeats forever
PART_COLUMN = "(part)"  # the column that names the part of a row


def is_torch(source: Any) -> bool:
    """Return whether `source` is a PyTorch `Dataset`."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.utils.data.Dataset)


def is_tf(source: Any) -> bool:
    """Return whether `source` is a `tf.data.Dataset`."""
    return hasattr(source, "as_numpy_iterator") and hasattr(source, "element_spec")


def from_torch(source: Any) -> Rows:
    """Return the rows of a PyTorch `Dataset` that has a length and whose items are (x, y)."""
    if not hasattr(source, "__len__"):
        raise ProblemError(
            f"{type(source).__name__} has no length; pass a Dataset with __len__, or its arrays as (x, y)"
        )
    plain = sys.modules["torch"].utils.data.TensorDataset.__getitem__
    tensors = source.tensors if getattr(type(source), "__getitem__", None) is plain else None
    classes = tuple(map(str, getattr(source, "classes", None) or ()))
    if tensors is not None:
        rows = _pair(tuple(np.asarray(each) for each in tensors), type(source).__name__)
        return rows._replace(classes=classes)
    items = (tuple(source[i]) for i in range(len(source)))
    return _stacked(items, type(source).__name__, len(source))._replace(classes=classes)


def from_tf(source: Any) -> Rows:
    """Return the rows of a finite `tf.data.Dataset` of (x, y), batched or not."""
    if int(source.cardinality()) == INFINITE:
        raise ProblemError("the tf.data.Dataset repeats forever; pass it without repeat()")
    spec = source.element_spec
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        raise ProblemError("a tf.data.Dataset must yield (x, y) or (x, y, weights)")
    first = next(iter(spec[0].values())) if isinstance(spec[0], Mapping) else spec[0]
    x_shape, y_shape = first.shape.as_list(), spec[1].shape.as_list()
    batched = bool(x_shape) and bool(y_shape) and x_shape[0] == y_shape[0]
    # x and y of one known length are a row of numbers and a one-hot class, not a batch
    batched &= x_shape[:1] == [None] or len(x_shape) > 1
    rows = (source.unbatch() if batched else source).as_numpy_iterator()
    return _stacked(rows, "tf.data.Dataset")


def _pair(parts: Sequence[Any], what: str) -> Rows:
    if len(parts) not in (2, 3):
        raise ProblemError(
            f"{what}: an item must be (x, y) or (x, y, weight); this one has {len(parts)} parts"
        )
    return Rows(*parts)


def _stacked(items: Iterable[Sequence[Any]], what: str, count: int | None = None) -> Rows:
    gathered: list[Rows] = []
    for item in items:
        if not gathered:
            needed = sum(np.asarray(each).nbytes for each in item if not isinstance(each, Mapping))
            check_fits(what, COPIES * needed * (count or 1))
        gathered.append(_pair(item, what))
    if not gathered:
        raise ProblemError(f"{what} is empty; at least 4 rows are needed")
    first = gathered[0]
    try:
        if isinstance(first.x, Mapping):
            x: Any = {key: np.stack([np.asarray(each.x[key]) for each in gathered]) for key in first.x}
        else:
            x = np.stack([np.asarray(each.x) for each in gathered])
        y = np.stack([np.asarray(each.y) for each in gathered])
    except ValueError as error:
        raise ProblemError(
            f"{what}: its items differ in shape ({error}); give all items the same shape"
        ) from None
    weights = None if first.weights is None else np.stack([np.asarray(each.weights) for each in gathered])
    return Rows(x, y, weights)


def is_saved(folder: Path) -> bool:
    """Return whether `save_to_disk` of Hugging Face `datasets` wrote this folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def from_saved(folder: Path, target: Reference | None) -> tuple[Any, Sequence[str], str | None]:
    """Return the frame of a saved Hugging Face dataset, the target's class names, and the part column.

    The parts of a dataset (train, validation, test) become a column; without parts there is none.
    """
    require("train", "pandas", "pyarrow")
    try:
        if (folder / "state.json").is_file():
            frame, features = _arrow(folder)
            return frame, class_names(features, target), None
        parts = json.loads((folder / "dataset_dict.json").read_text())["splits"]
        tables = {part: _arrow(folder / part) for part in parts}
    except (OSError, ValueError, KeyError) as error:
        reason = first_line(error)
        raise ProblemError(f"{str(folder)!r} is not a complete Hugging Face dataset: {reason}") from None
    frame = join_parts({part: frame for part, (frame, _) in tables.items()})
    features = next(iter(tables.values()))[1]
    return frame, class_names(features, target), PART_COLUMN


def join_parts(frames: Mapping[str, Any]) -> Any:
    """Return the frames of several parts as one frame, with a column that names the part."""
    import pandas

    columns = [[str(column) for column in frame.columns] for frame in frames.values()]
    for part, others in zip(frames, columns, strict=True):
        if set(others) != set(columns[0]):
            name = min(set(others) ^ set(columns[0]))
            raise ProblemError(
                f"part {part!r} and part {next(iter(frames))!r} have different columns: only one has {name!r}"
            )
    labelled = [frame.assign(**{PART_COLUMN: part}) for part, frame in frames.items()]
    return pandas.concat(labelled, ignore_index=True)


def _arrow(folder: Path) -> tuple[Any, Mapping[str, Any]]:
    import pyarrow

    files = [
        folder / each["filename"] for each in json.loads((folder / "state.json").read_text())["_data_files"]
    ]
    check_fits(f"folder {str(folder)!r}", COPIES * sum(each.stat().st_size for each in files))
    tables = [pyarrow.ipc.open_stream(pyarrow.memory_map(str(each))).read_all() for each in files]
    features = json.loads((folder / "dataset_info.json").read_text()).get("features") or {}
    return pyarrow.concat_tables(tables).to_pandas(), features


def class_names(features: Mapping[str, Any], target: Reference | None) -> Sequence[str]:
    """Return the class names that a dataset's features have for the target's numbers, if any."""
    columns = list(features)
    known = target is not None and (target in columns or re.fullmatch(r"-?\d+", str(target)) is not None)
    name = find_column("target column", target, columns) if known and columns and target is not None else ""
    feature = features.get(name)
    names = feature.get("names") if isinstance(feature, Mapping) else getattr(feature, "names", None)
    return tuple(map(str, names or ()))
