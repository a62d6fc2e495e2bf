"""A training step of a PyTorch model as plain data: the graph of its forward pass and its loss.

Nothing here needs PyTorch or JAX, so a graph travels through the pipe of the training process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of an earlier node or input, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class DType:
    """A type of numbers by the name that PyTorch and NumPy share, such as `float32`."""

    name: str


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: `name = operation(*arguments, **keywords)`.

    `operation` is ATen's name without its namespace, with the overload unless it is the default: `relu`,
    `add.Tensor`. Arguments are numbers, texts, `Ref`, `DType`, None, or lists of them. `place` is the line of
    the user's model that calls it.
    """

    name: str
    operation: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    place: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A pure function (parameters, buffers, inputs, target, key) -> (loss, outputs, new buffers).

    `parameters` and `buffers` map the names of the graph's inputs to the names in `named_parameters` and
    `named_buffers`; those of the loss begin with `loss:`. `batch` has the inputs of the model and then the
    target, `None` where the graph does not use one. `outputs` has the structure of the model's own outputs: a
    `Ref`, or tuples, lists and dicts of them. `mutated` maps a buffer to its next value.
    """

    parameters: Mapping[str, str]
    buffers: Mapping[str, str]
    constants: Mapping[str, np.ndarray]
    batch: tuple[str, ...]
    nodes: tuple[Node, ...]
    loss: Ref
    outputs: Any
    mutated: Mapping[str, Ref]


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """What trains a PyTorch model: its graphs in training and in evaluation mode, and its parameters.

    `parameters` are the names of those that are trained. `frozen` are those with `requires_grad=False` and
    those that the loss does not depend on: no optimizer touches them. A shared parameter has one name, its
    first.
    """

    training: Graph
    evaluation: Graph
    parameters: tuple[str, ...]
    frozen: tuple[str, ...]
    buffers: tuple[str, ...]


def map_refs(function: Callable[[Ref | DType], Any], value: Any) -> Any:
    """Return a value with `function` applied to every `Ref` and `DType` inside it.

    >>> map_refs(lambda ref: ref.name, [Ref("x"), 2, {"y": Ref("y")}])
    ['x', 2, {'y': 'y'}]
    """
    if isinstance(value, Ref | DType):
        return function(value)
    if isinstance(value, dict):
        return {key: map_refs(function, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([map_refs(function, item) for item in value])
    return value


def first_output(outputs: Any) -> Any:
    """Return the first of a model's outputs, in the order in which it returns them: the one that is judged.

    >>> first_output({"logits": 1.0, "auxiliary": [2.0, 3.0]})
    1.0
    """
    if isinstance(outputs, Mapping | list | tuple):
        items = outputs.values() if isinstance(outputs, Mapping) else outputs
        return next((first for first in map(first_output, items) if first is not None), None)
    return outputs
