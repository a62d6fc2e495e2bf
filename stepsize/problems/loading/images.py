"""Data from a folder of images: one sub-folder for each class, or `train` and `test` folders of those."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stepsize.errors import ProblemError, require
from stepsize.number_format import counted
from stepsize.problems.loading.arrays import DEEP_DIVIDED, Rows
from stepsize.problems.loading.image_files import endings, read_image
from stepsize.problems.loading.memory import COPIES, check_fits
from stepsize.problems.loading.number_texts import listed
from stepsize.problems.loading.special_columns import PART_NAMES


def read_folder(folder: Path, prepare: bool | None) -> tuple[Rows | dict[str, Rows], list[str]]:
    """Read the images of a folder, [rows, height, width] if all are grey, else [rows, height, width, 3].

    Sub-folders are the classes, in the order of their names, with all images below them. If they are called
    `train`, `valid` and `test`, each holds the classes of that part. Pixels are bytes; if one image has 16
    bits, they are numbers between 0 and 1, or of 16 bits if `prepare` is False.

    The second value holds notes on what was left out, and on 16 bits.

    Raises: ProblemError if there are no images, or they differ in size.
    """
    require("data", "PIL")
    parts = _parts(folder)
    level = 1 if parts else 0  # of the folders of the classes
    known = endings()
    files = sorted(_files(folder))
    images = [each for each in files if len(each.parts) > level + 1 and each.suffix.lower() in known]
    for place in parts or [""]:
        if not any(each.is_relative_to(place) for each in images):
            kinds = ", ".join(sorted(known))
            raise ProblemError(f"{str(folder / place)!r} holds no images in its sub-folders ({kinds})")
    names = [each.parts[level] for each in images]
    classes = sorted(set(names))
    pixels, notes = _read(folder, images, prepare)
    labels = np.array([classes.index(name) for name in names])
    rows: Rows | dict[str, Rows] = Rows(pixels, labels, classes=classes)
    if parts:
        of_part = np.array([each.parts[0] for each in images])
        rows = {part: Rows(pixels[of_part == part], labels[of_part == part], None, classes) for part in parts}
    filled = {each.parents[-2 - level] for each in images}
    places = [Path(part) / name for part in parts or [""] for name in _folders(folder / part)]
    return rows, [*notes, *_left_out([each for each in places if each not in filled], files, images)]


def _parts(folder: Path) -> list[str]:
    """Return the names of the folders of the parts, if there are any."""
    names = _folders(folder)
    if not names:
        raise ProblemError(f"{str(folder)!r} holds no sub-folders; images need one for each class")
    parts = [name for name in names if name.lower() in PART_NAMES]
    others = [name for name in names if name not in parts]
    if len(parts) > 1 and others:
        raise ProblemError(
            f"{str(folder)!r} holds the parts {listed(parts)} beside {listed(others)}; leave only parts, or "
            "only classes, in it"
        )
    return [] if others else parts


def _folders(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, relative to it, without those of hidden folders."""
    seen: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        seen.add(Path(place).resolve())  # a link may lead back
        below = [Path(place, name) for name in folders if not name.startswith(".")]
        folders[:] = [each.name for each in below if each.resolve() not in seen]
        yield from (Path(place, name).relative_to(folder) for name in files)


def _read(folder: Path, images: Sequence[Path], prepare: bool | None) -> tuple[np.ndarray, list[str]]:
    """Return the pixels of all images in one form, and notes on it."""
    first, _ = read_image(folder / images[0])
    check_fits(f"folder {str(folder)!r}", COPIES * 4 * first.size * len(images))
    remarks: Counter[str] = Counter()
    read: list[np.ndarray] = []
    for path in images:
        image, found = read_image(folder / path)
        if image.shape[:2] != first.shape[:2]:
            raise ProblemError(
                f"image {str(folder / path)!r} has {_size(image)} pixels and {images[0].name!r} "
                f"{_size(first)}; resize them to one size"
            )
        read.append(image)
        remarks.update(found)
    notes = [f"of {counted(count, 'image')}, {remark}" for remark, count in remarks.items()]
    if len({image.ndim for image in read}) > 1:
        read = [image if image.ndim > 2 else np.repeat(image[..., None], 3, axis=2) for image in read]
    if all(image.dtype == np.uint8 for image in read):
        return np.stack(read), notes
    pixels = np.stack(
        [image if image.dtype == np.uint16 else image.astype(np.uint16) * 257 for image in read]
    )
    if prepare is False:
        return pixels, notes
    note = f"x: {DEEP_DIVIDED} (the largest is {pixels.max():,})"
    return pixels.astype(np.float32) / np.float32(65_535), [note, *notes]


def _left_out(empty: Sequence[Path], files: Sequence[Path], images: Sequence[Path]) -> Iterator[str]:
    """Yield notes on the folders and the files that were not used."""
    if empty:
        yield f"folders without images, left out: {listed([each.as_posix() for each in empty])}"
    used = set(images)
    counts = Counter(
        each.suffix.lower() or "no ending"
        for each in files
        if each not in used and not each.name.startswith(".")
    )
    if counts:
        yield "files left out: " + ", ".join(f"{count:,} {ending}" for ending, count in counts.most_common())


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
