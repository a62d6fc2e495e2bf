"""NumPy files: a table in `.npz` or a pair of `.npy`, memory-mapped where possible."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from stepsize.errors import ProblemError, first_line, unknown
from stepsize.problems.loading.arrays import Rows
from stepsize.problems.loading.column_names import Reference
from stepsize.problems.loading.memory import check_fits
from stepsize.problems.loading.special_columns import Roles

TARGETS = ("y", "labels", "label", "target", "targets")
HEADER = 30  # bytes of a file's header inside a ZIP archive, before its name


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an `.npz`: as memory maps if it is uncompressed, else into memory.

    Raises: ProblemError if it is not an `.npz`, holds Python objects, or does not fit in memory.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if each.filename.endswith(".npy")]
            packed = [each for each in members if each.compress_type != zipfile.ZIP_STORED]
            check_fits(f"file {str(path)!r}", sum(each.file_size for each in packed))
            return {
                each.filename.removesuffix(".npy"): _load(archive, each)
                if each in packed
                else _memory_map(path, each)
                for each in members
            }
    except ProblemError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def read_npy(path: Path) -> np.ndarray:
    """Read the array of a `.npy` file as a memory map."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from None


def read_rows(path: Path, target: Reference | None, roles: Roles) -> tuple[Rows | dict[str, Rows], Roles]:
    """Read the rows of an `.npz` or of a pair of `.npy` files, and the roles with the arrays they name.

    In an `.npz` the target is the array called `target`, by default `y` or `labels`; `x_train`, `y_train`,
    `x_valid`, `x_test` ... are parts; the other arrays are inputs, by name if there are several.
    """
    target = None if target is None else str(target)
    if path.suffix.lower() == ".npy":
        if target is None or not target.lower().endswith(".npy"):
            raise ProblemError(f"name the file with the targets of {str(path)!r}, such as target='y.npy'")
        if roles.drop:
            raise ProblemError(f"drop={roles.drop[0]!r} is for tables; leave out its column in {str(path)!r}")
        beside = path.parent / target
        return Rows(read_npy(path), read_npy(beside if beside.exists() else Path(target))), roles
    arrays = read_npz(path)
    named = roles.named()
    for role, key in named.items():
        if isinstance(key, str):
            named[role] = arrays.pop(_key(arrays, key, (), f"{role} array"))
    for key in roles.drop:
        del arrays[_key(arrays, str(key), (), "array to drop")]
    if target is None and any(key.endswith("_train") for key in arrays):
        return _parts(arrays, path), Roles(**named)
    likely = [key for key in TARGETS if key in arrays]
    if target is None and len(likely) > 1:
        raise ProblemError(
            f"file {str(path)!r} holds {' and '.join(map(repr, likely))}; name the target, and drop what is "
            "not an input"
        )
    inputs = dict(arrays)
    y = inputs.pop(_key(arrays, target, TARGETS, "target array"))
    if not inputs:
        raise ProblemError(f"file {str(path)!r} holds no array besides the target; add x")
    return Rows(next(iter(inputs.values())) if len(inputs) == 1 else inputs, y), Roles(**named)


def _parts(arrays: dict[str, np.ndarray], path: Path) -> dict[str, Rows]:
    by_part: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        name, _, part = key.rpartition("_")
        by_part.setdefault(part, {})[name] = array
    for part, pair in by_part.items():
        if set(pair) != {"x", "y"}:
            raise ProblemError(
                f"file {str(path)!r}: arrays {', '.join(arrays)}; each part needs two, x_{part} and y_{part}"
            )
    return {part: Rows(pair["x"], pair["y"]) for part, pair in by_part.items()}


def _key(arrays: Mapping[str, np.ndarray], name: str | None, defaults: tuple[str, ...], what: str) -> str:
    """Return `name`, or the first of the defaults that is an array; raise ProblemError if there is none."""
    if name is not None and name not in arrays:
        raise ProblemError(unknown(what, name, arrays))
    key = name or next((key for key in defaults if key in arrays), None)
    if key is None:
        names = ", ".join(arrays) or "(none)"
        raise ProblemError(f"name the array to predict, one of {names}, such as target='y'")
    return key


def _load(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        shape, _, dtype = _array_header(file)
        if not dtype.hasobject and file.tell() + prod(shape) * dtype.itemsize > member.file_size:
            raise ValueError(f"array {member.filename!r} is cut off")  # before memory is taken for it
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _memory_map(path: Path, member: zipfile.ZipInfo) -> np.ndarray:
    """Map an array that is stored uncompressed in the archive, after its two headers."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        head = file.read(HEADER)
        file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
        shape, by_columns, dtype = _array_header(file)
        if dtype.hasobject:
            raise ValueError(f"array {member.filename!r} holds Python objects; save numbers or text")
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
    return ProblemError(f"file {str(path)!r} cannot be read as NumPy arrays: {first_line(error)}")
