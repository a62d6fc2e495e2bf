"""Initial weights for many seeds at once, from the initialisers of one Keras model.

Building a Keras model takes about 20 ms, too long to build one for each of a thousand seeds. The
initialiser of every variable is recorded while one model is built, and called again, compiled, per seed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import jax
import keras

Initialisers = dict[int, Any]


@contextmanager
def recorded_initialisers() -> Iterator[Initialisers]:
    """Record the initialiser of every variable that layers create inside the block, by the variable's id."""
    initialisers: Initialisers = {}
    original = keras.layers.Layer.add_weight

    def add_weight(layer: Any, *args: Any, **kwargs: Any) -> Any:
        variable = original(layer, *args, **kwargs)
        argument = kwargs.get("initializer") or (args[1] if len(args) > 1 else None)
        default = "glorot_uniform" if "float" in str(variable.dtype) else "zeros"
        initialisers[id(variable)] = keras.initializers.get(argument or default)
        return variable

    keras.layers.Layer.add_weight = cast(Any, add_weight)
    try:
        yield initialisers
    finally:
        keras.layers.Layer.add_weight = original


def is_generator_state(variable: Any) -> bool:
    """Return whether the variable is the state of a random generator, such as dropout's, not a weight."""
    return variable.name == "seed_generator_state"


def starter(variables: list[Any], initialisers: Initialisers) -> Callable[[jax.Array], list[jax.Array]]:
    """Return the function seed -> initial values of `variables`, in their order.

    Variable i of seed s draws from the JAX key `fold_in(key(s), i)`, so all candidates of a seed share
    weights and dropout masks. Variables without a recorded initialiser keep their current value.
    """

    def value(variable: Any, key: jax.Array) -> jax.Array:
        data = jax.random.key_data(key)
        if is_generator_state(variable):
            return data.at[1].set(0).astype(variable.dtype)
        initialiser = initialisers.get(id(variable))
        if initialiser is None:
            return variable.value
        if hasattr(initialiser, "seed"):
            initialiser = copy.copy(initialiser)
            initialiser.seed = data
        return initialiser(variable.shape, dtype=variable.dtype)

    def start(seed: jax.Array) -> list[jax.Array]:
        key = jax.random.key(seed)
        return [value(variable, jax.random.fold_in(key, i)) for i, variable in enumerate(variables)]

    return start
