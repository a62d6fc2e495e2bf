"""What a function holds: the modules it imports, the names it looks up, its instructions, its packages."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from types import CodeType, MethodType, ModuleType
from typing import Any

LOOK_UPS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
"""The instructions that look a name up in the module of a function."""


def imported_modules(code: CodeType) -> Iterator[str]:
    """Yield the modules that a function imports itself."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from imported_modules(constant)


def names(code: CodeType) -> Iterator[str]:
    """Yield the names that the code of a function, and of those inside it, looks up outside."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in LOOK_UPS:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names(constant)


def code_text(code: CodeType) -> str:
    """Return a text that identifies what the code does, whatever the names and lines of its file."""
    constants = [_constant(each) for each in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, constants))


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return code_text(value)
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def module_of(value: Any) -> str:
    """Return the module of a function or a class, or that of the class of anything else."""
    return getattr(value, "__module__", None) or type(value).__module__


def versions_of(function: Callable[..., Any]) -> dict[str, str]:
    """Return the versions of the packages that the function's module has imported by name."""
    plain: Any = function.__func__ if isinstance(function, MethodType) else function
    globals_ = getattr(plain, "__globals__", None) or getattr(
        sys.modules.get(module_of(plain)), "__dict__", {}
    )
    tops = {value.__name__.partition(".")[0] for value in globals_.values() if isinstance(value, ModuleType)}
    versions = {top: getattr(sys.modules.get(top), "__version__", None) for top in sorted(tops)}
    return {top: version for top, version in versions.items() if isinstance(version, str)}
