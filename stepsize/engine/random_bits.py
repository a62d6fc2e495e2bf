"""JAX's random bits, computed in one pass on a CPU where there are many of them.

On a CPU, JAX computes the rounds of Threefry-2x32 in a loop, which compiles quickly but passes through
memory five times: dropout then takes a sixth of an update of the Fashion-MNIST network. Unrolled, the rounds
are one fused pass, with the same bits. Few bits stay in a loop: XLA would fuse the pass into the work of
every member that uses them, and draw the same dropout mask again for each.

Source: Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3 (2011).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.random import threefry2x32_p
from jax.interpreters import mlir

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
MANY = 6000  # pairs of words, from which one pass is faster


def threefry2x32(key1: Array, key2: Array, count1: Array, count2: Array) -> tuple[Array, Array]:
    """Return the random bits of a two-word counter under a two-word key, all uint32, after twenty rounds.

    >>> zero = jnp.zeros(1, jnp.uint32)
    >>> [f"{int(word[0]):08x}" for word in threefry2x32(zero, zero, zero, zero)]
    ['6b200159', '99ba4efe']
    """
    keys = (key1, key2, key1 ^ key2 ^ jnp.uint32(PARITY))
    words = count1 + key1, count2 + key2
    if count1.size >= MANY:
        for number in range(5):
            words = _rounds(
                words, ROTATIONS[number % 2], (keys[(number + 1) % 3], keys[(number + 2) % 3]), number
            )
        return words
    rotations, shifted = jnp.uint32(ROTATIONS), jnp.stack(jnp.broadcast_arrays(*keys))

    def body(number: Array, words: tuple[Array, Array]) -> tuple[Array, Array]:
        added = shifted[(number + 1) % 3], shifted[(number + 2) % 3]
        return _rounds(words, rotations[number % 2], added, number)

    return lax.fori_loop(0, 5, body, words)


def drawn_once(bits: Array, key: Array) -> Array:
    """Return the random bits of a key, which XLA then computes once.

    Otherwise it computes them again in each operation that uses them, and a dropout mask is used forward and
    backward. What enters a branch is computed before it, and XLA does not see which branch is taken.
    """
    always = (jax.random.key_data(key).ravel()[0] | 1) != 0
    return lax.cond(always, lambda same: same, jnp.zeros_like, bits)


def _rounds(
    words: tuple[Array, Array], rotations: Any, keys: tuple[Array, Array], number: Any
) -> tuple[Array, Array]:
    """Return the words after four rounds and the addition of two keys."""
    left, right = words
    for rotation in rotations:
        left = left + right
        right = (right << rotation) | (right >> (32 - rotation))
        right = right ^ left
    return left + keys[0], right + keys[1] + (jnp.uint32(1) + jnp.asarray(number).astype(jnp.uint32))


def use() -> None:
    """Make JAX compute its random bits this way in all CPU programs of this process."""
    mlir.register_lowering(
        threefry2x32_p, mlir.lower_fun(threefry2x32, multiple_results=True), platform="cpu"
    )
