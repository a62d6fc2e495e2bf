"""Data as arrays: the embedded table, scikit-learn's sets, CSV files and Fashion-MNIST."""

from __future__ import annotations

import csv
import gzip
import hashlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from stepsize.errors import MissingExtra, ProblemError, unknown

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FASHION_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
FASHION_FOLDERS = ("/usr/share/datasets/fashion-mnist",)
SKLEARN_SETS = {"breast-cancer": "breast_cancer", "digits": "digits", "iris": "iris", "wine": "wine"}
QUANTITY = 20  # a numeric target with more distinct values than this is a quantity, no set of classes


Kind = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to learn from, and what is to be said of each.

    `x` [rows, features...], or several inputs by name; float32, or integers for embeddings. `y` is [rows] class
    numbers, [rows, labels] of 0 and 1 for several labels at once, or [rows, outputs] quantities; `kind` says
    which. `classes` are the names of classes or labels, and empty for quantities. `prepare` asks for filling
    missing numbers and scaling by what the training rows of each seed show. `test` holds the rows of the data's
    own test part, `groups` [rows] which rows belong together, `order` [rows] their time, `part` [rows] "train",
    "valid" or "test" as a column says it, `weights` [rows] what each counts in the training loss; each may be
    None. `notes` say what was recognised, for the report.
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
        for name, array in self.inputs.items():
            if len(array) != self.rows:
                said = "x" if name == "" else f"x[{name!r}]"
                raise ProblemError(f"data {self.name!r}: {said} has {len(array)} rows and y has {self.rows}")
        if self.rows < 4:
            raise ProblemError(f"data {self.name!r} has {self.rows} rows; at least 4 are needed")
        if self.kind in ("binary", "multiclass") and len(self.classes) < 2:
            raise ProblemError(
                f"data {self.name!r} has one class only ({', '.join(self.classes)!r}); a classifier needs two"
            )
        for array in self.inputs.values():
            finite = np.isfinite(array) | (np.isnan(array) & self.prepare)
            if not finite.all():
                row = int(finite.reshape(self.rows, -1).all(axis=1).argmin())
                raise ProblemError(
                    f"data {self.name!r}, row {row + 1}: a value is missing or not finite; remove or fill it"
                )

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
        """The numbers that a network gives for a row: one for two classes or one quantity."""
        if self.kind == "binary":
            return 1
        return len(self.classes) if self.kind == "multiclass" else int(np.prod(self.y.shape[1:]))

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any value of the data."""
        optional = (self.test, self.groups, self.order, self.part, self.weights)
        shapes = {name: array.shape for name, array in self.inputs.items()}
        digest = hashlib.sha256(repr((shapes, self.classes, self.kind, self.prepare)).encode())
        for array in (*self.inputs.values(), self.y, *optional):
            array = np.zeros(0) if array is None else array
            digest.update(
                repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array)
            )
        return digest.hexdigest()[:16]


def from_arrays(name: str, x: np.ndarray, labels: ArrayLike, source: str, prepare: bool = True) -> Data:
    """Make data from rows and one label per row; classes are the sorted labels.

    >>> from_arrays("toy", np.eye(4), ["no", "yes", "no", "yes"], "made up").classes
    ('no', 'yes')
    """
    names, y = np.unique(np.asarray(labels), return_inverse=True)
    classes = tuple(str(name) for name in names)
    kind = "binary" if len(classes) == 2 else "multiclass"
    return Data(name, np.asarray(x, np.float32), y.astype(np.int32), classes, source, kind, prepare)


def ionosphere() -> Data:
    """Load the embedded Ionosphere table in the repository's order.

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
    """Load one of scikit-learn's bundled sets: `digits`, `breast-cancer`, `wine` or `iris`."""
    try:
        from sklearn import datasets
    except ModuleNotFoundError:
        raise MissingExtra("scikit-learn", "train") from None
    bunch = getattr(datasets, f"load_{SKLEARN_SETS[name]}")()
    labels = np.asarray([str(n) for n in bunch.target_names])[bunch.target]
    return from_arrays(name, bunch.data, labels, f"{name}, bundled with scikit-learn")


