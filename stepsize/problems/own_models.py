"""A model of the user's own as the setting of a candidate: a text that a store can hold, and the object."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from stepsize.errors import ProblemError, first_line
from stepsize.problems.models.model_transport import identity, importable_path, travel_form
from stepsize.problems.torch.factories import is_torch_model


class OwnModel(str):
    """The name of a model, such as `Net-1a2b3c`, with the `model` itself or the path of its file."""

    model: Any

    def __new__(cls, name: str, model: Any) -> OwnModel:
        """Return the name of `model`."""
        named = super().__new__(cls, name)
        named.model = model
        return named


def model_setting(model: Any) -> Any:
    """Return a model as the setting of a candidate: the path of a function, or a name with the model itself.

    Models that are built alike have the same name, in every process, and so have equal files. Other text
    stays as it is.

    Raises: ProblemError for a function that makes no model.

    >>> model_setting("mlp(64)")
    'mlp(64)'
    """
    if isinstance(model, str) and model.endswith(".keras") and Path(model).is_file():
        return OwnModel(f"{Path(model).stem}-{_digest(Path(model).read_bytes())}", model)
    if not callable(model):
        return model
    is_factory = inspect.isroutine(model) or inspect.isclass(model)
    path = importable_path(model) if is_factory else None
    if path is not None:
        return path
    built: Any = _made_by(model) if is_factory else model
    if is_torch_model(built):
        shapes = {name: list(value.shape) for name, value in built.state_dict().items()}
        return OwnModel(_name(type(built).__name__, [repr(built), shapes]), model)
    form = travel_form(built, outputs=0)
    return OwnModel(_name(re.sub(r"_\d+$", "", built.name), identity(form)), built)


def with_objects(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a candidate with its model, or the path of a file, in place of a name."""
    return {key: value.model if isinstance(value, OwnModel) else value for key, value in settings.items()}


def _made_by(factory: Any) -> Any:
    """Return the model that a function or class makes, which draws nothing from PyTorch's generator."""
    torch = sys.modules.get("torch")
    try:
        with nullcontext() if torch is None else torch.random.fork_rng(devices=[]):
            model = factory()
    except Exception as error:  # a user's function may raise anything
        raise ProblemError(
            f"model {factory.__name__!r} cannot be called without arguments: {type(error).__name__}: "
            f"{first_line(error)}; pass a function such as lambda: {factory.__name__}(...)"
        ) from error
    return model


def _name(kind: str, identity: Any) -> str:
    return f"{kind}-{_digest(json.dumps(identity, sort_keys=True, default=str).encode())}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:6]
