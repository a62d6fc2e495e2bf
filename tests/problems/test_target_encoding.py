"""Targets in the form that losses and metrics take, and weights by class as Keras counts them."""

import keras
import numpy as np
import pytest
from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

from stepsize.errors import ProblemError
from stepsize.problems.data import Data, from_arrays
from stepsize.problems.loading.catalog import load
from stepsize.problems.target_encoding import encode, row_weights, takes_class_numbers
from tests.support.user_models import one_hot_mse

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


def test_functions_of_the_users_own_get_the_form_of_the_users_targets():
    for own in (one_hot_mse, keras.metrics.MeanMetricWrapper(one_hot_mse)):
        assert takes_class_numbers(own)
        assert not takes_class_numbers(own, one_hot=True)
    assert takes_class_numbers(keras.losses.SparseCategoricalCrossentropy(), one_hot=True)
    assert load((np.eye(6), np.eye(3)[[0, 1, 2, 0, 1, 2]])).one_hot
    assert not load((np.eye(6), [0, 1, 2, 0, 1, 2])).one_hot


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


NUMBERED = from_arrays("numbered", np.eye(4), [1, 2, 3, 3], "made up")


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({1: 0.4, 2: 2.5, 3: 5}, [0.4, 2.5, 5, 5]),  # names
        ({0: 0.4, 1: 2.5, 2: 5}, [0.4, 2.5, 5, 5]),  # positions, as dict(enumerate(...)) numbers them
        ({np.int64(2): np.float32(2.5)}, [1, 2.5, 1, 1]),
        ({"0": 0.5, "1": 1, "2": 1}, [0.5, 1, 1, 1]),  # a study file has texts
        ({3.0: 2}, [1, 1, 2, 2]),
        ("balanced", [4 / 3, 4 / 3, 2 / 3, 2 / 3]),
    ],
)
def test_keys_of_class_weights_are_all_names_or_all_positions(weights, expected):
    np.testing.assert_array_equal(row_weights(NUMBERED, weights), np.float32(expected))


def test_truth_values_are_names():
    data = from_arrays("toy", np.eye(4), [False, True, True, True], "made up")
    assert row_weights(data, {False: 1.0, True: 5.0}).tolist() == [1, 5, 5, 5]


@pytest.mark.parametrize("weights", [{0: 1.0, 1: 2.0}, {0: 1.0, 3: 2.0}, {1: 1.0, "2": 1.0, "rare": 2.0}])
def test_names_and_positions_are_not_mixed(weights):
    with pytest.raises(ProblemError, match="must all be names, or all be numbers"):
        row_weights(NUMBERED, weights)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("even", "must be 'balanced' or map classes"),
        ({}, "must be 'balanced' or map classes"),
        ({1: 0, 2: 0, 3: 0}, "every training row has the weight 0"),
        ({"yess": 1}, "unknown class in class_weight 'yess'"),
        ({4: 1}, "unknown class"),
        ({"3": -1}, "of at least 0"),
        ({"3": np.nan}, "finite"),
        ({"3": True}, "finite"),
    ],
)
def test_class_weights_that_are_refused(weights, words):
    with pytest.raises(ProblemError, match=words):
        row_weights(NUMBERED, weights)


def test_weights_of_0_alone_are_refused():
    for weights, part in (([0, 0, 0, 0], None), ([0, 0, 1, 1], ["train", "train", "valid", "valid"])):
        data = Data(**{**vars(DATA), "weights": np.array(weights), "part": part and np.array(part)})
        with pytest.raises(ProblemError, match="every training row has the weight 0"):
            row_weights(data, None)


def test_class_weights_need_classes_and_no_other_weights():
    quantities = Data("q", DATA.x, np.eye(4, 1, dtype=np.float32), (), "made up", "regression")
    with pytest.raises(ProblemError, match="needs one class per row"):
        row_weights(quantities, {0: 1.0})
    weighted = Data(**{**vars(DATA), "weights": np.ones(4)})
    np.testing.assert_array_equal(row_weights(weighted, None), np.ones(4))
    with pytest.raises(ProblemError, match="cannot be combined"):
        row_weights(weighted, {0: 1.0})
