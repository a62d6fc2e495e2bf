"""Models as text: read, not evaluated, with a last layer that fits the data."""

import keras
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.models.text_models import parse_model
from stepsize.problems.problem import problem
from tests.support.rebuilt_models import data_shape, rebuilt


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mpl(3)", "unknown model 'mpl'; did you mean 'mlp'?"),
        ("mlp(3, droput=0.1)", "did you mean 'dropout'?"),
        ("mlp(0)", "positive whole number"),
        ("mlp(2.5)", "positive whole number"),
        ("mlp(3, dropout=1)", "dropout=1 must be a share"),
        ("mlp(3", "not of the form"),
        ("__import__('os').system('x')", "not of the form"),
        ("mlp(__import__('os'))", "not of the form"),
        ("(" * 10_000, "not of the form"),
        ("mlp", "not of the form"),
        ("logistic(3)", "no hidden layers"),
        ("convnet(8, initializer='zeros')", "unknown option of convnet"),
    ],
)
def test_bad_text(text, words):
    with pytest.raises(ProblemError) as caught:
        parse_model(text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_lessons_networks():
    lesson = problem("lesson-ionosphere")
    built = rebuilt(lesson.model, data_shape((34,)), {"optimizer": "sgd"})
    assert [layer.units for layer in built.model.layers] == [34, 1]
    assert built.model.count_params() == 34 * 34 + 34 + 34 + 1
    assert built.model.layers[0].kernel_initializer.stddev == 0.05
    assert isinstance(built.scorer.metric, keras.metrics.BinaryAccuracy)
    images = data_shape((28, 28), "multiclass", 10, 10)
    model = rebuilt("mlp(512, dropout=0.2)", images, {"optimizer": "sgd"}).model
    assert [type(layer).__name__ for layer in model.layers] == ["Flatten", "Dense", "Dropout", "Dense"]
    assert model.count_params() == 784 * 512 + 512 + 512 * 10 + 10


@pytest.mark.parametrize(
    ("kind", "outputs", "classes", "activation", "loss", "metric"),
    [
        ("binary", 1, 2, "sigmoid", "binary_crossentropy", "BinaryAccuracy"),
        ("multiclass", 3, 3, "softmax", "sparse_categorical_crossentropy", "SparseCategoricalAccuracy"),
        ("multilabel", 4, 4, "sigmoid", "binary_crossentropy", "BinaryAccuracy"),
        ("regression", 2, 0, "linear", "mean_squared_error", "R2Score"),
    ],
)
def test_the_last_layer_follows_the_kind_of_data(kind, outputs, classes, activation, loss, metric):
    for text in ("mlp(5)", "logistic", "linear"):
        built = rebuilt(text, data_shape((4,), kind, outputs, classes))
        assert built.model.layers[-1].activation.__name__ == activation
        assert built.model.output_shape == (None, outputs)
        assert built.model.loss == loss
        assert type(built.scorer.metric).__name__ == metric
        assert len(built.model.layers) == (2 if text == "mlp(5)" else 1)


def test_convnet():
    model = rebuilt("convnet(4, 8, dropout=0.5)", data_shape((9, 9), "multiclass", 3, 3)).model
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv2D") == kinds.count("BatchNormalization") == kinds.count("MaxPooling2D") == 2
    assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [4, 8]
    with pytest.raises(ProblemError, match=r"needs images.*\(4,\)"):
        rebuilt("convnet")
