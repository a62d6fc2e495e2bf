"""Data from a folder of images: one sub-folder for each class, or `train` and `test` folders of those."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, require
from stepsize.problems.loading.arrays import Rows
from stepsize.problems.loading.memory import COPIES, check_fits
from stepsize.problems.loading.special_columns import PART_NAMES

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def read_folder(folder: Path) -> Rows | dict[str, Rows]:
    """Read the images of a folder as bytes, [rows, height, width] if grey, else [rows, height, width, 3].

    Sub-folders are the classes, in the order of their names. If the sub-folders are called `train`, `valid`
    and `test`, each holds the classes of that part.

    Raises: ProblemError if there are no images, or they differ in size.
    """
    require("data", "PIL")
    subfolders = _folders(folder)
    if not subfolders:
        raise ProblemError(f"{str(folder)!r} holds no sub-folders; images need one for each class")
    if all(each.name.lower() in PART_NAMES for each in subfolders):
        classes = sorted({each.name for part in subfolders for each in _folders(part)})
        return {part.name: _read_classes(part, classes) for part in subfolders}
    return _read_classes(folder, [each.name for each in subfolders])


def _read_classes(folder: Path, names: list[str]) -> Rows:
    files = [(path, label) for label, name in enumerate(names) for path in _images(folder / name)]
    if not files:
        raise ProblemError(f"{str(folder)!r} holds no images in its sub-folders ({', '.join(ENDINGS)})")
    first = _read(files[0][0])
    check_fits(f"folder {str(folder)!r}", COPIES * 4 * first.size * len(files))
    images = [_read(path) for path, _ in files]
    if any(image.ndim > first.ndim for image in images) or first.ndim > 2:
        images = [image if image.ndim > 2 else np.repeat(image[..., None], 3, axis=2) for image in images]
    for image, (path, _) in zip(images, files, strict=True):
        if image.shape[:2] != first.shape[:2]:
            raise ProblemError(
                f"image {str(path)!r} has {_size(image)} pixels and {files[0][0].name!r} {_size(first)}; "
                "resize them to one size"
            )
    return Rows(np.stack(images), np.array([label for _, label in files]), classes=tuple(names))


def _folders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _images(folder: Path) -> Iterable[Path]:
    return sorted(each for each in folder.glob("*") if each.suffix.lower() in ENDINGS)


def _read(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L" if image.mode in ("1", "L", "LA", "I;16") else "RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise ProblemError(f"image {str(path)!r} cannot be read: {str(error).splitlines()[0]}") from None


def _size(image: Any) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
