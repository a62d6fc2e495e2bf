"""Keras models: a user's model is rebuilt and fits the data; what cannot says why."""

import keras
import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.problems.models.keras_models import build
from stepsize.problems.models.model_transport import travel_form
from stepsize.problems.problem import Problem
from tests.support.rebuilt_models import IRIS, data_shape, rebuilt
from tests.support.user_models import OwnStep, Plain, Subclassed, Unwritable, compiled, good, squared


def test_a_compiled_keras_model_travels_as_its_config():
    model = compiled(keras.layers.Dense(5), optimizer=keras.optimizers.SGD(0.3, momentum=0.7, nesterov=True))
    again = rebuilt(model, settings={"momentum": 0.5}).model
    assert [layer.units for layer in again.layers] == [5, 3]
    assert again.loss == "sparse_categorical_crossentropy"
    assert (again.optimizer.momentum, again.optimizer.nesterov) == (0.5, True)


def test_the_weights_of_the_loss_travel():
    model = compiled(keras.layers.Dense(5))
    model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=[2.0])
    losses = [
        built.compute_loss(None, np.array([0]), np.eye(1, 3)) for built in (model, rebuilt(model).model)
    ]
    assert float(losses[0]) == float(losses[1]) > 0
    assert rebuilt(lambda: model).model._compile_loss._user_loss_weights == [2.0]
    plain = compiled(keras.layers.Dense(5))
    assert "loss_weights" not in travel_form(plain, 3)


def test_stateful_layers_are_refused():
    model = keras.Sequential(
        [keras.Input((4, 1), batch_size=6), keras.layers.LSTM(3, stateful=True, name="memory"),
         keras.layers.Dense(3, "softmax")]
    )  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(
        ProblemError, match=r"layer 'memory' is stateful: it carries its state.*stateful=False"
    ):
        rebuilt(model, data_shape((4, 1), "multiclass", 3, 3))


def test_from_weights():
    model = compiled(keras.layers.Dense(5))
    form = travel_form(model, 3, from_weights=True)
    before = model.get_weights()
    model.set_weights([0 * weight for weight in before])  # the form holds the weights of its own moment
    for weight, expected in zip(build(form, {}, IRIS).model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
    with pytest.raises(ProblemError, match="no weights yet"):
        travel_form("mlp(3)", 3, from_weights=True)
    base = Problem(model, "iris", from_weights=True)
    model.set_weights(before)
    assert base.digest != Problem(model, "iris", from_weights=True).digest
    assert base.digest != Problem(model, "iris").digest


def test_building_a_model_again_keeps_its_digest():
    """Keras counts layer names up; the same cell run twice is still the same problem."""
    digests = [Problem(compiled(keras.layers.Dense(width)), "iris").digest for width in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]


def test_layers_of_the_users_own():
    assert rebuilt(good()).model.layers[0].__class__.__name__ == "Doubled"
    assert rebuilt(compiled(Plain())).model.layers[0].__class__.__name__ == "Plain"
    assert rebuilt(good).width == 3  # a function that can be imported, and one that cannot
    assert rebuilt(lambda: compiled(Plain())).width == 3
    model = Subclassed()
    model.compile("sgd", squared)
    built = rebuilt(model)
    assert built.model.loss.__name__ == "squared"
    assert built.loss_numbers
    assert len(built.model.trainable_variables) == 4


class Local(keras.layers.Layer):
    """As if it were defined in a notebook."""

    def call(self, x):
        return x


def test_layers_that_cannot_be_rebuilt(monkeypatch):
    monkeypatch.setattr(Local, "__module__", "__main__")
    with pytest.raises(ProblemError, match=r"'Local', defined in the notebook.*register_keras_serializable"):
        travel_form(compiled(Local()), 3)
    with pytest.raises(ProblemError, match=r"Unwritable|cannot be (written|rebuilt)"):
        rebuilt(compiled(Unwritable(object())))
    with pytest.raises(ProblemError, match="a lambda"):
        travel_form(compiled(keras.layers.Lambda(lambda x: x)), 3)
    form = travel_form(compiled(Plain()), 3)
    form["custom"] = [["no_such_module", "Plain", "Plain", ""]]
    with pytest.raises(ProblemError, match="'Plain' of module 'no_such_module' cannot be imported"):
        build(form, {}, IRIS)


def test_models_that_do_not_fit():
    with pytest.raises(ProblemError, match="not compiled"):
        travel_form(keras.Sequential([keras.layers.Dense(1)]), 1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd")
    with pytest.raises(ProblemError, match="without a loss"):
        travel_form(model, 3)
    with pytest.raises(ProblemError, match=r"output for a row has the shape \(7,\).*Dense\(3, 'softmax'\)"):
        rebuilt(compiled(outputs=7))
    with pytest.raises(ProblemError, match=r"does not take rows of shape \(4,\)"):
        rebuilt(compiled(shape=(9,)))
    inputs = keras.Input((4,))
    two = keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])
    two.compile("sgd", "mse")
    with pytest.raises(ProblemError, match="2 outputs"):
        rebuilt(two)
    own = OwnStep(inputs, keras.layers.Dense(3)(inputs))
    own.compile("sgd", "mse")
    with pytest.raises(ProblemError, match="train_step of its own"):
        rebuilt(own)


