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
from stepsize.engine.numeric_settings import Number
from stepsize.engine.population import Population
from stepsize.engine.task import NOISE_BATCHES, Block, Noise
from stepsize.schedules.plateau_rule import PlateauRule

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
    task, member = population.task, population.member
    data = jax.device_put(member.rows())
    size = max(min(task.batch_size, task.train_rows // NOISE_BATCHES), 1)
    advance, measure = _trainer(population), jax.jit(_measure(population))
    found = []
    for number, block in enumerate(blocks, 1):
        own = jax.tree.map(lambda leaf: leaf[0], _own(block))
        state, shared = member.start(block.seed, block.initial, own.rules)
        alone = block._replace(**own._asdict(), initial=None)
        done, noises = 0, []
        for epoch in epochs:
            state, shared = advance(state, shared, data, alone, done, epoch)
            passes = passes_over(block.order[0], size, (int(block.seed), epoch))
            trace, square = measure(state, shared, data, alone, passes)
            lost = bool(state.diverged_at >= 0)
            noises.append(Noise(float("nan"), float("nan")) if lost else Noise(float(trace), float(square)))
            done = epoch
        found.append(noises)
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


class _Own(NamedTuple):
    """What a block has for each of its runs."""

    rates: Any
    rules: PlateauRule
    momenta: Any
    settings: dict[str, Number]
    multipliers: dict[str, Any]


def _own(block: Block) -> _Own:
    return _Own(block.rates, block.rules, block.momenta, dict(block.settings), dict(block.multipliers))


def _measure(population: Population) -> Callable[..., tuple[jax.Array, jax.Array]]:
    def measure(state: State, shared: Shared, data: Rows, block: Block, passes: jax.Array) -> Any:
        def gradients(shared: Shared, rows: jax.Array) -> tuple[Any, Shared]:
            return population.gradients(state, shared, take_rows(data, block, rows))

        return noise_of(gradients, shared, passes)

    return measure


def _trainer(population: Population) -> Callable[..., tuple[State, Shared]]:
    """Return the training of one run from an epoch to another, which compiles once for all of them."""
    size, rows = population.task.batch_size, population.task.train_rows
    whole = rows - rows % size

    def advance(
        state: State, shared: Shared, data: Rows, block: Block, first: jax.Array, last: jax.Array
    ) -> tuple[State, Shared]:
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
                last_values = jax.tree.map(lambda table: table[-1], values)
                carried, _ = step(carried, (order[whole:], *last_values))
            return carried

        tables = jax.tree.map(lambda table: table.reshape(len(block.order), -1), (block.rates, block.momenta))
        return jax.lax.fori_loop(first, last, epoch, (state, shared))

    return jax.jit(advance)


def _dot(a: Any, b: Any) -> jax.Array:
    """Return the scalar product of two trees of arrays."""
    return sum((x * y).sum() for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))  # type: ignore
