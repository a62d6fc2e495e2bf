"""The weights of a model that no seed draws afresh, because its own `fit` would start from them too.

These are the weights of frozen layers, what `adapt` learnt from data, weights that a layer makes without an
initialiser of Keras, those that a layer of the user's own does not train and that were set by hand, and
pretrained layers in front of a fresh head. They are found by their place in the model: the number of the
layer, and of the weight in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from stepsize.errors import ProblemError

Initialisers = dict[int, Any]
"""Initialisers by the `id` of the variable."""

Place = tuple[int, int]
"""The number of a layer, and of a weight in it."""

NAMED = 5  # layers that a note lists
FIXED = ("Zeros", "Ones", "Constant")  # initialisers that always give the same value
DRAWN = {
    **dict.fromkeys(
        ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose",
         "Conv3DTranspose", "LSTMCell", "GRUCell", "SimpleRNNCell"),
        ("kernel", "kernel_initializer"),
    ),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), ("kernel", "depthwise_initializer")),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), ("pointwise_kernel", "pointwise_initializer")),
    "Embedding": ("embeddings", "embeddings_initializer"),
}  # fmt: skip # a weight that is drawn, and its initialiser, by the name of the layer's class
STARTS = {
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "LayerNormalization": ("gamma", "beta"),
    "EinsumDense": ("bias",),
}  # other weights, which start from fixed values


@contextmanager
def recorded_initialisers(*, draw: bool = True) -> Iterator[Initialisers]:
    """Record the initialiser of every variable that layers create inside the block, by the variable's id.

    A function, or a class of the user's own without a seed, is left out: it cannot be called again for
    another seed. Without `draw` the variables are 0, so that no program is compiled to draw values that
    nobody reads.
    """
    import keras

    initialisers: Initialisers = {}
    original = keras.layers.Layer.add_weight

    def add_weight(layer: Any, *args: Any, **kwargs: Any) -> Any:
        argument = kwargs.get("initializer") or (args[1] if len(args) > 1 else None)
        if not draw:
            args, kwargs = args[:1], {**kwargs, "initializer": _zeros}
        variable = original(layer, *args, **kwargs)
        default = "glorot_uniform" if "float" in str(variable.dtype) else "zeros"
        initialiser = keras.initializers.get(argument or default)
        if hasattr(initialiser, "seed") or _is_keras(type(initialiser)):
            initialisers[id(variable)] = initialiser
        return variable

    keras.layers.Layer.add_weight = cast(Any, add_weight)
    try:
        yield initialisers
    finally:
        keras.layers.Layer.add_weight = original


def _zeros(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.zeros(shape, dtype)


def kept_places(model: Any, twin: Any = None, initialisers: Initialisers | None = None) -> list[Place]:
    """Return the places of the weights of a model that no seed draws afresh.

    `initialisers` are those of `twin`, the same model built again (by default, of the model itself). Without
    them, only frozen and adapted weights are found, which are all if every layer is one of Keras.
    """
    twin = twin or model
    trained = {id(variable) for variable in model.trainable_variables}
    fresh = not is_trained(model)
    pretrained = {id(layer) for layer in pretrained_layers(model)} if fresh else set()
    return [
        (i, k)
        for i, (layer, other) in enumerate(zip(layers_of(model), layers_of(twin), strict=False))
        for k, (weight, origin) in enumerate(zip(weights_of(layer), weights_of(other), strict=False))
        if _is_fixed(layer, k, id(weight) in trained)
        or id(layer) in pretrained
        or (initialisers is not None and id(origin) not in initialisers)
        or (initialisers and fresh and _is_set_by_hand(layer, k, weight, initialisers[id(origin)]))
    ]


def kept_values(model: Any, places: Sequence[Place]) -> list[list[Any]]:
    """Return for each place its layer, weight and value, and whether it is frozen, as plain data."""
    trained = {id(variable) for variable in model.trainable_variables}
    kept = []
    for i, k in places:
        layer = layers_of(model)[i]
        weight = weights_of(layer)[k]
        frozen = k < len(layer._trainable_variables) and id(weight) not in trained
        kept.append([i, k, _values(weight), frozen])
    return kept


def restore(model: Any, kept: Sequence[Sequence[Any]]) -> None:
    """Set the kept values in a model that was rebuilt, and freeze what was frozen.

    Raises: ProblemError if the rebuilt model has other layers or weights.
    """
    layers = layers_of(model)
    for i, k, value, frozen in kept:
        weights = weights_of(layers[i]) if i < len(layers) else []
        if k >= len(weights) or tuple(weights[k].shape) != value.shape:
            raise ProblemError(
                f"the model has other weights when it is rebuilt from its config (a weight of shape "
                f"{value.shape} is missing); pass a factory package.module:function"
            )
        weights[k].assign(value)
        if frozen:
            weights[k].trainable = False
    finalize(model)


def finalize(model: Any) -> None:
    """Make layers with `adapt` compute with the weights that were just set.

    Those without weights, such as `Discretization`, have what they learnt in their config.
    """
    for layer in layers_of(model):
        if hasattr(layer, "finalize_state") and weights_of(layer):
            layer.finalize_state()


def kept_variables(model: Any, initialisers: Initialisers) -> frozenset[int]:
    """Return the ids of the variables that no seed draws afresh, in a model that has its values."""
    layers = layers_of(model)
    return frozenset(id(weights_of(layers[i])[k]) for i, k in kept_places(model, None, initialisers))


def is_trained(model: Any) -> bool:
    """Return whether the model's optimizer has made updates."""
    optimizer = getattr(model, "optimizer", None)
    return optimizer is not None and int(optimizer.iterations) > 0


