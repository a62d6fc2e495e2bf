"""What identifies a user's function: its code, and everything of the user's own that it uses."""

from __future__ import annotations

import dis
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from stepsize.user_modules import user_source

PLAIN = (int, float, complex, str, bytes, bool, type(None))
UNCOUNTED = (  # attributes of a class that do not affect what it does, or differ between processes
    "__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__",
    "__abstractmethods__", "_abc_impl", "__annotations__", "__annotate_func__", "__annotations_cache__",
)  # fmt: skip
DEEPEST = 100  # levels of objects inside objects that are followed


def code_digest(value: Any, home: str | None = None) -> str:
    """Return sixteen hexadecimal digits that change with a function's code and with what it uses.

    The value may be any other object, too. From its own module, or the one called `home`, these are the
    functions, classes, objects and constants that it names, and those that they name in turn; from other
    modules of the user, the whole modules. Arguments of a `partial` and the object of a method are included;
    files that the function reads and installed packages are not.
    """
    target = value.func if isinstance(value, partial) else value
    text = repr(list(_parts(value, _Walk(home or _module_of(target)))))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Walk:
    """The module whose code is followed, the objects seen so far, and how deep the walk is."""

    def __init__(self, home: str) -> None:
        self.home, self.seen, self.depth = home, dict[int, Any](), 0


def _parts(value: Any, walk: _Walk) -> Iterator[str]:
    """Yield texts that together identify a value."""
    if isinstance(value, PLAIN):
        yield repr(value)
        return
    if id(value) in walk.seen or walk.depth > DEEPEST:
        yield "as above"
        return
    walk.seen[id(value)] = value  # kept alive, so that no other object gets its id
    walk.depth += 1
    yield type(value).__name__
    yield from _inside(value, walk)
    walk.depth -= 1


def _inside(value: Any, walk: _Walk) -> Iterator[str]:
    if isinstance(value, dict | MappingProxyType):
        yield from _all([each for item in value.items() for each in item], walk)
    elif isinstance(value, list | tuple):
        yield from _all(value, walk)
    elif isinstance(value, set | frozenset):
        yield repr(sorted(repr(list(_parts(each, walk))) for each in value))
    elif isinstance(value, ModuleType):
        yield from _other_module(value.__name__)
    elif isinstance(value, FunctionType):
        yield from _function(value, walk)
    elif isinstance(value, type):
        yield from _class(value, walk)
    elif (wrapped := _wrapped(value)) is not None:
        yield from _all(wrapped, walk)
    elif (array := _array(value)) is not None:
        yield repr((array.dtype, array.shape))
        data = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
        yield hashlib.sha256(data).hexdigest()
    else:
        yield from _object(value, walk)


def _all(values: Iterable[Any], walk: _Walk) -> Iterator[str]:
    for each in values:
        yield from _parts(each, walk)
    yield "end"


def _array(value: Any) -> np.ndarray | None:
    """Return the numbers of an array, a tensor or a frame; None if it has none that NumPy can read."""
    if not hasattr(value, "__array__"):
        return None
    try:
        return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _wrapped(value: Any) -> list[Any] | None:
    """Return the parts of a method, a `partial`, a property or a decorated function; None for others."""
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, staticmethod | classmethod):
        return [value.__func__]
    if isinstance(value, cached_property):
        return [value.func]
    wrapped = getattr(value, "__wrapped__", None)
    return [wrapped] if callable(wrapped) else None


def _function(function: FunctionType, walk: _Walk) -> Iterator[str]:
    yield function.__qualname__
    if (module := _module_of(function)) != walk.home:
        yield from _other_module(module)
        return
    code = function.__code__
    yield _code(code)
    yield from _all([function.__defaults__, function.__kwdefaults__], walk)
    for module in _imported(code):
        yield from _other_module(module)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield name
        try:
            yield from _parts(cell.cell_contents, walk)
        except ValueError:  # a variable that has no value yet
            yield "empty"
    for name in dict.fromkeys(_names(code)):
        if name in function.__globals__:
            yield name
            yield from _parts(function.__globals__[name], walk)


def _class(kind: type, walk: _Walk) -> Iterator[str]:
    yield kind.__qualname__
    if kind.__module__ != walk.home:
        yield from _other_module(kind.__module__)
        return
    yield from _all(kind.__bases__, walk)
    for name, value in vars(kind).items():
        if name not in UNCOUNTED:
            yield name
            yield from _parts(value, walk)


def _object(value: Any, walk: _Walk) -> Iterator[str]:
    """Yield what identifies any other object: its attributes if its class is the user's own."""
    module = type(value).__module__
    if module == walk.home or isinstance(value, SimpleNamespace) or user_source(module):
        yield from _parts(type(value), walk)
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        yield from _parts({name: getattr(value, name, None) for name in slots}, walk)
        yield from _parts(dict(getattr(value, "__dict__", {})), walk)
    elif " at 0x" not in (text := repr(value)):  # else it differs between processes
        yield text


def _module_of(value: Any) -> str:
    """Return the module of a function or a class, or that of the class of anything else."""
    return getattr(value, "__module__", None) or type(value).__module__


def _other_module(name: str) -> Iterator[str]:
    """Yield the name of a module, and a digest of its source if it is the user's own."""
    yield name
    yield user_source(name)


def _imported(code: CodeType) -> Iterator[str]:
    """Yield the modules that a function imports itself."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imported(constant)


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


def versions_of(function: Callable[..., Any]) -> dict[str, str]:
    """Return the versions of the packages that the function's module has imported by name."""
    plain: Any = function.__func__ if isinstance(function, MethodType) else function
    globals_ = getattr(plain, "__globals__", None) or getattr(
        sys.modules.get(_module_of(plain)), "__dict__", {}
    )
    tops = {value.__name__.partition(".")[0] for value in globals_.values() if isinstance(value, ModuleType)}
    versions = {top: getattr(sys.modules.get(top), "__version__", None) for top in sorted(tops)}
    return {top: version for top, version in versions.items() if isinstance(version, str)}
