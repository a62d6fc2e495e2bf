"""Rows with features of very different frequencies, as words have in a text; and a model for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from stepsize.problems.data import Data, from_arrays

NAME = "rare-features"
ROWS, FEATURES = 2000, 100
COMMON = 50  # the features in front, which are in 5 % of the rows or more
WEIGHT = 3.0  # of a feature in the logarithm of the odds, with either sign


def rare_features() -> Data:
    """Return rows of 0 and 1, drawn once and for all: from a feature in half of them to one in 1 of 200.

    Every feature says as much about the class of a row that has it, whether it is common or rare.

    >>> rare_features().x.sum(axis=0)[[0, 49, 99]].tolist()
    [1006.0, 97.0, 10.0]
    """
    draw = np.random.default_rng(0).random
    frequencies = np.geomspace(0.5, 0.005, FEATURES)
    x = draw((ROWS, FEATURES)) < frequencies
    weights = WEIGHT * (-1.0) ** np.arange(FEATURES)
    odds = np.exp((x - frequencies) @ weights)
    labels = np.where(draw(ROWS) < odds / (1 + odds), "yes", "no")
    return from_arrays(NAME, x, labels, "drawn by stepsize", prepare=False)


def grouped_logistic() -> Any:
    """Return a logistic regression whose features are in two layers, `common` and `rare`."""
    import keras

    row: Any = keras.Input((FEATURES,))
    common = keras.layers.Dense(1, kernel_initializer="zeros", name="common")(row[:, :COMMON])
    rare = keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False, name="rare")(row[:, COMMON:])
    model = keras.Model(row, keras.layers.Activation("sigmoid")(common + rare))
    model.compile("sgd", "binary_crossentropy")
    return model
