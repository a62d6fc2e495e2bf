"""Initial weights for many seeds at once, from the initialisers of one Keras model.

Building a Keras model takes about 20 ms, too long to build one for each of a thousand seeds. The
initialiser of every variable is recorded while one model is built, and called again, compiled, per seed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import jax

from stepsize.problems.models.kept_weights import Initialisers


def is_generator_state(variable: Any) -> bool:
    """Return whether the variable is the state of a random generator, such as dropout's, not a weight."""
    return variable.name == "seed_generator_state"


def starter(
    model: Any, initialisers: Initialisers, kept: frozenset[int]
) -> Callable[[jax.Array], list[jax.Array]]:
    """Return the function seed -> initial values of the trainable variables, and then of the others.

    Variable i of seed s draws from the JAX key `fold_in(key(s), i)`, so all candidates of a seed share
    weights and dropout masks. Variables whose ids are in `kept`, such as frozen ones, keep their value.
    """
    variables = [*model.trainable_variables, *model.non_trainable_variables]

    def value(variable: Any, key: jax.Array) -> jax.Array:
        data = jax.random.key_data(key)
        if is_generator_state(variable):
            return data.at[1].set(0).astype(variable.dtype)
        initialiser = initialisers.get(id(variable))
        if initialiser is None or id(variable) in kept:
            return variable.value
        if hasattr(initialiser, "seed"):
            initialiser = copy.copy(initialiser)
            initialiser.seed = data
        return initialiser(variable.shape, dtype=variable.dtype)

    def start(seed: jax.Array) -> list[jax.Array]:
        key = jax.random.key(seed)
        return [value(variable, jax.random.fold_in(key, i)) for i, variable in enumerate(variables)]

    return start
