"""A kind of model in Keras, by `fit` on JAX: `python models_keras.py KIND FIRST_SEED RUNS`."""

from __future__ import annotations

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
sys.modules["tensorflow"] = None  # type: ignore[assignment]  # Keras loads it if it can; it is loud

import keras  # noqa: E402
from keras import layers  # noqa: E402
from model_kinds import CLASSES, KINDS, VOCABULARY, parts  # noqa: E402


def body(name: str) -> list[keras.Layer]:
    """Return the layers of a kind but the last, which has a unit for each class."""
    match name:
        case "MLP, 34 wide":
            return [layers.Dense(34, "relu")]
        case "MLP, 512 wide":
            return [layers.Dense(512, "relu"), layers.Dropout(0.2)]
        case "convolutional, 28 x 28 x 1":
            first = [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(2)]
            return [*first, layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
        case "convolutional, 32 x 32 x 3":
            pair = [layers.Conv2D(32, 3, padding="same", activation="relu") for _ in range(2)]
            return [*pair, layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(64, "relu")]
        case "residual, 16 x 16 x 16":
            return [residual(), residual(), layers.GlobalAveragePooling2D()]
        case "recurrent":
            return [layers.LSTM(32)]
        case "attention":
            return [encoder(), layers.GlobalAveragePooling1D()]
        case "embedding":
            return [layers.Embedding(VOCABULARY, 16), layers.GlobalAveragePooling1D()]
        case _:
            raise ValueError(name)


def residual() -> keras.Model:
    """Return a residual block of two convolutions."""
    images = keras.Input((16, 16, 16))
    hidden = layers.Conv2D(16, 3, padding="same", use_bias=False)(images)
    hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    hidden = layers.Conv2D(16, 3, padding="same", use_bias=False)(hidden)
    return keras.Model(images, layers.ReLU()(layers.Add()([images, layers.BatchNormalization()(hidden)])))


def encoder() -> keras.Model:
    """Return a transformer's encoder layer, normalised after each part."""
    words = keras.Input((32, 32))
    hidden = layers.Add()([words, layers.MultiHeadAttention(4, 8)(words, words)])
    hidden = layers.LayerNormalization(epsilon=1e-5)(hidden)
    wide = layers.Dense(32)(layers.Dense(64, "relu")(hidden))
    return keras.Model(words, layers.LayerNormalization(epsilon=1e-5)(layers.Add()([hidden, wide])))


def model(name: str) -> keras.Model:
    """Return the compiled model of a kind."""
    dtype = "int32" if name == "embedding" else "float32"
    end = layers.Dense(CLASSES, "softmax")
    network = keras.Sequential([keras.Input(KINDS[name].shape, dtype=dtype), *body(name), end])
    optimizer = keras.optimizers.SGD(KINDS[name].rate, momentum=0.9)
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def main() -> None:
    from data import tell
    from keras_fit import fit

    name, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    kind, rows, runs = KINDS[name], parts(name), []
    for seed in range(first, first + count):
        keras.utils.set_random_seed(seed)
        runs.append(fit(model(name), rows, kind.epochs, kind.batch))
    tell("Keras on JAX, fit", kind.epochs, runs)


if __name__ == "__main__":
    main()
