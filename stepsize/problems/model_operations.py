"""The work of a model: what its forward pass computes for a row, as far as it can be told before training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from stepsize.problems.weight_count import trained_weights

WEIGHTED = ("Dense", "BatchNormalization", "LayerNormalization", "GroupNormalization", "Normalization",
            "PReLU", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D", "Conv1DTranspose",
            "Conv2DTranspose", "Conv3DTranspose")  # fmt: skip
"""Layers of Keras with weights whose work follows from the shapes of their kernel and their output."""

PER_LAYER = 2  # operations of a layer of Keras


@dataclass(frozen=True)
class Operations:
    """What a model computes for a row: multiplications, numbers that come out of operations, and operations.

    `calls` is how many operations there are to compile.
    """

    products: float
    elements: float
    calls: int


def operations_of(problem: Any) -> Operations | None:
    """Return the operations of a problem's model; None if only the training process can tell them.

    >>> from stepsize.problems.problem import problem
    >>> operations_of(problem("ionosphere")).products
    1225
    """
    if problem.torch_source is not None:
        return problem.torch_source.operations
    model = problem.model
    if isinstance(model, str):
        weights = trained_weights(problem)
        return None if weights is None else Operations(weights, 0, 0)
    return _of_keras(model)


def _of_keras(model: Any) -> Operations | None:
    layers = list(_layers(model))
    products = elements = 0
    for layer in layers:
        if layer.weights and type(layer).__name__ not in WEIGHTED and layer.trainable_weights:
            return None
        shape = getattr(getattr(layer, "output", None), "shape", None)
        if shape is None or None in shape[1:]:
            return None
        is_active = getattr(getattr(layer, "activation", None), "__name__", "linear") != "linear"
        elements += prod(shape[1:]) * (1 + is_active)
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            is_first = getattr(layer, "data_format", "channels_last") == "channels_first"
            products += prod(kernel.shape) * prod(shape[2:] if is_first else shape[1:-1])
    return Operations(products, elements, PER_LAYER * len(layers)) if layers else None


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers of a Keras model, those of models inside it in their place."""
    for layer in getattr(model, "layers", ()):
        if getattr(layer, "layers", None):
            yield from _layers(layer)
        elif type(layer).__name__ != "InputLayer":
            yield layer