def test_sequences_and_images_as_outputs_are_refused():
    model = compiled(keras.layers.Dense(2), shape=(5, 2), loss="mse")
    with pytest.raises(ProblemError, match=r"shape \(5, 3\), such as a sequence or an image"):
        rebuilt(model, data_shape((5, 2), "regression", 15, 0))


def test_counts_that_were_read_as_classes():
    with pytest.raises(ProblemError, match="kind='regression' if the target is a quantity"):
        rebuilt(compiled(outputs=1, loss="mse"))


@pytest.mark.parametrize("wrap", [lambda output: [output], lambda output: {"answer": output}])
def test_one_output_in_a_list_or_dict(wrap):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, wrap(keras.layers.Dense(3, "softmax", name="answer")(inputs)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert rebuilt(model).width == 3


def test_inputs_of_one_number():
    a, b = keras.Input((), name="a"), keras.Input((), name="b", dtype="int32")
    column = keras.ops.expand_dims(a, -1)
    joined = keras.layers.Concatenate()([column, keras.layers.Embedding(4, 2)(b)])
    model = keras.Model({"a": a, "b": b}, keras.layers.Dense(1, "sigmoid")(joined))
    model.compile("sgd", "binary_crossentropy")
    rows = {"a": np.zeros((6, 1), np.float32), "b": np.zeros((6, 1), np.int32)}
    built = rebuilt(model, data_shape((1,))._replace(x=rows))
    assert (built.width, built.row_shapes) == (1, {"a": (), "b": ()})


@pytest.mark.parametrize("value", [12, -1])
def test_numbers_without_an_entry_in_an_embedding(value):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Embedding(12, 3), keras.layers.Flatten()])
    model.add(keras.layers.Dense(1, "sigmoid"))
    model.compile("sgd", "binary_crossentropy")
    rows = np.zeros((6, 4), np.int32)
    assert rebuilt(model, data_shape((4,))._replace(x=rows)).width == 1
    rows[3, 2] = value
    with pytest.raises(ProblemError, match=rf"row 4 of the data holds {value}, .* entries for 0 to 11"):
        rebuilt(model, data_shape((4,))._replace(x=rows))


