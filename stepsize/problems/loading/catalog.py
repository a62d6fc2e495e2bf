"""`load`: data by name, from files, folders, arrays, frames and datasets of other libraries."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, first_line, require, require_keras, unknown
from stepsize.problems.built_in import canonical_name
from stepsize.problems.data import Data, from_arrays
from stepsize.problems.loading import datasets, files, images, numpy_files
from stepsize.problems.loading.arrays import Rows, from_rows
from stepsize.problems.loading.column_names import Reference
from stepsize.problems.loading.fashion_mnist import fashion_mnist
from stepsize.problems.loading.frames import from_frame
from stepsize.problems.loading.special_columns import PART_NAMES, Roles
from stepsize.problems.rare_features import rare_features

SKLEARN_SETS = {
    "breast-cancer": "breast_cancer", "diabetes": "diabetes", "digits": "digits", "iris": "iris",
    "wine": "wine",
}  # fmt: skip
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
KERAS_SETS: dict[str, tuple[str, str, tuple[str, ...]]] = {  # Keras' module, the kind, the classes
    "mnist": ("mnist", "multiclass", tuple("0123456789")),
    "cifar10": ("cifar10", "multiclass", CIFAR10),
    "cifar100": ("cifar100", "multiclass", tuple(map(str, range(100)))),
    "california-housing": ("california_housing", "regression", ()),
}
TEXT_ENDINGS = (".csv", ".tsv", ".data", ".txt")
FILE_ENDINGS = (*TEXT_ENDINGS, ".parquet", ".npz", ".npy")
OPENML = "openml:"
FASHION = "fashion-mnist"


def load(
    source: Any,
    target: Reference | None = None,
    *,
    header: bool | None = None,
    kind: str | None = None,
    name: str | None = None,
    groups: Any = None,
    order: Any = None,
    part: Any = None,
    weights: Any = None,
    drop: Reference | Sequence[Reference] = (),
    prepare: bool | None = None,
    folder: str | Path | None = None,
) -> Data:
    """Load data in any supported form; its `notes` report how it was read.

    - `source`: a name (`iris`, `fashion-mnist`, `mnist`, `openml:40984`); a CSV, TSV, Parquet, NPZ or NPY
      file; a folder of images, or one saved by Hugging Face `datasets`; a pandas or polars frame; `(x, y)` or
      `(x, y, weights)`; a mapping from "train", "valid" and "test" to such pairs; a PyTorch or tf.data
      dataset.
    - `target`: the column of a table to predict, or several with commas between; here as elsewhere, a column
      is named, or numbered from 0, or from the end as in -1.
    - `header`: whether the first row of a text file holds the names of the columns, if it is not recognised
      correctly.
    - `kind`: binary, multiclass, multilabel or regression, if it is not recognised correctly.
    - `groups` (rows that belong together), `order` (time), `part` (train, valid or test) and `weights`:
      columns of a table, or arrays.
    - `drop`: columns to leave out.
    - `prepare`: whether numbers are filled and scaled.
    - `folder`: where the IDX files of Fashion-MNIST are.

    Raises: ProblemError, with file and line where there is one; MissingExtra.

    >>> data = load((np.eye(4), [0.5, 1.0, 2.5, 3.0]), name="toy")
    >>> data.kind, data.notes[0]
    ('regression', 'y: a quantity from 0.5 to 3 (regression)')
    """
    if isinstance(source, Data):
        return source
    drop = (drop,) if isinstance(drop, str | int | np.integer) else tuple(drop)
    roles = Roles(groups, order, part, weights, drop)
    if header is not None and not _is_text_file(source):
        raise ProblemError(f"header={header!r} is for text files ({', '.join(TEXT_ENDINGS)}); leave it out")
    if folder is not None and not (isinstance(source, str) and canonical_name(source) == FASHION):
        raise ProblemError(f"folder={str(folder)!r} is for {FASHION!r}; leave it out")
    if _is_text_file(source):
        return files.from_text(source, target, kind, roles, prepare, header)
    if isinstance(source, str | Path):
        return _from_path(str(source), target, kind, name, roles, prepare, folder)
    require("train", "pandas")
    if datasets.is_torch(source) or datasets.is_tf(source):
        _check_no_columns(f"a {type(source).__name__}", target, drop)
        rows_of = datasets.from_torch if datasets.is_torch(source) else datasets.from_tf
        name = name or type(source).__name__
        return from_rows(rows_of(source), name=name, source=name, kind=kind, roles=roles, prepare=prepare)
    tables = source.values() if isinstance(source, Mapping) else [source]
    if tables and all(hasattr(each, "to_pandas") or hasattr(each, "iloc") for each in tables):
        return _from_tables(source, target, kind, name, roles, prepare)
    rows = _rows(source)
    _check_no_columns("(x, y)", target, drop)
    return from_rows(rows, name=name or "arrays", source="arrays", kind=kind, roles=roles, prepare=prepare)


def _check_no_columns(what: str, target: Any, drop: Sequence[Reference]) -> None:
    """Raise ProblemError if a column is named where there are none."""
    given = {"target": target} if target is not None else {"drop": drop[0]} if drop else {}
    for name, value in given.items():
        raise ProblemError(f"{name}={value!r} is for tables, and {what} has no columns; leave it out")


def _is_text_file(source: Any) -> bool:
    return isinstance(source, str | Path) and Path(source).suffix.lower() in TEXT_ENDINGS


def _from_tables(
    source: Any,
    target: Reference | None,
    kind: str | None,
    name: str | None,
    roles: Roles,
    prepare: bool | None,
) -> Data:
    """Make data from a frame, or from a frame for each part, such as a `DatasetDict` of Hugging Face."""
    parts = dict(source) if isinstance(source, Mapping) else {"": source}
    frames = {part: each.to_pandas() if hasattr(each, "to_pandas") else each for part, each in parts.items()}
    first = next(iter(parts.values()))
    labels = datasets.class_names(getattr(first, "features", None) or {}, target)
    origin = f"a {type(first).__module__.partition('.')[0]} table"
    if isinstance(source, Mapping):
        roles = roles.with_part(datasets.PART_COLUMN)
    frame = datasets.join_parts(frames) if isinstance(source, Mapping) else frames[""]
    return from_frame(
        frame,
        target,
        name=name or "table",
        source=origin,
        kind=kind,
        roles=roles,
        prepare=prepare,
        labels=labels,
    )


def is_source(text: str) -> bool:
    """Return whether `load` takes the text for data: a name, an OpenML number or a path, existing or not.

    >>> is_source("iris"), is_source("missing.csv"), is_source("irs")
    (True, True, False)
    """
    path = Path(text)
    return is_named(text) or path.suffix != "" or _exists(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no file can be called that
        return False


def is_named(text: str) -> bool:
    """Return whether `load` takes the text for a name or an OpenML number, not for a path."""
    return canonical_name(text) in NAMES or text.startswith(OPENML)


def _rows(source: Any) -> Rows | dict[str, Rows]:
    if isinstance(source, Mapping) and source and all(str(key).lower() in PART_NAMES for key in source):
        parts = {str(key): _rows(value) for key, value in source.items()}
        return {key: value for key, value in parts.items() if isinstance(value, Rows)}
    if isinstance(source, tuple | list) and len(source) in (2, 3):
        return Rows(*source)
    raise ProblemError(
        f"data of type {type(source).__name__} cannot be loaded; pass a name, a path, a frame, (x, y), "
        "or a PyTorch or tf.data dataset"
    )


def _from_path(
    text: str,
    target: Reference | None,
    kind: str | None,
    name: str | None,
    roles: Roles,
    prepare: bool | None,
    folder: str | Path | None,
) -> Data:
    known = canonical_name(text)
    if known in NAMES:
        if target is not None or kind is not None or roles != Roles():
            raise ProblemError(f"data {known!r} has a target: target, kind and column names are for tables")
        return fashion_mnist(folder) if known == FASHION else NAMES[known]()
    if text.startswith(OPENML):
        return openml(text.removeprefix(OPENML), target, kind, roles, prepare)
    path = Path(text)
    ending = path.suffix.lower()
    notes: Sequence[str] = ()
    if ending == ".parquet":
        return files.from_parquet(path, target, kind, roles, prepare)
    if ending in (".npz", ".npy"):
        rows, roles = numpy_files.read_rows(path, target, roles)
    elif _exists(path) and path.is_dir() and datasets.is_saved(path):
        frame, labels, part = datasets.from_saved(path, target)
        roles = roles if part is None else roles.with_part(part)
        name, source = name or path.name, f"folder {path.name}, saved by Hugging Face datasets"
        return from_frame(
            frame, target, name=name, source=source, kind=kind, roles=roles, prepare=prepare, labels=labels
        )
    elif _exists(path) and path.is_dir():
        _check_no_columns("a folder of images", target, roles.drop)
        rows, notes = images.read_folder(path, prepare)
    elif ending or _exists(path):
        raise ProblemError(
            f"file {text!r}: ending {ending!r} is not known; use one of: {', '.join(FILE_ENDINGS)}"
        )
    else:
        raise ProblemError(unknown("data", text, (*NAMES, f"{OPENML}ID", "a path")))
    source = f"folder {path.name}" if path.is_dir() else f"file {path.name}"
    name = name or path.stem
    return from_rows(rows, name=name, source=source, kind=kind, roles=roles, prepare=prepare, notes=notes)


def ionosphere() -> Data:
    """Load the Ionosphere table that comes with the package, in the order of the UCI repository.

    >>> data = ionosphere()
    >>> data.x.shape, data.classes, int(data.y.sum())
    ((351, 34), ('b', 'g'), 225)
    """
    text = resources.files("stepsize.problems").joinpath("tables/ionosphere.csv").read_text()
    rows = list(csv.reader(text.splitlines()))
    x = np.array([row[:-1] for row in rows], np.float32)
    source = (
        "Ionosphere, UCI Machine Learning Repository, doi:10.24432/C5W01B (Sigillito et al. 1989), CC BY 4.0"
    )
    return from_arrays("ionosphere", x, [row[-1] for row in rows], source, prepare=False)


def bundled(name: str) -> Data:
    """Load one of the sets bundled with scikit-learn: those of `SKLEARN_SETS`."""
    require("train", "sklearn")
    from sklearn import datasets

    bunch, source = getattr(datasets, f"load_{SKLEARN_SETS[name]}")(), f"{name}, bundled with scikit-learn"
    if "target_names" not in bunch:  # a quantity
        return from_rows(Rows(bunch.data, bunch.target), name=name, source=source)
    labels = np.asarray([str(n) for n in bunch.target_names])[bunch.target]
    return from_arrays(name, bunch.data, labels, source)


def keras_set(name: str) -> Data:
    """Load one of the sets that Keras downloads: `mnist`, `cifar10`, `cifar100` or `california-housing`."""
    require_keras()
    import keras

    module, kind, classes = KERAS_SETS[name]
    try:
        (x, y), (test_x, test_y) = getattr(keras.datasets, module).load_data()
    except Exception as error:  # Keras raises a plain Exception when a download fails
        reason = first_line(error)[:100]
        raise ProblemError(f"{name} is not in Keras' cache and could not be downloaded: {reason}") from None
    parts = {"train": Rows(x, y, classes=classes), "test": Rows(test_x, test_y)}
    return from_rows(parts, name=name, source=f"keras.datasets.{module}", kind=kind)


def openml(
    number: str, target: Reference | None, kind: str | None, roles: Roles, prepare: bool | None = None
) -> Data:
    """Load a table of OpenML by its number, with its default target unless `target` names another."""
    require("train", "sklearn", "pandas")
    from sklearn.datasets import fetch_openml

    if not number.isdigit():
        raise ProblemError(f"OpenML data is named by its number, such as openml:40984; got {number!r}")
    try:
        bunch: Any = fetch_openml(data_id=int(number), as_frame=True, parser="auto")
    except Exception as error:  # scikit-learn passes on whatever the network raises
        raise ProblemError(f"OpenML data {number} could not be fetched: {first_line(error)[:100]}") from None
    target = (",".join(bunch.target_names) or None) if target is None else target  # some name none
    source = f"OpenML {number}, {bunch.details.get('name', 'without a name')}"
    return from_frame(
        bunch.frame, target, name=f"openml-{number}", source=source, kind=kind, roles=roles, prepare=prepare
    )


NAMES: dict[str, Callable[[], Data]] = {
    "ionosphere": ionosphere,
    FASHION: fashion_mnist,
    "rare-features": rare_features,
    **{name: partial(bundled, name) for name in SKLEARN_SETS},
    **{name: partial(keras_set, name) for name in KERAS_SETS},
}
