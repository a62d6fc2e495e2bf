"""What an object holds that it lacks once it is rebuilt from its config.

A config is what `get_config()` of its class returns. It may leave out an argument, as it does for some of
Keras' own losses, and never has what was set later.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError

SKIPPED = {"self", "name", "_name", "seed", "_init_seed", "_seed", "dtype", "_dtype_policy", "trainable"}
NUMBERS = (bool, int, float, complex, np.generic, np.ndarray)
PLAIN = (*NUMBERS, str, bytes, type(None), list, tuple, set, frozenset, Mapping)


class Difference(NamedTuple):
    """An attribute of an object (`owner`) that has another value once the object is rebuilt."""

    owner: Any
    attribute: str
    value: Any
    rebuilt: Any


def differences(one: Any, other: Any, seen: set[int] | None = None) -> Iterator[Difference]:
    """Yield the attributes of an object, and of the objects in it, that differ from those of the other.

    Weights, layers inside, names and seeds are left out, and so is what only one of the two has.
    """
    seen = set() if seen is None else seen
    if id(one) in seen:
        return
    seen.add(id(one))
    for name in _attributes(one):
        try:
            value, rebuilt = getattr(one, name), getattr(other, name)
        except Exception:  # a property of the user's own may raise anything
            continue
        yield from compared(one, name, value, rebuilt, seen)


def compared(owner: Any, name: str, value: Any, rebuilt: Any, seen: set[int]) -> Iterator[Difference]:
    """Yield where an attribute of `owner` differs from what it is once it is rebuilt."""
    if value is rebuilt or not _is_known(value) or not _is_known(rebuilt):
        return
    difference = Difference(owner, name, value, rebuilt)
    if _is_sequence(value) and _is_sequence(rebuilt) and len(value) == len(rebuilt):
        for item, other in zip(value, rebuilt, strict=True):
            yield from compared(owner, name, item, other, seen)
    elif isinstance(value, Mapping) and isinstance(rebuilt, Mapping) and {*value} == {*rebuilt}:
        for key in value:
            yield from compared(owner, f"{name}[{key!r}]", value[key], rebuilt[key], seen)
    elif isinstance(value, FunctionType) and isinstance(rebuilt, FunctionType):
        if value.__code__ != rebuilt.__code__:
            yield difference
        for cell, other in zip(_bound(value), _bound(rebuilt), strict=False):
            yield from compared(owner, name, cell, other, seen)
    elif isinstance(value, PLAIN) or isinstance(rebuilt, PLAIN) or type(value) is not type(rebuilt):
        if not _is_equal(value, rebuilt):
            yield difference
    else:
        yield from differences(value, rebuilt, seen)


def refusal(what: str, difference: Difference, way_out: str) -> ProblemError:
    """Return the error that `what` is not the same when it is rebuilt."""
    owner, name, value, rebuilt = difference
    kind = type(owner).__name__
    label = f"{kind} ({owner.name!r})" if isinstance(getattr(owner, "name", None), str) else kind
    own = "" if is_keras(owner) else f"add it to get_config() and __init__ of {kind}, or "
    return ProblemError(
        f"{what} is rebuilt from its config in the training process, and the config of {label} lacks {name}: "
        f"it is {_shown(value)}, and {_shown(rebuilt)} when rebuilt; {own}{way_out}"
    )


def is_keras(thing: Any) -> bool:
    """Return whether the class of an object is one of Keras."""
    return type(thing).__module__.split(".")[0] == "keras"


def is_plain(value: Any) -> bool:
    """Return whether a value is text, a number, None, or a container of these."""
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    if _is_sequence(value):
        return all(map(is_plain, value))
    return isinstance(value, PLAIN)


def _attributes(thing: Any) -> list[str]:
    """Return the names of the attributes to compare: arguments for a class of Keras that has weights."""
    import keras

    if is_keras(thing) and not isinstance(thing, keras.losses.Loss | keras.metrics.Metric):
        kinds = [kind for kind in type(thing).__mro__ if kind.__module__.split(".")[0] == "keras"]
        names = {name for kind in kinds for name in inspect.signature(kind.__init__).parameters}
        return sorted(name for name in names - SKIPPED if hasattr(type(thing), name) or name in vars(thing))
    return [name for name in vars(thing) if name not in SKIPPED and name not in _bookkeeping(type(thing))]


@cache
def _bookkeeping(kind: type) -> frozenset[str]:
    """Return the attributes in which Keras keeps what it knows of any layer and model, or of any metric."""
    import keras

    if issubclass(kind, keras.metrics.Metric):
        return frozenset(vars(keras.metrics.Mean(name="mean"))) - {"reduction"}
    if not issubclass(kind, keras.layers.Layer):
        return frozenset()
    entry = keras.Input((1,), name="x")
    model = keras.Model(entry, keras.layers.Identity(name="same")(entry), name="model")
    model.compile("sgd", "mse")
    return frozenset({*vars(model), *vars(keras.Sequential(name="sequence")), "history"})


def _is_known(value: Any) -> bool:
    """Return whether values of this kind are compared: not layers, weights, tensors or anything else."""
    import keras

    if isinstance(value, (*PLAIN, FunctionType)):
        return True
    if isinstance(value, type | keras.layers.Layer | keras.optimizers.Optimizer):
        return False
    return hasattr(value, "__dict__") and (hasattr(value, "get_config") or is_dataclass(value))


def _shown(value: Any) -> str:
    text = repr(value) if is_plain(value) else getattr(value, "__name__", type(value).__name__)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _bound(function: FunctionType) -> list[Any]:
    """Return the values that a function holds: its defaults, and what it took from around it."""
    return [*(function.__defaults__ or ()), *(cell.cell_contents for cell in function.__closure__ or ())]


def _is_equal(one: Any, other: Any) -> bool:
    if isinstance(one, NUMBERS) and isinstance(other, NUMBERS):
        try:
            return np.array_equal(one, other, equal_nan=True)
        except TypeError:  # text and objects have no NaN
            return np.array_equal(one, other)
    return bool(type(one) is type(other) or isinstance(one, str)) and bool(one == other)
