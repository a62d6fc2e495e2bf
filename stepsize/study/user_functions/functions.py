"""User functions: imported by path, sent to another process, and identified by a digest of their code."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from stepsize.errors import ProblemError, first_line, require, save_traceback, unknown
from stepsize.user_modules import import_user_module

Function = Callable[..., Any]
PLAIN = (int, float, str, bytes, bool, type(None), tuple)


def find_function(path: str) -> Function:
    """Import the function at `package.module:function`; the working folder is searched too.

    Raises: ProblemError if there is no such module or function, or importing it fails.

    >>> find_function("math:sqrt")(4)
    2.0
    """
    module_name, _, name = path.partition(":")
    try:
        module = import_user_module(module_name)
    except ProblemError:
        raise
    except Exception as error:
        raise ProblemError(
            f"{path!r}: importing {module_name!r} raised {type(error).__name__}: {first_line(error)}; its "
            f"traceback is in {save_traceback()}"
        ) from error
    if not callable(getattr(module, name, None)):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ProblemError(f"module {module_name!r}: " + unknown("function", name, names))
    return getattr(module, name)


def pack(function: Function) -> str | bytes:
    """Return the function in a form for another process: its path, or its code if it cannot be imported."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module not in (None, "__main__") and getattr(sys.modules.get(module), name, None) is function:
        return f"{module}:{name}"
    require("train", "cloudpickle")
    import cloudpickle

    try:
        return cloudpickle.dumps(function)
    except (pickle.PicklingError, TypeError) as error:
        raise ProblemError(
            f"function {name!r} cannot be sent to another process: {error}; create inside the function what "
            "cannot be sent, such as open files"
        ) from None


def unpack(packed: str | bytes) -> Function:
    """Return the function that `pack` packed, in the other process."""
    return find_function(packed) if isinstance(packed, str) else pickle.loads(packed)


def code_digest(function: Function) -> str:
    """Return sixteen hexadecimal digits that change with the function's code and what it uses of its module.

    That is the functions, classes, plain constants and arrays that it names, and those that they name.
    Files that it reads and packages that it imports are not included.
    """
    parts = dict(_parts(function, set()))
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:16]


def versions_of(function: Function) -> dict[str, str]:
    """Return the versions of the packages that the function's module has imported by name."""
    globals_ = getattr(_plain(function), "__globals__", {})
    tops = {value.__name__.partition(".")[0] for value in globals_.values() if isinstance(value, ModuleType)}
    versions = {top: getattr(sys.modules.get(top), "__version__", None) for top in sorted(tops)}
    return {top: version for top, version in versions.items() if isinstance(version, str)}


def _plain(function: Function) -> Any:
    return function.__func__ if isinstance(function, MethodType) else function


def _parts(function: Function, seen: set[int]) -> Iterator[tuple[str, str]]:
    plain = _plain(function)
    if id(plain) in seen or not isinstance(plain, FunctionType):
        return
    seen.add(id(plain))
    yield plain.__qualname__, repr((_code(plain.__code__), plain.__defaults__, plain.__kwdefaults__))
    cells = zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True)
    used = {name: cell.cell_contents for name, cell in cells}
    used |= {n: plain.__globals__[n] for n in _names(plain.__code__) if n in plain.__globals__}
    for name, value in used.items():
        if isinstance(value, type) and value.__module__ == plain.__module__:
            for method in vars(value).values():
                yield from _parts(method, seen)
        elif isinstance(value, FunctionType) and value.__module__ == plain.__module__:
            yield from _parts(value, seen)
        elif isinstance(value, PLAIN):
            yield name, repr(value)
        elif hasattr(value, "__array__") and not isinstance(value, type):
            yield name, hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code(code: CodeType) -> str:
    constants = [_constant(each) for each in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, constants))


def _constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return _code(value)
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
