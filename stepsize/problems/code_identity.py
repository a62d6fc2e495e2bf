"""What identifies a user's function: its code, and everything of the user's own that it uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

from stepsize.problems.code_objects import code_text, imported_modules, module_of, names
from stepsize.problems.object_state import (
    LIVE,
    LONG,
    NoState,
    attributes,
    bytes_digest,
    is_of_keras,
    is_random,
    numbers,
    state,
)
from stepsize.user_modules import user_source

PLAIN = (int, float, complex, str, bytes, bool, type(None))
UNCOUNTED = (  # attributes of a class that do not affect what it does, or differ between processes
    "__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__",
    "__abstractmethods__", "_abc_impl", "__annotations__", "__annotate_func__", "__annotations_cache__",
    "__pydantic_core_schema__", "__pydantic_serializer__", "__pydantic_validator__",
)  # fmt: skip
DEEPEST = 100  # levels of objects inside objects that are followed


def code_digest(value: Any, home: str | None = None) -> str:
    """Return sixteen hexadecimal digits that change with a function's code and with what it uses.

    The value may be any other object, too. From its own module, or the one called `home`, these are the
    functions, classes, objects and constants that it names, and those that they name in turn; from other
    modules of the user, the whole modules. Objects of libraries count with their state. Arguments of a
    `partial` and the object of a method are included; files that the function reads and installed packages
    are not, nor what `unidentified` names.
    """
    return _walked(value, home)[0]


def identity_notes(values: Iterable[Any]) -> list[str]:
    """Return a note about what the values use and `code_digest` cannot identify, such as a generator.

    >>> numbers = (2 * each for each in range(3))
    >>> identity_notes([lambda: numbers])[0][:66]
    "'numbers' (generator) is not part of what identifies the study; gi"
    """
    unidentified = list(dict.fromkeys(text for value in values for text in _walked(value, None)[1]))
    if not unidentified:
        return []
    is_one = len(unidentified) == 1
    return [
        f"{', '.join(unidentified)} {'is' if is_one else 'are'} not part of what identifies the study; "
        f"give the study another name if you change {'it' if is_one else 'them'}"
    ]


def _walked(value: Any, home: str | None) -> tuple[str, list[str]]:
    target = value.func if isinstance(value, partial) else value
    walk = _Walk(home or module_of(target))
    text = repr(list(_parts(value, walk)))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16], list(walk.unidentified)


class _Walk:
    """The module whose code is followed, the objects seen so far, and how deep the walk is.

    `name` is the variable that is followed. `in_library` is whether the walk is inside an object of a
    library, which is identified as a whole or not at all.
    """

    def __init__(self, home: str) -> None:
        self.home, self.depth, self.name, self.in_library = home, 0, "", False
        self.seen: dict[int, tuple[int, Any]] = {}
        self.unidentified: dict[str, None] = {}
        self.source = cache(user_source)

    def forget(self, count: int) -> None:
        """Forget all objects but the first `count`."""
        while len(self.seen) > count:
            self.seen.popitem()

    def note(self, value: Any) -> None:
        """Note that a value is not identified."""
        if type(value).__module__ not in LIVE:
            kind = type(value).__name__
            self.unidentified[f"{self.name!r} ({kind})" if self.name else f"a {kind}"] = None


def _parts(value: Any, walk: _Walk) -> Iterator[str]:
    """Yield texts that together identify a value."""
    if isinstance(value, bytes | bytearray) and len(value) > LONG:
        yield bytes_digest(value)
        return
    if isinstance(value, PLAIN):
        yield repr(value)
        return
    if id(value) in walk.seen:
        yield f"as {walk.seen[id(value)][0]}"
        return
    if walk.depth > DEEPEST:
        walk.note(value)
        return
    walk.seen[id(value)] = len(walk.seen), value  # kept alive, so that no other object gets its id
    walk.depth += 1
    yield type(value).__name__
    yield from _inside(value, walk)
    walk.depth -= 1


def _inside(value: Any, walk: _Walk) -> Iterator[str]:
    if type(value) in (dict, MappingProxyType):
        yield from _all([each for item in value.items() for each in item], walk)
    elif type(value) in (list, tuple):
        yield from _all(value, walk)
    elif type(value) in (set, frozenset):
        yield from _unordered(value, walk)
    elif isinstance(value, ModuleType):
        yield from _other_module(value.__name__, walk)
    elif isinstance(value, FunctionType):
        yield from _function(value, walk)
    elif isinstance(value, type):
        yield from _class(value, walk)
    elif isinstance(value, CodeType):
        yield code_text(value)
    elif (wrapped := _wrapped(value)) is not None:
        yield from _all(wrapped, walk)
    else:
        yield from _object(value, walk)


def _all(values: Iterable[Any], walk: _Walk) -> Iterator[str]:
    values = list(values)
    if all(type(each) in PLAIN for each in values):  # quickly: there may be millions
        yield repr(values)
        return
    for each in values:
        yield from _parts(each, walk)
    yield "end"


def _unordered(values: Iterable[Any], walk: _Walk) -> Iterator[str]:
    """Yield texts for a set, whose order differs between processes: each value as if it were the first."""
    count, texts = len(walk.seen), []
    for each in values:
        texts.append(repr(list(_parts(each, walk))))
        walk.forget(count)
    yield repr(sorted(texts))


def _wrapped(value: Any) -> list[Any] | None:
    """Return the parts of a method, a `partial`, a property or a decorated function; None for others."""
    if isinstance(value, MethodType | BuiltinFunctionType):
        owner, name = value.__self__, value.__name__
        named = value.__func__ if isinstance(value, MethodType) else name
        return [named, None if is_random(owner) else owner]
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
    compiled = getattr(function, "_torchdynamo_orig_callable", None)
    if compiled is not None:
        yield from _parts(compiled, walk)
        return
    code, is_home = function.__code__, (module := module_of(function)) == walk.home
    if is_home:
        yield code_text(code)
    else:
        yield from _other_module(module, walk)
        if "<locals>" not in function.__qualname__:
            return
    yield from _all([function.__defaults__, function.__kwdefaults__], walk)
    for module in imported_modules(code) if is_home else ():
        yield from _other_module(module, walk)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield name
        try:
            held = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            yield "empty"
            continue
        yield from _variable(name, held, walk)
    for name in dict.fromkeys(names(code)) if is_home else ():
        if name in function.__globals__:
            yield name
            yield from _variable(name, function.__globals__[name], walk)


def _variable(name: str, value: Any, walk: _Walk) -> Iterator[str]:
    before, walk.name = walk.name, name
    yield from _parts(value, walk)
    walk.name = before


def _class(kind: type, walk: _Walk) -> Iterator[str]:
    yield kind.__qualname__
    if kind.__module__ != walk.home:
        yield from _other_module(kind.__module__, walk)
        return
    yield from _all(kind.__bases__, walk)
    for name, value in vars(kind).items():
        if name not in UNCOUNTED:
            yield name
            known = dict(walk.unidentified)
            yield from _parts(value, walk)
            if name.startswith("__") and not callable(value):  # what a library made of the class
                walk.unidentified = known


def _object(value: Any, walk: _Walk) -> Iterator[str]:
    """Yield what identifies any other object: its attributes if its class is the user's own, or its state."""
    if is_random(value):
        walk.note(value)
        return
    outside, texts = walk.in_library, list[str]()
    count, depth, name = len(walk.seen), walk.depth, walk.name
    try:
        if (found := numbers(value)) is not None:
            texts += _all(found, walk)
        elif _is_own(value, walk) and not is_of_keras(value):
            walk.in_library = False
            texts += _own(value, walk)
        else:
            walk.in_library = True
            texts += [*_parts(type(value), walk), *_parts(state(value), walk)]
    except NoState:
        if outside:
            raise
        walk.forget(count)
        walk.depth, walk.name, texts = depth, name, []
        walk.note(value)
    finally:
        walk.in_library = outside
    yield from texts


def _is_own(value: Any, walk: _Walk) -> bool:
    module = type(value).__module__
    return module == walk.home or isinstance(value, SimpleNamespace) or bool(walk.source(module))


def _own(value: Any, walk: _Walk) -> Iterator[str]:
    """Yield the class and the attributes of an object, and what it holds as a kind of list or dict."""
    kind = type(value)
    yield from _parts(kind, walk)
    if isinstance(value, dict):
        yield from _all([each for item in value.items() for each in item], walk)
    elif isinstance(value, list | tuple):
        yield from _all(value, walk)
    elif isinstance(value, set | frozenset):
        yield from _unordered(value, walk)
    slots = [name for each in kind.__mro__ for name in _slots(each)]
    yield from _parts({name: getattr(value, name, None) for name in slots}, walk)
    yield from _parts(attributes(getattr(value, "__dict__", {}), kind), walk)


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _other_module(name: str, walk: _Walk) -> Iterator[str]:
    """Yield the name of a module, and a digest of its source if it is the user's own."""
    yield name
    yield walk.source(name)
