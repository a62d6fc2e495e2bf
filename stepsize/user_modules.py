"""Modules of users: found in the working folder too, where no file hides a module of Python's own."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from stepsize.errors import ProblemError

_STANDARD = os.path.dirname(os.__file__)
STANDARD = (_STANDARD, os.path.join(_STANDARD, "lib-dynload"))
"""The folders of Python's own modules."""


def import_user_module(name: str) -> ModuleType:
    """Import a module by its name; the working folder is searched behind Python's own modules.

    Raises: ProblemError for a module of the working folder that has the name of one of Python's own.

    >>> import_user_module("math").sqrt(4)
    2.0
    """
    top = name.partition(".")[0]
    hidden = next((path for path in (Path(f"{top}.py"), Path(top)) if path.exists()), None)
    if hidden is not None and top in sys.stdlib_module_names:
        raise ProblemError(
            f"module {name!r}: Python has a module {top!r} of its own, which hides {str(hidden)!r} of the "
            "working folder; rename it"
        )
    if os.getcwd() not in map(os.path.abspath, sys.path):
        sys.path[:] = _with_working_folder(sys.path)
    return importlib.import_module(name)


def search_path(entries: Iterable[str]) -> list[str]:
    """Return entries of `sys.path`, with the working folder, if it is one, behind Python's own modules.

    >>> search_path(["", *STANDARD, "/packages"]) == [*STANDARD, os.getcwd(), "/packages"]
    True
    """
    folders = [os.path.abspath(entry) for entry in entries]
    others = [folder for folder in folders if folder != os.getcwd()]
    return others if len(others) == len(folders) else _with_working_folder(others)


def _with_working_folder(entries: list[str]) -> list[str]:
    position = max((at + 1 for at, entry in enumerate(entries) if entry in STANDARD), default=0)
    return [*entries[:position], os.getcwd(), *entries[position:]]
