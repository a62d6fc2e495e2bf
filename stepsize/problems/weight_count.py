"""How many weights a model trains, as far as the caller's process can tell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

from stepsize.problems.models.text_models import parse_model


def trained_weights(problem: Any) -> int | None:
    """Return the trained weights of the model of a `Problem`; None if only its process can count them.

    >>> from stepsize.problems.problem import problem
    >>> trained_weights(problem("iris", model="logistic"))
    15
    """
    if problem.torch_source is not None:
        return sum(prod(array.shape) for array in problem.torch_source.model.weights.values())
    model = problem.model
    if isinstance(model, str):
        return _weights_of_text(model, problem) if "(" in model or ":" not in model else None
    sizes: Sequence[Any] = getattr(model, "trainable_variables", ())
    return sum(prod(each.shape) for each in sizes) or None


def _weights_of_text(text: str, problem: Any) -> int | None:
    if text.endswith(".keras"):
        return None
    name, widths, _ = parse_model(text)
    inputs = list(problem.data.inputs.values())
    if name == "convnet" or len(inputs) != 1:
        return None
    sizes = [prod(inputs[0].shape[1:]), *widths, problem.data.outputs]
    return sum((first + 1) * second for first, second in pairwise(sizes))
