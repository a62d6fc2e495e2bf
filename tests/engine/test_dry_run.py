"""Which models train one run after another, and the reason that the cost line gives."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from stepsize.engine.dry_run import reason_for_series
from stepsize.engine.population import Population
from stepsize.engine.task import Task
from stepsize.problems.models.model_transport import travel_form

SERIES = (6, 4)


def attention() -> keras.Model:
    words = keras.Input(SERIES)
    return keras.Model(words, layers.MultiHeadAttention(2, 2)(words, words))


LAYERS: dict[str, tuple[Any, tuple[int, ...], str | None]] = {
    "dense": (lambda: layers.Dense(5), (4,), None),
    "dense on each step": (lambda: layers.Dense(5), SERIES, None),
    "normalised": (layers.BatchNormalization, (4,), None),
    "convolution": (lambda: layers.Conv1D(3, 3), SERIES, "convolutions"),
    "embedding": (lambda: layers.Embedding(9, 3), (6,), "look-ups"),
    "attention": (attention, SERIES, "attention"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_of_keras(name: str) -> None:
    make, row, reason = LAYERS[name]
    model = keras.Sequential([keras.Input(row), make(), layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.ones((12, *row), np.float32), np.arange(12) % 3
    task = Task(travel_form(model, 3), {}, x, y, "multiclass", 3, 3, train_rows=8, batch_size=4, epochs=1)
    assert reason_for_series(Population(task)) == reason
