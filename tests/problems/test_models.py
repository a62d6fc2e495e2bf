"""Models: text is read, not evaluated; what cannot be built says why."""

import keras
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.models import build, parse_model, travel_form
from stepsize.problems.problem import Problem, problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mpl(3)", "unknown model 'mpl'; did you mean 'mlp'?"),
        ("mlp(3, droput=0.1)", "did you mean 'dropout'?"),
        ("mlp(0)", "positive whole number"),
        ("mlp(2.5)", "positive whole number"),
        ("mlp(3, dropout=1)", "dropout is a share"),
        ("mlp(3", "not of the form"),
        ("__import__('os').system('x')", "not of the form"),
        ("mlp(__import__('os'))", "not of the form"),
        ("(" * 10_000, "not of the form"),
        ("mlp", "not of the form"),
    ],
)
def test_bad_text(text, words):
    with pytest.raises(ProblemError) as caught:
        parse_model(text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_lessons_networks():
    model, metric = build(problem("lesson-ionosphere").travel_form(), {"optimizer": "sgd"}, (34,))
    assert [layer.units for layer in model.layers] == [34, 1]
    assert model.count_params() == 34 * 34 + 34 + 34 + 1
    assert model.layers[0].kernel_initializer.stddev == 0.05
    assert isinstance(metric, keras.metrics.BinaryAccuracy)
    model, _ = build({"text": "mlp(512, dropout=0.2)", "outputs": 10}, {"optimizer": "sgd"}, (28, 28))
    assert [type(layer).__name__ for layer in model.layers] == ["Flatten", "Dense", "Dropout", "Dense"]
    assert model.count_params() == 784 * 512 + 512 + 512 * 10 + 10


def test_optimizers_by_name():
    model, _ = build({"text": "mlp(3)", "outputs": 1}, {"optimizer": "Adam", "beta_1": 0.8}, (2,))
    assert model.optimizer.beta_1 == 0.8
    with pytest.raises(ProblemError, match="did you mean 'adam'"):
        build({"text": "mlp(3)", "outputs": 1}, {"optimizer": "adamm"}, (2,))
    with pytest.raises(ProblemError, match="refuses"):
        build({"text": "mlp(3)", "outputs": 1}, {"optimizer": "sgd", "momentun": 0.8}, (2,))


def test_a_compiled_keras_model_travels_as_its_config():
    model = keras.Sequential([keras.Input((34,)), keras.layers.Dense(5), keras.layers.Dense(1, "sigmoid")])
    with pytest.raises(ProblemError, match="not compiled"):
        travel_form(model, 2)
    model.compile(keras.optimizers.SGD(0.3, momentum=0.7, nesterov=True), "binary_crossentropy")
    rebuilt, _ = build(Problem(model, "ionosphere").travel_form(), {"momentum": 0.5}, (34,))
    assert [layer.units for layer in rebuilt.layers] == [5, 1]
    assert rebuilt.loss == "binary_crossentropy"
    assert (rebuilt.optimizer.momentum, rebuilt.optimizer.nesterov) == (0.5, True)


def test_building_a_model_again_keeps_its_digest():
    """Keras counts layer names up; the same cell run twice is still the same problem."""

    def digest(width):
        inputs = keras.Input((34,))
        hidden = keras.layers.Dense(width, "relu")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
        model.compile("adam", "binary_crossentropy")
        return Problem(model, "ionosphere").digest

    assert digest(5) == digest(5)
    assert digest(5) != digest(6)


def test_factories(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(
        "import keras\n"
        "def good():\n"
        "    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, 'sigmoid')])\n"
        "    model.compile('adam', 'binary_crossentropy')\n"
        "    return model\n"
        "def bare():\n    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "def broken():\n    raise RuntimeError('no such thing')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model, _ = build(travel_form("my_models:good", 2), {}, (2,))
    assert type(model.optimizer).__name__ == "Adam"
    with pytest.raises(ProblemError, match="must return a compiled Keras model"):
        build(travel_form("my_models:bare", 2), {}, (2,))
    with pytest.raises(ProblemError, match="raised RuntimeError: no such thing"):
        build(travel_form("my_models:broken", 2), {}, (2,))
    with pytest.raises(ProblemError, match="ModuleNotFoundError"):
        build(travel_form("no_models:good", 2), {}, (2,))


def test_problem_refuses():
    with pytest.raises(ProblemError, match="epochs=0"):
        problem("iris", epochs=0)
    with pytest.raises(ProblemError, match=r"batch_size=2\.5"):
        problem("iris", batch_size=2.5)
    with pytest.raises(ProblemError, match="did you mean 'ionosphere'"):
        problem("ionosphre")
    with pytest.raises(ProblemError, match="got int"):
        Problem(3, "iris")


def test_digest_follows_what_changes_results():
    base = problem("ionosphere")
    assert base.digest == problem("ionosphere").digest
    for change in ({"epochs": 49}, {"batch_size": 29}, {"split": "lesson"}, {"model": "mlp(33)"}):
        assert problem("ionosphere", **change).digest != base.digest
