"""The noise of a run's gradients: how much those of single rows differ from the mean over the training rows.

Two passes over the training rows, in independent orders and with dropout masks of their own, cut them into K
batches of b rows. With g_k, the gradient of a batch, and G, the mean of a pass,

    tr(Sigma) = b / (K - 1) sum_k |g_k - G|^2, the mean of both passes,
    |G|^2     = G_1 . G_2.

Both are unbiased, whatever b is, and also if some rows do not fill a batch: then each pass leaves out others.
A product of one pass with itself would count the noise of dropout as part of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stepsize.engine.batches import Rows, take_rows
from stepsize.engine.member import Driven, Shared, State
from stepsize.engine.population import Population
from stepsize.engine.task import NOISE_BATCHES, Block, Noise

Gradients = Callable[[Any, jax.Array], tuple[Any, Any]]
"""From what is carried along and the numbers of a batch's rows: the gradients, and what is carried on."""


class _Moments(NamedTuple):
    """Of the gradients so far: how many, their mean, and the sum of their squared distances from it."""

    batches: jax.Array
    mean: Any
    spread: jax.Array


def gradient_noise(
    population: Population,
    blocks: Sequence[Block],
    epochs: Sequence[int],
    on_run: Callable[[float], None] = lambda share: None,
) -> list[list[Noise]]:
    """Train the first run of every block alone; return the noise of its gradients after each of `epochs`.

    `epochs` are in rising order, 0 for the initial weights. After a run has diverged, the noise is NaN.
    """
    task = population.task
    data, run = jax.device_put(population.member.rows()), jax.jit(_run(population))
    size = max(min(task.batch_size, task.train_rows // NOISE_BATCHES), 1)
    found = []
    for number, block in enumerate(blocks, 1):
        passes = [passes_over(block.order[0], size, (int(block.seed), epoch)) for epoch in epochs]
        noises = run(data, _alone(block), np.array(epochs, np.int32), np.stack(passes))
        found.append([Noise(float(trace), float(square)) for trace, square in zip(*noises, strict=True)])
        on_run(number / len(blocks))
    return found


def passes_over(rows: np.ndarray, size: int, seed: Sequence[int]) -> np.ndarray:
    """Return two passes over rows in independent orders, cut into batches [2, batches, size].

    >>> passes_over(np.arange(5), 2, (0,)).shape
    (2, 2, 2)
    """
    count = len(rows) // size
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(np.sort(rows))[: count * size] for _ in range(2)]
    return np.stack(orders).reshape(2, count, size)


def noise_of(gradients: Gradients, carried: Any, passes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return tr(Sigma) and |G|^2 from the gradients of two passes [2, batches, size]."""
    _, batches, size = passes.shape
    like = jax.eval_shape(gradients, carried, jax.ShapeDtypeStruct((size,), jnp.int32))[0]
    nothing = _Moments(jnp.float32(0), jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), like), jnp.float32(0))

    def add(state: tuple[Any, _Moments], rows: jax.Array) -> tuple[tuple[Any, _Moments], None]:
        carried, (count, mean, spread) = state
        gradient, carried = gradients(carried, rows)
        away = jax.tree.map(jnp.subtract, gradient, mean)
        mean = jax.tree.map(lambda old, step: old + step / (count + 1), mean, away)
        spread += _dot(away, jax.tree.map(jnp.subtract, gradient, mean))
        return (carried, _Moments(count + 1, mean, spread)), None

    def one_pass(carried: Any, rows: jax.Array) -> tuple[Any, _Moments]:
        (carried, moments), _ = jax.lax.scan(add, (carried, nothing), rows)
        return carried, moments

    _, both = jax.lax.scan(one_pass, carried, passes)
    first, second = (jax.tree.map(lambda leaf, i=i: leaf[i], both.mean) for i in range(2))
    return size * both.spread.mean() / (batches - 1), _dot(first, second)


def _alone(block: Block) -> Block:
    """Return a block without all runs but the first: what runs have for themselves loses its first axis."""
    own = (block.rates, block.rules, block.momenta, dict(block.settings), dict(block.multipliers))
    rates, rules, momenta, settings, multipliers = jax.tree.map(lambda leaf: leaf[0], own)
    return block._replace(
        rates=rates, rules=rules, momenta=momenta, settings=settings, multipliers=multipliers
    )


def _run(population: Population) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Return a run, from its start to the last of the epochs, that measures its gradients after each."""

    def run(data: Rows, block: Block, epochs: jax.Array, passes: jax.Array) -> Any:
        advance = _trainer(population, data, block)

        def moment(carried: Any, feed: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
            (state, shared), done = carried
            epoch, batches = feed
            state, shared = jax.lax.fori_loop(done, epoch, advance, (state, shared))

            def gradients(shared: Shared, rows: jax.Array) -> tuple[Any, Shared]:
                return population.gradients(state, shared, take_rows(data, block, rows))

            noise = noise_of(gradients, shared, batches)
            lost = state.diverged_at >= 0
            return ((state, shared), epoch), jax.tree.map(lambda each: jnp.where(lost, jnp.nan, each), noise)

        start = population.member.start(block.seed, block.initial, block.rules)
        return jax.lax.scan(moment, (start, jnp.int32(0)), (epochs, passes))[1]

    return run


def _trainer(population: Population, data: Rows, block: Block) -> Callable[..., tuple[State, Shared]]:
    """Return the training of one run for an epoch, which is given by its number."""
    size, rows = population.task.batch_size, population.task.train_rows
    whole = rows - rows % size
    tables = jax.tree.map(lambda table: table.reshape(len(block.order), -1), (block.rates, block.momenta))

    def step(carried: tuple[State, Shared], feed: tuple[jax.Array, Any, Any]) -> Any:
        state, shared = carried
        numbers, rate, momentum = feed
        driven = Driven(rate, momentum, block.settings, block.multipliers)
        (state, _), shared = population.update((state, driven), shared, take_rows(data, block, numbers))
        return (state, shared), None

    def epoch(number: jax.Array, carried: tuple[State, Shared]) -> tuple[State, Shared]:
        order, *values = jax.tree.map(lambda table: table[number], (block.order, *tables))
        full = jax.tree.map(lambda table: table[: whole // size], values)
        carried, _ = jax.lax.scan(step, carried, (order[:whole].reshape(-1, size), *full))
        if whole < rows:
            last = jax.tree.map(lambda table: table[-1], values)
            carried, _ = step(carried, (order[whole:], *last))
        return carried

    return epoch


def _dot(a: Any, b: Any) -> jax.Array:
    """Return the scalar product of two trees of arrays."""
    return sum((x * y).sum() for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))  # type: ignore
