"""Configs of Keras objects: TensorFlow is not imported for them, and is there afterwards for who needs it."""

import sys

import keras
import pytest
from keras.src.utils import module_utils

from stepsize.problems.keras_configs import tensorflow_left_out
from stepsize.problems.metrics import metric_of
from stepsize.problems.models.model_transport import travel_form


@pytest.fixture
def not_imported(monkeypatch):
    """Have TensorFlow installed and not imported yet: an import is an error."""

    def fail():
        raise AssertionError("TensorFlow is imported")

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(module_utils.tensorflow, "_available", None)
    monkeypatch.setattr(module_utils.tensorflow, "initialize", fail)


@pytest.mark.usefixtures("not_imported")
def test_a_config_needs_no_tensorflow():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy())
    travel_form(model, 3)
    metric_of(keras.metrics.SparseCategoricalAccuracy(), None, "multiclass")
    assert module_utils.tensorflow._available is None
    with pytest.raises(AssertionError, match="TensorFlow is imported"):  # else Keras no longer asks for it
        keras.saving.serialize_keras_object(model)


def test_what_is_known_about_tensorflow_stays(monkeypatch):
    for known in (True, False):
        monkeypatch.setattr(module_utils.tensorflow, "_available", known)
        with tensorflow_left_out():
            assert module_utils.tensorflow._available is known
