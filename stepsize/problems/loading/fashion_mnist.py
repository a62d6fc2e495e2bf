"""Fashion-MNIST from its four IDX files, or through Keras."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from stepsize.errors import ProblemError, require_keras
from stepsize.problems.data import Data
from stepsize.problems.loading.arrays import DIVIDED

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FASHION_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
BYTES = b"\0\0\x08"  # the start of a file of bytes; its third number is another one for other types
FASHION_FOLDERS = ("/usr/share/datasets/fashion-mnist",)


def fashion_mnist(folder: str | Path | None = None) -> Data:
    """Load Fashion-MNIST from a folder of its four IDX files, plain or gzipped, or through Keras.

    Without `folder`, the folder of Debian's package dataset-fashion-mnist is tried, then Keras' cache and
    download. Pixels are divided by 255; the last 10,000 rows are the data's own test part.

    Raises: ProblemError if the files are missing or damaged and cannot be downloaded.
    """
    folders = [Path(folder)] if folder is not None else [Path(place) for place in FASHION_FOLDERS]
    for place in folders:
        files = [file for name in FASHION_FILES if (file := _idx_file(place, name)) is not None]
        if len(files) == len(FASHION_FILES):
            images, labels = _read_pair(*files[:2])
            test_images, test_labels = _read_pair(*files[2:])
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
    return Data(
        "fashion-mnist", x, y, FASHION_CLASSES, source, "multiclass", prepare=False, test=test,
        notes=(f"x: {DIVIDED}",),
    )  # fmt: skip


def _idx_file(folder: Path, name: str) -> Path | None:
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def _read_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and the labels of one part.

    Raises: ProblemError unless there is one label for each image.
    """
    x, y = _read_idx(images), _read_idx(labels)
    if x.ndim != 3 or y.shape != x.shape[:1]:
        raise ProblemError(
            f"{str(images)!r} has shape {x.shape} and {str(labels)!r} has shape {y.shape}; one label is "
            "needed for each image, so replace both by files of one download"
        )
    return x, y


def _read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes: magic number, one big-endian size per axis, then the values."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if raw[:3] != BYTES:
            raise ValueError(f"it begins with {raw[:3].hex(' ')}, not {BYTES.hex(' ')}")
        axes = raw[3]
        shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, IndexError, struct.error, ValueError) as error:
        raise ProblemError(f"{str(path)!r} is not an IDX file of bytes: {error}") from None


def _fashion_from_keras() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    require_keras()
    import keras

    try:
        return keras.datasets.fashion_mnist.load_data()
    except Exception:  # Keras raises a plain Exception when a download fails
        raise ProblemError(
            "Fashion-MNIST is not on this machine and could not be downloaded; install Debian's package "
            "dataset-fashion-mnist, or name the folder of its four IDX files, such as folder='fashion'"
        ) from None
