"""Errors: what is not installed is said before it is imported."""

import os
import sys
import tempfile

import pytest

from stepsize.errors import EngineError, StepsizeError, require_keras, save_traceback
from stepsize.process import Child


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
    bare.setitem(sys.modules, "torch", None)
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    with pytest.raises(StepsizeError, match="'torch' is not installed"):
        require_keras()


def test_the_default_that_keras_writes_itself_is_not_a_choice(bare, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    require_keras()
    assert os.environ["KERAS_BACKEND"] == "jax"


def test_without_a_folder_for_temporary_files(monkeypatch, tmp_path):
    """The error itself is not lost, and a training process that cannot start is one line."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert save_traceback() == "no file (No such file or directory)"
    with pytest.raises(EngineError, match=r"cannot start a training process: .*; set TMPDIR") as caught:
        Child("json")
    assert "\n" not in str(caught.value)
