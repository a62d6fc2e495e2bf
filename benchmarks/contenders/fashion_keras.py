"""The Fashion-MNIST network by `fit` of Keras on JAX, at the rate 0.01."""

from __future__ import annotations

import sys
from pathlib import Path

from data import Run, fashion, tell
from keras_fit import fit, keras

first, count, epochs, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
rows = fashion(folder)


def run(seed: int) -> Run:
    """Train one network."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return fit(model, rows, epochs, 32)


tell("Keras on JAX, fit", epochs, [run(seed) for seed in range(first, first + count)])
