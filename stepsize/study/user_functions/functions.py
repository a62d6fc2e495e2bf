"""User functions: imported by path, and sent to another process."""

from __future__ import annotations

import inspect
import pickle
import sys
from collections.abc import Callable
from typing import Any

from stepsize.errors import ProblemError, first_line, require, save_traceback, unknown
from stepsize.user_modules import import_user_module

Function = Callable[..., Any]


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
    return pickled(function, f"function {name!r}")


def pickled(value: Any, what: str) -> bytes:
    """Return a value that holds code of the user in a form for another process; `what` names it in errors."""
    require("train", "cloudpickle")
    import cloudpickle

    try:
        return cloudpickle.dumps(value)
    except (pickle.PicklingError, TypeError) as error:
        raise ProblemError(
            f"{what} cannot be sent to another process: {error}; create inside the function what cannot be "
            "sent, such as open files"
        ) from None


def unpack(packed: str | bytes) -> Function:
    """Return the function that `pack` packed, in the other process."""
    return find_function(packed) if isinstance(packed, str) else pickle.loads(packed)


def takes_checkpoint(function: Function) -> bool:
    """Return whether a training function has a parameter `checkpoint`, without a default or with None.

    >>> takes_checkpoint(lambda schedule, seed, report, checkpoint: None)
    True
    >>> takes_checkpoint(lambda schedule, seed, report, checkpoint="resnet.pt": None)
    False
    """
    parameter = inspect.signature(function).parameters.get("checkpoint")
    return parameter is not None and parameter.default in (None, parameter.empty)
