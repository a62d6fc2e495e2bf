"""JAX's random bits, computed in one pass on a CPU.

On a CPU, JAX computes the rounds of Threefry-2x32 in a loop, which compiles quickly but passes through
memory five times: dropout then takes a sixth of an update of the Fashion-MNIST network. Unrolled, the rounds
are one fused pass, with the same bits.

Source: Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3 (2011).
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.extend.random import threefry2x32_p
from jax.interpreters import mlir

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def threefry2x32(key1: Array, key2: Array, count1: Array, count2: Array) -> tuple[Array, Array]:
    """Return the random bits of a two-word counter under a two-word key, all uint32, after twenty rounds.

    >>> zero = jnp.zeros(1, jnp.uint32)
    >>> [f"{int(word[0]):08x}" for word in threefry2x32(zero, zero, zero, zero)]
    ['6b200159', '99ba4efe']
    """
    keys = (key1, key2, key1 ^ key2 ^ jnp.uint32(PARITY))
    left, right = count1 + key1, count2 + key2
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            left = left + right
            right = (right << rotation) | (right >> (32 - rotation))
            right = right ^ left
        left = left + keys[(group + 1) % 3]
        right = right + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return left, right


def use() -> None:
    """Make JAX compute its random bits this way in all CPU programs of this process."""
    mlir.register_lowering(
        threefry2x32_p, mlir.lower_fun(threefry2x32, multiple_results=True), platform="cpu"
    )
