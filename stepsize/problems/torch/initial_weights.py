"""Initial weights of many seeds: those of the user's own script after `torch.manual_seed(seed)`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from stepsize.errors import ProblemError

Weights = dict[str, np.ndarray]


def initial_weights(make: Callable[[], nn.Module], seeds: Sequence[int]) -> tuple[Weights, Weights]:
    """Return the parameters and the buffers of the models of some seeds, each [seeds, ...].

    They are, bit for bit, those of `torch.manual_seed(seed); model = make()`. A shared parameter comes once.
    Random states are left as they were.

    Raises: ProblemError if the models of two seeds have different shapes.
    """
    parameters: list[Weights] = []
    buffers: list[Weights] = []
    for seed in seeds:
        with seeded(seed):
            model = make()
        parameters.append(_arrays(model.named_parameters()))
        buffers.append(_arrays(model.named_buffers()))
    return _stacked(parameters, seeds), _stacked(buffers, seeds)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed PyTorch's generator in the block, and Python's and NumPy's, from which a factory may draw, too."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            seed_generators(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def seed_generators(seed: int) -> None:
    """Seed the generators of PyTorch, Python and NumPy."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)


def loss_buffers(loss: Any) -> Weights:
    """Return the buffers of a loss, such as the weights of classes, named as in its graph."""
    if not isinstance(loss, nn.Module):
        return {}
    return {f"loss:{name}": array for name, array in _arrays(loss.named_buffers()).items()}


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array; whole numbers in the type that JAX uses, int32."""
    tensor = tensor.detach()
    array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array.astype(np.int32) if array.dtype == np.int64 else array


def _arrays(tensors: Any) -> Weights:
    return {name: array_of(tensor) for name, tensor in tensors}


def _stacked(weights: Sequence[Weights], seeds: Sequence[int]) -> Weights:
    shapes = [{name: array.shape for name, array in each.items()} for each in weights]
    for seed, shape in zip(seeds, shapes, strict=True):
        if shape != shapes[0]:
            raise ProblemError(
                f"the model of seed {seed} has other parameters or shapes than that of seed {seeds[0]}; use "
                "the same architecture for every seed"
            )
    return {name: np.stack([each[name] for each in weights]) for name in (weights[0] if weights else {})}
