"""Errors: what is not installed is said before it is imported."""

import os
import sys

import pytest

from stepsize.errors import StepsizeError, require_keras


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Make it look as if Keras were installed without TensorFlow, and nobody had chosen a backend."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")
    return monkeypatch


def test_without_tensorflow_keras_runs_on_jax(bare):
    require_keras()
    assert os.environ["KERAS_BACKEND"] == "jax"


def test_without_jax_too_keras_runs_on_pytorch(bare):
    pytest.importorskip("torch")
    bare.setitem(sys.modules, "jax", None)
    require_keras()
    assert os.environ["KERAS_BACKEND"] == "torch"


def test_a_backend_that_was_chosen_is_not_replaced(bare, tmp_path):
    bare.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(StepsizeError, match=r"backend 'tensorflow' is not installed.*KERAS_BACKEND=jax"):
        require_keras()
    bare.setenv("KERAS_BACKEND", "")
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    require_keras()
    assert os.environ["KERAS_BACKEND"] == ""
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    with pytest.raises(StepsizeError, match="'tensorflow' is not installed"):
        require_keras()
