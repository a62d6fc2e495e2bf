"""What a model and its loss keep in Python from one batch to the next: counters, modes, caches.

No graph has it. The state is plain data, by owner and name, so that two of them can be compared.
"""

from __future__ import annotations

import hashlib
import random
import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from stepsize.problems.torch.training_module import Training
from stepsize.user_modules import PACKAGES, STANDARD

PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device)
CONTENTS = ("_parameters", "_buffers", "_modules")  # attributes of a module
OURS = str(Path(__file__).parents[2])

State = dict[tuple[str, str], list[Any]]


def state_of(training: Training) -> State:
    """Return the attributes of all modules and of the loss, and the variables outside that their code names.

    Parameters count with their values, buffers with what they are: a graph has what a pass makes of their
    values.
    """
    seen: dict[int, Any] = {}  # alive, so that no other object gets an id
    for each in (*training.modules(), *training.parameters(), *training.buffers()):
        seen[id(each)] = each
    state: State = {("the model", "torch.is_grad_enabled()"): [torch.is_grad_enabled()]}

    def add(owner: str, named: Iterable[tuple[str, Any]]) -> None:
        for name, value in named:
            state.setdefault((owner, name), []).append(value)

    for path, module in training.named_modules():
        owner = owner_of(path, module)
        for name, value in vars(module).items():
            if isinstance(value, FunctionType):
                add(owner, _variables(value, seen))
            elif name not in CONTENTS and not (module is training and name == "loss"):
                add(owner, [(repr(name), _plain(value, seen))])
        for name, parameter in module._parameters.items():
            if parameter is not None:
                add(owner, [(repr(name), (parameter.requires_grad, _numbers(parameter)))])
        for name, buffer in module._buffers.items():
            add(owner, [(f"what its buffer {name!r} is", None if buffer is None else _form(buffer))])
        add(owner, [("its modules", [(name, type(each)) for name, each in module._modules.items()])])
        add(owner, _class_state(type(module), seen))
    if not isinstance(training.loss, nn.Module):
        owner = f"the loss ({getattr(training.loss, '__name__', type(training.loss).__name__)})"
        add(owner, _callable_state(training.loss, seen))
    return state


def differing(state: State, other: State) -> Iterator[tuple[str, str]]:
    """Yield the owners and names of what differs between two states."""
    for key in {**state, **other}:
        if key not in state or key not in other or state[key] != other[key]:
            yield key


def owner_of(path: str, module: nn.Module) -> str:
    """Return what to call a module of a model and its loss."""
    if not path.partition(".")[2]:
        return f"the {path or 'model'} ({type(module).__name__})"
    part, _, name = path.partition(".")
    return f"module {name!r} of the loss" if part == "loss" else f"module {name!r} ({type(module).__name__})"


def _class_state(kind: type, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what a user's class and its bases keep themselves, and what the code of their methods names."""
    for each in kind.__mro__:
        if not _is_users(each.__module__) or id(each) in seen:
            continue
        seen[id(each)] = each
        for name, value in list(vars(each).items()):
            if isinstance(value, FunctionType):
                yield from _variables(value, seen)
            elif not name.startswith("__") and not hasattr(value, "__get__"):
                yield f"{name!r} of its class", _plain(value, seen)


def _callable_state(value: Any, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, FunctionType):
        yield from _variables(value, seen)
    elif isinstance(value, partial):
        yield from _callable_state(value.func, seen)
        yield "its arguments", _plain([value.args, value.keywords], seen)
    elif isinstance(value, MethodType):
        yield from _callable_state(value.__func__, seen)
        yield from _callable_state(value.__self__, seen)
    elif _is_users(type(value).__module__):
        yield from ((repr(name), _plain(each, seen)) for name, each in _attributes(value).items())
        yield from _class_state(type(value), seen)


def _variables(function: FunctionType, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the variables outside a user's function that its code names, its defaults and its attributes."""
    if not _is_users(function.__module__) or id(function) in seen:
        return
    seen[id(function)] = function
    yield "its default values", _plain([function.__defaults__, function.__kwdefaults__], seen)
    yield from ((f"its attribute {name!r}", _plain(value, seen)) for name, value in vars(function).items())
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # a variable that has no value yet
            yield from _variable(name, cell.cell_contents, seen)
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield from _variable(name, function.__globals__[name], seen)


def _variable(name: str, value: Any, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, FunctionType):
        yield from _variables(value, seen)
    else:
        yield f"the variable {name!r}", _plain(value, seen)


def _plain(value: Any, seen: dict[int, Any]) -> Any:
    """Return a value as plain data.

    What was seen before, or is neither data nor the user's own, is its type.
    """
    if isinstance(value, PLAIN):
        return type(value).__name__, repr(value)
    if id(value) in seen:
        return type(value).__name__
    if isinstance(value, FunctionType):
        return list(_variables(value, seen))
    if isinstance(value, type):
        return list(_class_state(value, seen))
    seen[id(value)] = value
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        return _numbers(value)
    if isinstance(value, Mapping):
        return [(str(key), _plain(item, seen)) for key, item in list(value.items())]
    if isinstance(value, list | tuple | deque):
        return [_plain(item, seen) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, ModuleType):
        kinds = (*PLAIN, list, dict, set)
        attributes = dict(vars(value)) if _is_users(value.__name__) else {}
        return [(name, _plain(each, seen)) for name, each in attributes.items() if isinstance(each, kinds)]
    if (position := _position(value)) is not None:
        return position
    if isinstance(value, partial | MethodType):
        return list(_callable_state(value, seen))
    if isinstance(value, nn.Module | SimpleNamespace) or _is_users(type(value).__module__):
        attributes = [(name, _plain(each, seen)) for name, each in _attributes(value).items()]
        return [*attributes, *_class_state(type(value), seen)]
    return type(value).__name__


def _position(value: Any) -> Any:
    """Return where a generator of random numbers, or an iterator, stands; None for anything else."""
    if isinstance(value, random.Random):
        return repr(value.getstate())
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return repr(value.get_state())
    if isinstance(value, count):
        return repr(value)
    if not hasattr(value, "__next__"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return repr(value.__reduce__())
    except TypeError:
        return object()  # which equals no other: nobody can tell


def _attributes(value: Any) -> dict[str, Any]:
    slots = [name for kind in type(value).__mro__ for name in _names(getattr(kind, "__slots__", ()))]
    kept = {name: getattr(value, name) for name in slots if name != "__dict__" and hasattr(value, name)}
    return {**kept, **getattr(value, "__dict__", {})}


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _numbers(value: Any) -> Any:
    """Return the type, the shape and a digest of the numbers of a tensor or an array."""
    if isinstance(value, torch.Tensor):
        try:
            array = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        except RuntimeError:  # a sparse tensor, or one without numbers
            return repr(value)
    else:
        array = np.asarray(value)
    if array.dtype.hasobject:
        return repr(array.tolist())
    return str(value.dtype), tuple(value.shape), hashlib.sha256(array.tobytes()).hexdigest()


def _form(tensor: torch.Tensor) -> Any:
    return str(tensor.dtype), tuple(tensor.shape), tensor.requires_grad


def _is_users(name: str) -> bool:
    """Return whether a module is neither Python's own nor installed nor a part of this package."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return name == "__main__"
    folders = Path(file).parts
    return not file.startswith((*STANDARD, OURS)) and not set(PACKAGES) & set(folders)
