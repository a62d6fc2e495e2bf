"""Targets in the form that losses and metrics take, and weights by class as Keras counts them."""

import keras
import numpy as np
import pytest
from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

from stepsize.errors import ProblemError
from stepsize.problems.data import Data, from_arrays
from stepsize.problems.target_encoding import encode, row_weights, takes_class_numbers

CLASSES = np.array([0, 2, 1, 2], np.int32)
DATA = from_arrays("toy", np.eye(4), ["no", "yes", "maybe", "yes"], "made up")


@pytest.mark.parametrize(
    ("function", "numbers"),
    [
        ("sparse_categorical_crossentropy", True),
        ("crossentropy", True),
        ("kl_divergence", False),
        (keras.losses.SparseCategoricalCrossentropy(), True),
        (keras.losses.CategoricalFocalCrossentropy(), False),
        (keras.losses.categorical_hinge, False),
        (keras.metrics.SparseTopKCategoricalAccuracy(), True),
        (keras.metrics.AUC(), False),
        (lambda y, predicted: 0, True),
    ],
)
def test_who_takes_class_numbers(function, numbers):
    assert takes_class_numbers(function) is numbers


def test_encodings():
    np.testing.assert_array_equal(encode(CLASSES, "multiclass", 3, 3, True), CLASSES)
    np.testing.assert_array_equal(encode(CLASSES, "multiclass", 3, 3, False).argmax(axis=1), CLASSES)
    assert encode(CLASSES, "regression", 0, 1, False).shape == (4, 1)


def test_class_weights_count_as_in_keras():
    weights = {0: 0.5, 2: 3}
    expected = class_weight_to_sample_weights(DATA.y, weights)
    np.testing.assert_array_equal(row_weights(DATA, weights), expected)
    np.testing.assert_array_equal(row_weights(DATA, {"yes": 3, "maybe": 0.5}), expected)
    assert row_weights(DATA, None) is None


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"yess": 1}, "did you mean 'yes'"),
        ({3: 1}, "unknown class"),
        ({"yes": -1}, "of at least 0"),
        ({"yes": np.nan}, "finite"),
        ({"yes": True}, "finite"),
    ],
)
def test_class_weights_that_are_refused(weights, words):
    with pytest.raises(ProblemError, match=words):
        row_weights(DATA, weights)


def test_class_weights_need_classes_and_no_other_weights():
    quantities = Data("q", DATA.x, np.eye(4, 1, dtype=np.float32), (), "made up", "regression")
    with pytest.raises(ProblemError, match="needs one class per row"):
        row_weights(quantities, {0: 1.0})
    weighted = Data(**{**vars(DATA), "weights": np.ones(4)})
    np.testing.assert_array_equal(row_weights(weighted, None), np.ones(4))
    with pytest.raises(ProblemError, match="cannot be combined"):
        row_weights(weighted, {0: 1.0})
