"""One training in PyTorch's own loop, and the same training in JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch

from stepsize.engine.torch.interpreter import run
from stepsize.engine.torch.optimizers import start, update
from stepsize.problems.torch.export import training_graph
from stepsize.problems.torch.graph import Graph
from stepsize.problems.torch.initial_weights import initial_weights, loss_buffers
from stepsize.problems.torch.optimizer_groups import Optimizer
from stepsize.problems.torch.optimizer_settings import read_optimizer
from tests.engine.torch.models import CASES, ROWS, Case

SEED = 3
Batches = Sequence[tuple[torch.Tensor, ...]]


class Trained(NamedTuple):
    """The losses of all updates, and the weights and buffers after the last."""

    losses: np.ndarray
    weights: dict[str, np.ndarray]
    buffers: dict[str, np.ndarray]


@cache
def graph_of(name: str) -> Graph:
    """Return the graph of a case in training mode; all of its parameters are trained."""
    case = CASES[name]
    ((*inputs, target),) = batches(case, 1)
    return training_graph(case.model(), case.loss, inputs, target)


def batches(case: Case, updates: int) -> Batches:
    torch.manual_seed(1)
    return [(*case.inputs(ROWS), case.targets(ROWS)) for _ in range(updates)]


def in_torch(
    case: Case, make: Callable[..., torch.optim.Optimizer], drawn: Batches, seed: int = SEED
) -> Trained:
    torch.manual_seed(seed)
    model = case.model()
    optimizer, losses = make(model.parameters()), []
    for *inputs, target in drawn:
        optimizer.zero_grad()
        loss = case.loss(model(*inputs), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    weights = {name: p.detach().numpy() for name, p in model.named_parameters()}
    return Trained(np.array(losses), weights, {name: b.numpy() for name, b in model.named_buffers()})


@cache
def gradients_of(name: str) -> Any:
    """Return the compiled loss, buffers and gradients of a case."""

    def loss(weights: Any, buffers: Any, batch: Any, key: Any) -> Any:
        value, _, after = run(graph_of(name), weights, buffers, batch, key)
        return value, after

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


def in_jax(name: str, make: Callable[..., torch.optim.Optimizer], drawn: Batches, lr: float) -> Trained:
    case = CASES[name]
    weights, buffers = first_of(*initial_weights(case.model, [SEED]))
    buffers |= {key: jnp.asarray(value) for key, value in loss_buffers(case.loss).items()}
    optimizer = read_optimizer(make, case.model(), weights)
    slots, losses, advance = start(optimizer, weights), [], jax.jit(partial(update, optimizer))
    for count, batch in enumerate(drawn):
        numbers = [jnp.asarray(tensor.numpy()) for tensor in batch]
        (loss, buffers), gradients = gradients_of(name)(weights, buffers, numbers, jax.random.key(0))
        weights, slots = advance(weights, gradients, slots, jnp.int32(count), driven(optimizer, lr))
        losses.append(float(loss))
    return Trained(np.array(losses), as_arrays(weights), as_arrays(buffers))


def driven(optimizer: Optimizer, lr: float) -> list[dict[str, Any]]:
    return [{"lr": jnp.float32(lr)} for _ in optimizer.groups]


def first_of(*weights: dict[str, np.ndarray]) -> tuple[dict[str, Any], ...]:
    return tuple({name: jnp.asarray(array[0]) for name, array in each.items()} for each in weights)


def as_arrays(values: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in values.items()}