def test_inputs_are_matched_by_name():
    left, right = keras.Input((4,), name="left"), keras.Input((2,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    model = keras.Model({"left": left, "right": right}, keras.layers.Dense(3, "softmax")(joined))
    model.compile("sgd", "sparse_categorical_crossentropy")

    def rows(**widths):
        x = {name: np.zeros((6, width), np.float32) for name, width in widths.items()}
        return IRIS._replace(x=x)

    assert rebuilt(model, rows(left=4, right=2)).width == 3
    with pytest.raises(ProblemError, match="unknown input of the model 'rigth'; did you mean 'right'"):
        rebuilt(model, rows(left=4, rigth=2))
    with pytest.raises(ProblemError, match=r"2 inputs \(left, right\) and the data has one"):
        rebuilt(model)
    with pytest.raises(ProblemError, match="does not take rows"):
        rebuilt(model, rows(left=4, right=5))
    with pytest.raises(ProblemError, match="takes one input and the data has 2"):
        rebuilt("mlp(3)", rows(left=4, right=2))


def test_mixed_precision_is_refused():
    model = compiled(keras.layers.Dense(4, dtype="mixed_bfloat16"), optimizer="sgd")
    with pytest.raises(ProblemError, match="policy 'mixed_bfloat16'; mixed precision is not supported"):
        travel_form(model, 3)


def test_factories():
    assert type(rebuilt("tests.support.user_models:good").model.optimizer).__name__ == "Adam"
    with pytest.raises(ProblemError, match="must return a compiled Keras model"):
        rebuilt("tests.support.user_models:bare")
    with pytest.raises(ProblemError, match="returns a PyTorch model, which needs a loss and an optimizer"):
        rebuilt("tests.support.user_models:torch_model")
    with pytest.raises(ProblemError, match="raised ModuleNotFoundError"):
        rebuilt("no_models:good")
    with pytest.raises(ProblemError, match="not of the form"):
        travel_form("my models:good", 2)
    with pytest.raises(
        ProblemError, match="raised RuntimeError: no such thing; its traceback is in"
    ) as caught:
        rebuilt("tests.support.user_models:broken")
    with open(str(caught.value).split()[-1]) as file:
        assert 'raise RuntimeError("no such thing")' in file.read()


def test_a_factory_that_loads_its_weights_is_refused_unless_they_are_used():
    path = "tests.support.user_models:loads_its_weights"
    with pytest.raises(
        ProblemError, match=r"loads, sets or trains the weights .*; use from_weights=True to start"
    ):
        rebuilt(path)
    assert (rebuilt(path, from_weights=True).model.get_weights()[0] == np.float32(0.1)).all()


def test_a_schedule_and_weights_that_are_replaced_are_noted(tmp_path):
    rate = keras.optimizers.schedules.CosineDecay(0.1, 100)
    scheduled = compiled(optimizer=keras.optimizers.SGD(rate))
    scheduled.save(path := tmp_path / "m.keras")
    for model in (scheduled, str(path), lambda: compiled(optimizer=keras.optimizers.SGD(rate))):
        for from_weights in (True, False):
            notes = " ".join(
                Problem(model, "iris", from_weights=from_weights).facts()["protocol"]["model_notes"]
            )
            assert "replace the CosineDecay that its optimizer is compiled with" in notes
            assert ("fresh weights in place of those in the file" in notes) == (
                model == str(path) and not from_weights
            )
    plain = Problem(compiled(), "iris").facts()["protocol"]["model_notes"]
    assert not any("is compiled with; to compare" in note for note in plain)
    factory = Problem("tests.support.user_models:good", "iris").facts()["protocol"]["model_notes"]
    assert any("whatever rate or schedule it is compiled with" in note for note in factory)


def test_an_edited_factory_is_another_problem(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "edited.py"
    digests = []
    for width in (3, 4):
        file.write_text(f"def make():\n    return {width}\n")
        digests.append(Problem("edited:make", "iris").digest)
    assert digests[0] != digests[1]


def test_keras_files(tmp_path):
    path = tmp_path / "m.keras"
    model = compiled(keras.layers.Dense(5), optimizer=keras.optimizers.SGD(momentum=0.6))
    model.save(path)
    built = rebuilt(str(path), from_weights=True)
    assert built.model.optimizer.momentum == 0.6
    np.testing.assert_array_equal(built.model.get_weights()[0], model.get_weights()[0])
    assert Problem(path, "iris").digest == Problem(str(path), "iris").digest
    compiled(keras.layers.Lambda(lambda x: 2 * x)).save(path)
    with pytest.raises(ProblemError, match="holds code"):
        travel_form(str(path), 3)
    good().save(path)
    with pytest.raises(ProblemError, match="'Doubled', which is not part of Keras; pass a factory"):
        travel_form(str(path), 3)
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)
    with pytest.raises(ProblemError, match=r"not compiled; call model\.compile"):
        travel_form(str(path), 3)
    path.write_text("no archive")
    with pytest.raises(ProblemError, match=r"not a \.keras file"):
        travel_form(str(path), 3)
    with pytest.raises(ProblemError, match="does not exist"):
        travel_form(str(tmp_path / "none.keras"), 3)
