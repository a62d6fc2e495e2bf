"""Checks of a user's model and its data before anything is trained."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

import numpy as np

from stepsize.errors import ProblemError
from stepsize.number_format import rounded
from stepsize.problems.models.rebuilt_models import inputs_of

WANT_RAW = ("Normalization", "Rescaling", "Embedding", "Discretization", "IntegerLookup", "CategoryEncoding")


def check_stateless(model: Any) -> None:
    """Raise ProblemError for a recurrent layer that carries its state from one batch to the next."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) is True:
            raise ProblemError(
                f"layer {layer.name!r} is stateful: it carries its state from batch to batch, but a study "
                "shuffles the rows and trains several runs at once; build it with stateful=False"
            )


def check_no_penalties(model: Any) -> None:
    """Raise ProblemError for losses that layers add, which are of the weights and not of the rows."""
    for layer in model._flatten_layers():
        if layer is not model and layer.losses:
            raise ProblemError(
                f"loss_reduction='sum': layer {layer.name!r} adds a loss of its own, such as a regulariser, "
                "which is not a sum over rows; leave one of the two out"
            )


def check_takes_scaled(model: Any) -> None:
    """Raise ProblemError for layers that want the inputs as they are, because they are scaled already."""
    for layer in model._flatten_layers():
        if type(layer).__name__ in WANT_RAW:
            raise ProblemError(
                f"layer {layer.name!r} ({type(layer).__name__}) takes the data as they are, but their inputs "
                "are scaled before the model sees them: leave out prepare=True, or the layer"
            )


def check_ids(model: Any, inputs: Mapping[str, np.ndarray]) -> None:
    """Raise ProblemError for numbers that an `Embedding` has no entry for.

    JAX reads such an entry as NaN, or a negative one from the end, without a word.
    """
    for layer, name in embeddings_of(model, inputs):
        _check_range(layer.name, layer.input_dim, inputs[name])


def embeddings_of(model: Any, inputs: Container[str]) -> Iterator[tuple[Any, str]]:
    """Yield each `Embedding` that reads one of the inputs of a model, with the name of that input."""
    import keras

    names = {id(tensor): name for name, tensor in inputs_of(model).items()}
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Embedding):
            name = names.get(id(_input_of(layer)))
            if name is not None and ("" in inputs or name in inputs):
                yield layer, "" if "" in inputs else name


def _input_of(layer: Any) -> Any:
    """Return the tensor that a layer takes; None if it is only called inside another one."""
    try:
        return layer.input
    except (AttributeError, ValueError):
        return None


def _check_range(layer: str, entries: int, values: np.ndarray) -> None:
    outside = (values < 0) | (values >= entries)
    if outside.any():
        row = int(outside.reshape(len(values), -1).any(axis=1).argmax())
        value = rounded(values[row][outside[row]].flat[0], 15)
        raise ProblemError(
            f"row {row + 1} of the data holds {value}, but Embedding {layer!r} "
            f"has entries for 0 to {entries - 1}; make input_dim larger, or renumber the values from 0"
        )
