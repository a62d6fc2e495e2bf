"""Modules of users, found in the working folder too; a file there never hides one of Python's own modules."""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from stepsize.errors import ProblemError

_STANDARD = os.path.dirname(os.__file__)
STANDARD = (_STANDARD, os.path.join(_STANDARD, "lib-dynload"))
"""The folders of Python's own modules."""

PACKAGES = ("site-packages", "dist-packages")
"""The folders of installed packages, whose versions identify them."""


def import_user_module(name: str) -> ModuleType:
    """Import a module by its name; the working folder is searched after Python's own modules.

    Raises: ProblemError for a module of the working folder that has the name of one of Python's own.

    >>> import_user_module("math").sqrt(4)
    2.0
    """
    top = name.partition(".")[0]
    hidden = next((path for path in (Path(f"{top}.py"), Path(top)) if path.exists()), None)
    if hidden is not None and top in sys.stdlib_module_names:
        raise ProblemError(
            f"module {name!r}: Python has a module {top!r} of its own, which hides {str(hidden)!r} in the "
            "working folder; rename the file"
        )
    if os.getcwd() not in map(os.path.abspath, sys.path):
        sys.path[:] = _with_working_folder(sys.path)
    return importlib.import_module(name)


def search_path(entries: Iterable[str]) -> list[str]:
    """Return entries of `sys.path`; the working folder, if it is one, comes after Python's own modules.

    >>> search_path(["", *STANDARD, "/packages"]) == [*STANDARD, os.getcwd(), "/packages"]
    True
    """
    folders = [os.path.abspath(entry) for entry in entries]
    others = [folder for folder in folders if folder != os.getcwd()]
    return others if len(others) == len(folders) else _with_working_folder(others)


def _with_working_folder(entries: list[str]) -> list[str]:
    position = max((at + 1 for at, entry in enumerate(entries) if entry in STANDARD), default=0)
    return [*entries[:position], os.getcwd(), *entries[position:]]


def source_of(module: str) -> str:
    """Return a digest of a user's module and of those that it imports; empty if it is not found.

    Editing any of the user's own files that are involved changes the digest. Modules of Python and of
    installed packages are left out, unless `module` itself is installed.

    >>> source_of("no_such_module")
    ''
    """
    file = _file_of(module, [*_user_folders(), *map(Path, sys.path)])
    if file is None:
        return ""
    files, waiting = {module: file}, [module]
    while waiting:
        name = waiting.pop()
        for other in _imports(name, files[name]):
            if other not in files and (found := _file_of(other, _user_folders())) is not None:
                files[other] = found
                waiting.append(other)
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def user_source(module: str) -> str:
    """Return `source_of` a module that is neither Python's own nor installed; empty for any other."""
    return source_of(module) if _file_of(module, _user_folders()) is not None else ""


def _user_folders() -> list[Path]:
    """Return the folders that hold modules of the user's own."""
    folders = [Path(entry) for entry in dict.fromkeys([os.getcwd(), *map(os.path.abspath, sys.path)])]
    return [each for each in folders if str(each) not in STANDARD and not {*PACKAGES} & {*each.parts}]


def _file_of(module: str, folders: Iterable[Path]) -> Path | None:
    top = module.partition(".")[0]
    if not module or top == "stepsize" or top in sys.stdlib_module_names:
        return None
    place = Path(*module.split("."))
    files = (folder / path for folder in folders for path in (f"{place}.py", place / "__init__.py"))
    return next((file for file in files if file.is_file()), None)


def _imports(module: str, file: Path) -> Iterator[str]:
    """Yield the names of modules that a file imports, and of what may be one: `from a import b`."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
