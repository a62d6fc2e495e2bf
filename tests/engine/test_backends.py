"""The same notebook cell gives the same answer whatever Keras runs on in the caller's process."""

import keras
import pytest

from tests.support import backend_cell


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_the_same_cell_on_every_backend(backend, engine, keras_processes):
    """The model travels as its config: the caller's Keras may run on PyTorch, and its weights stay."""
    pytest.importorskip(backend)
    assert keras.backend.backend() == "jax"
    name, answers = keras_processes.call(backend, "backend_cell", "answers_here")
    assert name == backend
    assert answers == backend_cell.answers(engine)