def fashion_mnist(folder: str | Path | None = None) -> Data:
    """Load Fashion-MNIST from a folder of its four IDX files, plain or gzipped, or through Keras.

    Without `folder`, the places of Debian's package dataset-fashion-mnist are tried, then Keras' cache
    and download. Pixels are divided by 255; the last 10,000 rows are the data's own test part.
    """
    folders = [Path(folder)] if folder is not None else [Path(place) for place in FASHION_FOLDERS]
    for place in folders:
        files = [_idx_file(place, name) for name in FASHION_FILES]
        if all(files):
            images, labels, test_images, test_labels = (_read_idx(file) for file in files if file)
            break
    else:
        if folder is not None:
            raise ProblemError(
                f"{str(folder)!r} does not hold the four IDX files of Fashion-MNIST "
                f"({', '.join(FASHION_FILES)}, plain or .gz)"
            )
        (images, labels), (test_images, test_labels) = _fashion_from_keras()
    x = np.concatenate([images, test_images]).astype(np.float32) / np.float32(255)
    y = np.concatenate([labels, test_labels]).astype(np.int32)
    source = "Fashion-MNIST, Zalando Research (Xiao, Rasul and Vollgraf 2017), MIT licence"
    test = np.arange(len(images), len(x))
    return Data("fashion-mnist", x, y, FASHION_CLASSES, source, "multiclass", prepare=False, test=test)


def from_csv(path: str | Path, target: str | None) -> Data:
    """Load a CSV file with a header row: numbers in every column but `target`, which holds the class."""
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except FileNotFoundError:
        raise ProblemError(f"file {str(path)!r} does not exist") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProblemError(f"file {str(path)!r} cannot be read as CSV: {error}") from None
    if len(rows) < 2:
        raise ProblemError(
            f"file {str(path)!r} is empty; a header row and at least 4 rows of data are needed"
        )
    header, body = rows[0], rows[1:]
    if target is None:
        raise ProblemError(f"say which column of {str(path)!r} to predict: --target {header[-1]}")
    if target not in header:
        raise ProblemError(unknown("target column", target, header))
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ProblemError(f"file {str(path)!r}: two columns are called {twice!r}; rename one")
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise ProblemError(
                f"file {str(path)!r}, line {number}: {len(row)} values for the {len(header)} columns"
            )
    at = header.index(target)
    labels = [row[at].strip() for row in body]
    _check_labels(labels, target)
    x = np.empty((len(body), len(header) - 1), np.float32)
    for column, name in enumerate(header):
        if column != at:
            x[:, column - (column > at)] = _numbers([row[column] for row in body], name, str(path))
    return from_arrays(path.stem, x, labels, f"file {path.name}")


def load(name: str, target: str | None = None, folder: str | None = None) -> Data:
    """Load data by its name or, when `name` ends in `.csv`, from a file."""
    if name.lower().endswith(".csv"):
        return from_csv(name, target)
    if name not in NAMES:
        raise ProblemError(unknown("data", name, NAMES))
    return fashion_mnist(folder) if name == "fashion-mnist" else NAMES[name]()


NAMES: dict[str, Callable[[], Data]] = {
    "ionosphere": ionosphere,
    "fashion-mnist": fashion_mnist,
    **{name: partial(bundled, name) for name in SKLEARN_SETS},
}


def _numbers(column: list[str], name: str, path: str) -> np.ndarray:
    try:
        values = np.array(column, np.float64)
    except ValueError:
        line = next(i for i, text in enumerate(column, start=2) if not _is_number(text))
        text = column[line - 2]
        said = f"text {text[:40]!r} where a number belongs" if text.strip() else "an empty cell"
        raise ProblemError(
            f"file {path!r}, line {line}, column {name!r}: {said}; drop the column or code it as numbers"
        ) from None
    if not np.isfinite(values).all():
        line = int(np.argmin(np.isfinite(values))) + 2
        raise ProblemError(
            f"file {path!r}, line {line}, column {name!r}: {column[line - 2]!r} is not finite; "
            "fill it or remove the row"
        )
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_labels(labels: list[str], target: str) -> None:
    missing = [i for i, label in enumerate(labels, start=2) if label == "" or label.lower() == "nan"]
    if missing:
        raise ProblemError(f"target column {target!r}, line {missing[0]}: the class is missing")
    kinds = set(labels)
    if len(kinds) > QUANTITY and all(_is_number(label) for label in kinds):
        raise ProblemError(
            f"target column {target!r} holds {len(kinds)} different numbers, a quantity; only classes can be "
            f"compared so far: cut it into at most {QUANTITY} classes"
        )


def _idx_file(folder: Path, name: str) -> Path | None:
    found = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
    return found[0] if found else None


def _read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes: magic number, one big-endian size per axis, then the values."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        axes = raw[3]
        shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, IndexError, struct.error, ValueError) as error:
        raise ProblemError(f"{str(path)!r} is not an IDX file of bytes: {error}") from None


def _fashion_from_keras() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    try:
        import keras
    except ModuleNotFoundError:
        raise MissingExtra("keras", "train") from None
    try:
        return keras.datasets.fashion_mnist.load_data()
    except Exception:  # Keras raises no narrower one when a download fails
        raise ProblemError(
            "Fashion-MNIST is not on this machine and could not be downloaded; install Debian's package "
            "dataset-fashion-mnist, or give --data FOLDER with its four IDX files"
        ) from None
