"""NumPy files: a table in `.npz` or a pair of `.npy`, left on disk until it is used."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from stepsize.errors import ProblemError, unknown
from stepsize.problems.loading.arrays import Rows
from stepsize.problems.loading.memory import check_fits
from stepsize.problems.loading.special_columns import Roles

TARGETS = ("y", "labels", "label", "target", "targets")
HEADER = 30  # bytes of a file's header inside a ZIP archive, before its name


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Give the arrays of an uncompressed `.npz` as memory maps; those of a compressed one are loaded.

    Raises: ProblemError when it is no such file, holds Python objects, or does not fit in memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if each.filename.endswith(".npy")]
            packed = [each for each in members if each.compress_type != zipfile.ZIP_STORED]
            check_fits(f"file {str(path)!r}", sum(each.file_size for each in packed))
            return {
                each.filename.removesuffix(".npy"): _loaded(archive, each)
                if each in packed
                else _mapped(path, each)
                for each in members
            }
    except ProblemError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def read_npy(path: Path) -> np.ndarray:
    """Give the array of a `.npy` file as a memory map."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from None


def rows_of(path: Path, target: str | None, roles: Roles) -> tuple[Rows | dict[str, Rows], Roles]:
    """Give the rows of an `.npz`, or of a pair of `.npy` files, and the roles with the arrays they name.

    In an `.npz` the target is `target` or else `y` or `labels`; `x_train`, `y_train`, `x_valid`, `x_test`
    ... are parts; the other arrays are inputs, by their names when there are several.
    """
    if path.suffix.lower() == ".npy":
        if target is None or not target.lower().endswith(".npy"):
            raise ProblemError(f"say which file holds the targets of {str(path)!r}: --target y.npy")
        beside = path.parent / target
        return Rows(read_npy(path), read_npy(beside if beside.exists() else Path(target))), roles
    arrays = read_npz(path)
    named = roles.named()
    for role, key in named.items():
        if isinstance(key, str):
            named[role] = arrays.pop(_key(arrays, key, (), f"{role} array"))
    if target is None and any(key.endswith("_train") for key in arrays):
        return _parts(arrays, path), Roles(**named)
    y = arrays.pop(_key(arrays, target, TARGETS, "target array"))
    left = {key: array for key, array in arrays.items() if key not in roles.drop}
    if not left:
        raise ProblemError(f"file {str(path)!r} holds no array beside the target; add x")
    return Rows(next(iter(left.values())) if len(left) == 1 else left, y), Roles(**named)


def _parts(arrays: dict[str, np.ndarray], path: Path) -> dict[str, Rows]:
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        name, _, part = key.rpartition("_")
        parts.setdefault(part, {})[name] = array
    found = {}
    for part, own in parts.items():
        if set(own) != {"x", "y"}:
            raise ProblemError(
                f"file {str(path)!r}: arrays {', '.join(arrays)}; each part needs two, x_{part} and y_{part}"
            )
        found[part] = Rows(own["x"], own["y"])
    return found


def _key(arrays: Mapping[str, np.ndarray], name: str | None, usual: tuple[str, ...], what: str) -> str:
    """Give the key called `name`, or the first usual one that is there."""
    if name is not None and name not in arrays:
        raise ProblemError(unknown(what, name, arrays))
    found = name or next((key for key in usual if key in arrays), None)
    if found is None:
        raise ProblemError(
            f"say which of the arrays {', '.join(arrays) or '(none)'} is to be predicted: --target NAME"
        )
    return found


def _loaded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _mapped(path: Path, member: zipfile.ZipInfo) -> np.ndarray:
    """Map an array that lies uncompressed in the archive, after its two headers."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        head = file.read(HEADER)
        file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
        shape, by_columns, dtype = _array_header(file)
        if dtype.hasobject:
            raise ValueError(f"array {member.filename!r} holds Python objects; save numbers or texts")
        if not np.prod(shape):
            return np.zeros(shape, dtype)
        order = "F" if by_columns else "C"
        return np.memmap(path, dtype, mode="r", offset=file.tell(), shape=shape, order=order)


def _array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    return read[np.lib.format.read_magic(file)](file)


def _unreadable(path: Path, error: Exception) -> ProblemError:
    if isinstance(error, FileNotFoundError):
        return ProblemError(f"file {str(path)!r} does not exist")
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ProblemError(f"file {str(path)!r} cannot be read as NumPy arrays: {said}")
