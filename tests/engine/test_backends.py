"""The same notebook cell gives the same answer whatever Keras runs on in the caller's process."""

import os
import subprocess
import sys

import pytest

CELL = """
import keras, stepsize as ss
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")])
model.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy())
before = [weight.copy() for weight in model.get_weights()]
problem = ss.Problem(model=model, data="iris", epochs=2)
result = ss.compare(problem, ["constant(0.01)", "cosine(0.01)"], seeds=3, store=":memory:", quiet=True)
assert all((a == b).all() for a, b in zip(before, model.get_weights()))
print("answer", keras.backend.backend(), [candidate["scores"] for candidate in result.answer["candidates"]])
"""


@pytest.mark.slow
def test_the_same_cell_on_every_backend():
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
