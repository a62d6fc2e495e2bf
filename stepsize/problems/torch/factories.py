"""Where the models of a study come from: a factory, a class, or a module whose copies get fresh weights."""

from __future__ import annotations

import copy
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from stepsize.errors import ProblemError, first_line, require
from stepsize.user_modules import import_user_module

RESET = ("reset_parameters", "_reset_parameters")  # the second of attention and of transformers


@dataclass(frozen=True, eq=False)
class Factory:
    """A function that makes the model of a run, the model's name, and a note on its weights.

    `code` is the function or class that the user wrote; None for a module, whose own classes say everything.
    """

    make: Callable[[], Any]
    name: str
    note: str = ""
    code: Any = None

    def __call__(self) -> Any:
        """Return a model.

        Raises: ProblemError if that fails, or if it is not an `nn.Module`.
        """
        from torch import nn

        try:
            model = self.make()
        except ProblemError:
            raise
        except Exception as error:  # a user's factory may raise anything
            raise ProblemError(
                f"model {self.name!r} cannot be called without arguments: {type(error).__name__}: "
                f"{first_line(error)}; pass a function such as lambda: {self.name}(...)"
            ) from error
        if not isinstance(model, nn.Module):
            raise ProblemError(f"model {self.name!r} must return an nn.Module, not {type(model).__name__}")
        return model


def is_torch_model(model: Any) -> bool:
    """Return whether a model is a PyTorch module or a class of them; a function may make one or not.

    On Keras' PyTorch backend, its models are modules as well, but they are Keras models.
    """
    torch = sys.modules.get("torch")
    if torch is None or hasattr(model, "get_compile_config"):
        return False
    return (
        issubclass(model, torch.nn.Module) if inspect.isclass(model) else isinstance(model, torch.nn.Module)
    )


def factory_of(model: Any, from_weights: bool = False) -> Factory:
    """Return the factory of a model: a function, a class, a module, or the path `package.module:function`.

    With `from_weights` every model is a copy of the module as it is.

    Raises: ProblemError for anything else, and for a module with weights that cannot be drawn again.
    """
    require("torch", "torch")
    from torch import nn

    if isinstance(model, str):
        model = imported("model", model)
    if from_weights and not isinstance(model, nn.Module):
        raise ProblemError(
            "from_weights=True needs a module as the model, because a factory makes its own weights; pass "
            "the module, or leave from_weights out"
        )
    if isinstance(model, nn.Module):
        from stepsize.problems.torch.model_checks import check_weights
        from stepsize.problems.torch.outside_graph import check_copied

        check_weights(model)
        check_copied(model)
        kept = copy.deepcopy(model)  # as it is now, whatever happens to it later
        name = type(model).__name__
        if from_weights:
            return Factory(partial(copy.deepcopy, kept), name)
        if names := list(unset_parameters(kept)):
            raise ProblemError(
                f"model {name}: parameter {names[0]!r} is drawn by no reset_parameters() of a layer, so no "
                "seed can have fresh weights; pass the function or the class that makes the model, or "
                "from_weights=True to start every run from its current weights"
            )
        note = (
            "every seed draws fresh weights with the reset_parameters() of its layers, except frozen ones; "
            "from_weights=True starts from the module's own weights, and a factory can draw them in another "
            "way"
        )
        return Factory(partial(fresh, kept), name, note)
    if callable(model):
        return Factory(model, getattr(model, "__name__", type(model).__name__), code=model)
    raise ProblemError(
        f"model must be an nn.Module, a class of one, a function that makes one, or its path "
        f"'package.module:function'; got {type(model).__name__}"
    )


def fresh(model: Any) -> Any:
    """Return a copy of a module with new weights, drawn layer by layer, inner layers first.

    Frozen parameters stay as they are.
    """
    model = copy.deepcopy(model)
    for module in _inner_first(model):
        frozen = [(each, each.detach().clone()) for each in module.parameters() if not each.requires_grad]
        if frozen and len(frozen) == len(list(module.parameters())):
            continue
        for name in RESET:
            if callable(getattr(module, name, None)):
                getattr(module, name)()
                break
        for parameter, value in frozen:
            parameter.data.copy_(value)
    return model


def unset_parameters(model: Any) -> Iterator[str]:
    """Yield the parameters that no `reset_parameters` of a layer draws as a whole, unless they are frozen."""
    import torch

    marked = copy.deepcopy(model)
    for parameter in marked.parameters():
        parameter.data.fill_(math.nan)
    with torch.random.fork_rng(devices=[]):
        drawn = fresh(marked)
    for name, parameter in drawn.named_parameters():
        if parameter.requires_grad and bool(parameter.isnan().any()):
            yield name


def _inner_first(module: Any) -> Iterator[Any]:
    for child in module.children():
        yield from _inner_first(child)
    yield module


def imported(argument: str, path: str) -> Any:
    """Return the object at the path `package.module:name`, which is the value of `argument`."""
    module, _, name = path.partition(":")
    if module.endswith(".py"):
        module_name = module.removesuffix(".py").replace("/", ".")
        raise ProblemError(f"{argument} {path!r} is a file; write the module as {module_name + ':' + name!r}")
    if not all(part.isidentifier() for part in [*module.split("."), name]):
        raise ProblemError(f"{argument} {path!r} is not of the form package.module:function")
    try:
        return getattr(import_user_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ProblemError(f"{argument} {path!r} cannot be imported: {first_line(error)}") from error
