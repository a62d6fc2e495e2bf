"""A model from its travel form: rebuilt from its config, loaded from its file, or made by its factory."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError, first_line, save_traceback
from stepsize.problems.custom_objects import REGISTER, import_objects
from stepsize.problems.models.kept_weights import has_loaded_weights
from stepsize.problems.models.rebuilt_checks import set_arguments
from stepsize.user_modules import import_user_module


class Rebuilt(NamedTuple):
    """A model, the form of its optimizer if that was sent separately, its loss, and the loss' weights."""

    model: Any
    optimizer: list[Any] | None
    loss: Any
    loss_weights: Any


def rebuild(form: Mapping[str, Any]) -> Rebuilt:
    """Return the model of a travel form, unless that is text.

    Raises: ProblemError if it cannot be rebuilt here, with what to do.
    """
    import keras

    if "factory" in form:
        model = _from_factory(form["factory"])
        if not form.get("from_weights") and has_loaded_weights(model):
            raise ProblemError(
                f"model factory {form['factory']!r} loads, sets or trains the weights of its model, and "
                "every seed would draw fresh ones; use from_weights=True to start from its weights, or leave "
                "out what sets them"
            )
        return _compiled(model)
    with _rebuilding(form):
        if "file" in form:
            with warnings.catch_warnings(action="ignore"):  # about the optimizer's state
                return _compiled(keras.saving.load_model(form["file"], safe_mode=True))
        # a copy, because Keras modifies its argument
        model = keras.saving.deserialize_keras_object(deepcopy(form["config"]))
    loss = rebuild_loss(form)
    set_arguments(loss, form.get("loss_arguments", ()))
    return Rebuilt(model, form["optimizer"], loss, form.get("loss_weights"))


def rebuild_loss(form: Mapping[str, Any]) -> Any:
    """Return the loss of a compiled model from its travel form, as its config has it."""
    import keras

    with _rebuilding(form):
        return keras.saving.deserialize_keras_object(deepcopy(form["loss"]))


@contextmanager
def _rebuilding(form: Mapping[str, Any]) -> Iterator[None]:
    """Make the custom objects of a travel form known; raise ProblemError if Keras cannot rebuild one."""
    import keras

    try:
        with keras.saving.custom_object_scope(import_objects(form.get("custom", ()))):
            yield
    except (TypeError, ValueError, ImportError, AttributeError) as error:
        if isinstance(error, ProblemError):
            raise
        raise ProblemError(
            f"the model cannot be rebuilt: {first_line(error)[:160]}; your own layer classes need "
            f"get_config() and {REGISTER}, in a module that can be imported"
        ) from error


def call_factory(factory: Any, name: str) -> Any:
    """Call a user's function that makes a model; if it raises, write the traceback to a file."""
    try:
        model = factory()
    except Exception as error:
        raise ProblemError(
            f"model factory {name!r} raised {type(error).__name__}: {first_line(error)}; "
            f"its traceback is in {save_traceback()}"
        ) from error
    if callable(getattr(model, "named_parameters", None)):
        raise ProblemError(
            f"model factory {name!r} returns a PyTorch model, which needs a loss and an optimizer; pass "
            "loss='CrossEntropyLoss', for example, and an optimizer such as AdamW"
        )
    if not getattr(model, "compiled", False):
        raise ProblemError(f"model factory {name!r} must return a compiled Keras model")
    return model


def check_precision(model: Any) -> None:
    """Raise ProblemError for layers that do not compute in float32."""
    for layer in model._flatten_layers():
        policy = layer.dtype_policy
        if policy.compute_dtype != "float32" or policy.variable_dtype != "float32":
            raise ProblemError(
                f"layer {layer.name!r} has the dtype policy {policy.name!r}; mixed precision is not "
                "supported yet: build the model with dtype='float32'"
            )


def inputs_of(model: Any) -> Mapping[str, Any]:
    """Return the model's inputs by the names under which it takes them; none if only a call knows them."""
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, Mapping):
        return structure
    return {each.name: each for each in getattr(model, "inputs", None) or []}


def _compiled(model: Any) -> Rebuilt:
    check_precision(model)
    weights = getattr(getattr(model, "_compile_loss", None), "_user_loss_weights", None)
    return Rebuilt(model, None, model.loss, weights)


def _from_factory(path: str) -> Any:
    """Call a factory by its path, so that what it draws is the same in every process."""
    module, _, function = path.partition(":")

    def make() -> Any:
        factory = getattr(import_user_module(module), function)
        seed_generators()  # the import may have drawn numbers, but only the first time
        return factory()

    return call_factory(make, path)


def seed_generators() -> None:
    """Seed the generators from which Keras, in a new session, and most factories draw."""
    random.seed(0)
    np.random.seed(0)
