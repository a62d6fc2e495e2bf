"""The lesson's network by `fit` of Keras on JAX, a model a seed, each of which compiles its own programs."""

from __future__ import annotations

import sys

from data import Run, ionosphere, tell
from keras_fit import fit, keras

EPOCHS = 50
rows = ionosphere()


def run(seed: int) -> Run:
    """Train one network."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((34,)),
            keras.layers.Dense(34, kernel_initializer="random_normal", activation="relu"),
            keras.layers.Dense(1, kernel_initializer="random_normal", activation="sigmoid"),
        ]
    )
    rate = keras.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=1, decay_rate=0.002)
    model.compile(keras.optimizers.SGD(rate, momentum=0.8), "binary_crossentropy", metrics=["accuracy"])  # pyright: ignore[reportArgumentType]
    return fit(model, rows, EPOCHS, 28)


first, count = int(sys.argv[1]), int(sys.argv[2])
run(first)  # warms up
runs = [run(seed) for seed in range(first, first + count)]
tell("Keras on JAX, fit", EPOCHS, runs)
