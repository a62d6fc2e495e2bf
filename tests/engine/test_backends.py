"""The same notebook cell gives the same answer whatever Keras runs on in the caller's process."""

import os
import subprocess
import sys

import keras
import pytest

from tests.support import backend_cell


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_the_same_cell_on_every_backend(backend, engine):
    """The model travels as its config: the caller's Keras may run on PyTorch, and its weights stay."""
    pytest.importorskip(backend)
    assert keras.backend.backend() == "jax"
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, backend_cell.__file__]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("answer ")]
    assert line == f"answer {backend} {backend_cell.answers(engine)}"
