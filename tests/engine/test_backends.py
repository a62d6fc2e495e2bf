"""The same notebook cell gives the same answer whatever Keras runs on in the caller's process."""

import os
import subprocess
import sys

import pytest

CELL = """
import keras, stepsize as ss
from stepsize.engine.client import Engine

def plain():
    dense = [keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")]
    return keras.Sequential([keras.Input((4,)), *dense])

def with_state():
    inputs = keras.Input((4,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, "relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.Dropout(0.1)(hidden)))

def scores(model, optimizer, loss, schedules, seeds):
    model.compile(optimizer, loss)
    before = [weight.copy() for weight in model.get_weights()]
    problem = ss.Problem(model=model, data="iris", epochs=2)
    result = ss.compare(problem, schedules, seeds=seeds, store=":memory:", quiet=True, engine=engine)
    assert all((a == b).all() for a, b in zip(before, model.get_weights()))
    return [candidate["scores"] for candidate in result.answer["candidates"]]

loss, sparse = keras.losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy"
with Engine() as engine:
    answers = [
        scores(plain(), keras.optimizers.Adam(), loss, ["constant(0.01)", "cosine(0.01)"], 3),
        scores(with_state(), keras.optimizers.SGD(momentum=0.9), sparse, ["constant(0.1)"], 2),
        scores(with_state(), keras.optimizers.Adam(), sparse, ["constant(0.1)"], 2),
    ]
print("answer", keras.backend.backend(), answers)
"""


@pytest.mark.slow
def test_the_same_cell_on_every_backend():
    """The model travels as its config: the caller's Keras may run on PyTorch, and its weights stay."""
    answers = {}
    for backend in ("jax", "tensorflow", "torch"):
        pytest.importorskip(backend)
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run([sys.executable, "-c", CELL], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("answer ")]
        _, name, answers[backend] = line.split(" ", 2)
        assert name == backend
    assert len(set(answers.values())) == 1