def has_loaded_weights(model: Any) -> bool:
    """Return whether a model was trained, or has other weights than were drawn in all layers that show it.

    If only some layers have, they are pretrained, and no seed draws them.
    """
    known = [is_set(layer) for layer in layers_of(model)]
    return is_trained(model) or (True in known and False not in known)


def model_notes(model: Any, kept: Sequence[Sequence[Any]]) -> list[str]:
    """Return notes on the weights that the runs of a compiled model start from."""
    notes = []
    layers = layers_of(model)
    changed = [] if pretrained_layers(model) else [layer.name for layer in layers if is_set(layer)]
    if is_trained(model):
        notes.append(
            "it has been trained, but every seed starts from fresh weights; from_weights=True starts from "
            "those that it has"
        )
    elif changed:
        notes.append(
            f"the weights of {_listed(changed)} are not those that the initialiser draws, but every seed "
            "starts from fresh ones; from_weights=True, or freezing the layer, keeps them"
        )
    if kept:
        names = dict.fromkeys(layers[i].name for i, *_ in kept)
        notes.append(
            f"every seed starts from the weights that it has in {_listed(list(names))}, which are frozen, "
            "pretrained, adapted, set by hand or drawn by the layer itself; the others are drawn afresh"
        )
    return notes


def has_custom_layers(model: Any) -> bool:
    """Return whether a layer of the model, or its own class, is not part of Keras."""
    return any(not _is_keras(type(layer)) for layer in layers_of(model))


def layers_of(model: Any) -> list[Any]:
    """Return the model and all its layers, in an order that survives rebuilding it."""
    return [layer for layer in model._flatten_layers() if type(layer).__name__ != "InputLayer"]


def weights_of(layer: Any) -> list[Any]:
    """Return the weights of a layer itself, those that it made trainable first."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def _is_fixed(layer: Any, weight: int, trains: bool) -> bool:
    """Return whether a weight is frozen, or learnt by `adapt`."""
    if weight < len(layer._trainable_variables):
        return not trains
    return hasattr(layer, "adapt") or not layer.trainable


def _is_set_by_hand(layer: Any, weight: int, variable: Any, initialiser: Any) -> bool:
    """Return whether a weight that the user's own layer does not train differs from its initial value."""
    if weight < len(layer._trainable_variables) or _is_keras(type(layer)):
        return False
    if type(initialiser).__name__ not in FIXED:
        return False
    return not _equals(variable, initialiser(variable.shape, dtype=variable.dtype))


def pretrained_layers(model: Any) -> list[Any]:
    """Return the trainable layers whose weights were set, if others still have what was drawn for them.

    None are returned if all were set: then the model as a whole was trained before.
    """
    layers = [layer for layer in layers_of(model) if layer.trainable]
    known = [is_set(layer) for layer in layers]
    if all(each is not False for each in known):
        return []
    return [layer for layer, each in zip(layers, known, strict=True) if each or _has_moved(layer)]


def is_set(layer: Any) -> bool | None:
    """Return whether a layer of Keras has other weights than were drawn for it; None if that is not known."""
    if not _is_keras(type(layer)) or not layer.built or not layer.trainable:
        return None
    weight, initialiser = (getattr(layer, name, None) for name in DRAWN.get(type(layer).__name__, ("", "")))
    if weight is None or not isinstance(getattr(initialiser, "seed", None), int):
        return None
    return not _equals(weight, cast(Any, initialiser)(weight.shape, dtype=weight.dtype))


def _has_moved(layer: Any) -> bool:
    """Return whether weights of a layer of Keras differ from the fixed values that they start from."""
    names = STARTS.get(type(layer).__name__, ()) if _is_keras(type(layer)) and layer.built else ()
    weights = ((getattr(layer, name, None), getattr(layer, f"{name}_initializer")) for name in names)
    return any(
        weight is not None and not _equals(weight, initialiser(weight.shape, dtype=weight.dtype))
        for weight, initialiser in weights
    )


def _equals(one: Any, other: Any) -> bool:
    return bool((_values(one) == _values(other)).all())


def _values(tensor: Any) -> np.ndarray:
    """Return a tensor of any backend of Keras as an array."""
    import keras

    return np.asarray(cast(Any, keras.ops.convert_to_numpy(tensor)))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:NAMED]))
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more layers"


def _is_keras(kind: type) -> bool:
    return kind.__module__.split(".")[0] == "keras"
