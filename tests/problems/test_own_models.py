"""Data for a model of the user's own: as its own `fit` would get them, unless `prepare` says otherwise."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from stepsize.engine.keras.member import all_rows
from stepsize.engine.task import Task
from stepsize.errors import ProblemError
from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.preprocessing import prepare
from stepsize.problems.problem import Problem, problem
from stepsize.study.study_files.description import describe_study, make_problem
from stepsize.verdict.data_notes import scaling
from tests.support.user_models import compiled, good, one_hot_mse

X = np.random.default_rng(0).normal(50, 9, (40, 4)).astype(np.float32)
Y = np.arange(40) % 3
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(colour=["red", "green"] * 20, y=Y)
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 3, 3, 1)).astype(np.uint8)
AS_THEY_ARE = "it gets its inputs as its own fit would: nothing is filled or scaled"


def prepared(problem):
    """Return how each input is prepared for a seed."""
    return list(prepare(problem.data, problem.parts(0).train).values())


@pytest.mark.parametrize("model", [compiled(), good, lambda: compiled(), "tests.support.user_models:good"])
@pytest.mark.parametrize("source", [(X, Y), "iris", {"train": (X, Y), "valid": (X, Y)}])
def test_nothing_is_scaled_for_a_model_of_the_users_own(model, source):
    for made in (Problem(model, source), problem(source, model=model)):
        assert prepared(made) == [None]
        facts = made.facts()
        assert facts["data"]["scaled"] == []
        assert AS_THEY_ARE in facts["protocol"]["model_notes"]
        assert not any("fitted on the training rows" in note for note in facts["data"]["notes"])


def test_inputs_are_scaled_for_a_text_model_and_the_answer_says_so():
    facts = problem((X, Y)).facts()
    assert facts["data"]["scaled"] == ["inputs"]
    assert facts["protocol"]["model_notes"] == []
    assert scaling(facts["data"]["scaled"]) == " on scaled inputs"
    quantities = problem((X, X[:, 0])).facts()["data"]
    assert quantities["scaled"] == ["inputs", "target"]
    assert "target: standardised by the training rows, for the loss" in quantities["notes"]
    assert scaling(problem("ionosphere").facts()["data"]["scaled"]) == ""
    assert not any("scale as follows" in note for note in problem("ionosphere").facts()["data"]["notes"])
    for source, steps in (
        ((X, Y), "inputs by StandardScaler(), fitted on the training rows"),
        ((PIXELS, Y), "pixels by 1/255"),
        ((X, X[:, 0]), "inputs by StandardScaler(), fitted on the training rows; the target by its mean"),
    ):
        assert f"elsewhere, scale as follows: {steps}" in problem(source).facts()["data"]["notes"][-1]


def test_a_regression_of_a_model_of_the_users_own_scales_no_target():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert problem((X, X[:, 0]), model=model).facts()["data"]["scaled"] == []


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_text_columns_of_a_table_are_encoded_and_numbers_stay(ending, tmp_path):
    path = tmp_path / f"t.{ending}"
    FRAME.to_csv(path, index=False) if ending == "csv" else FRAME.to_parquet(path)
    for source in (path, FRAME):
        made = problem(source, target="y", model=compiled(shape=(5,)))
        np.testing.assert_allclose(made.data.x[:, :4], X, rtol=1e-6)
        assert set(made.data.x[:, 4]) == {0, 1}
        assert prepared(made) == [None]
        assert any("'colour'" in note for note in made.facts()["data"]["notes"])


@pytest.mark.parametrize("model", [None, good])
@pytest.mark.parametrize("wish", [True, False])
def test_prepare_is_obeyed_everywhere(model, wish, tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    FRAME.to_parquet(tmp_path / "t.parquet")
    study = tmp_path / "s.toml"
    study.write_text(f'data = "t.csv"\ntarget = "y"\nprepare = {str(wish).lower()}\n')
    for source in (tmp_path / "t.csv", tmp_path / "t.parquet", FRAME):
        made = problem(source, target="y", model=model, prepare=wish)
        assert (prepared(made) != [None]) == made.data.prepare == wish
    assert make_problem(describe_study(study, {"model": model} if model else {})).data.prepare == wish
    assert problem((X, Y), model=model, prepare=wish).data.prepare == wish
    assert problem("iris", model=model, prepare=wish).data.prepare == wish
    assert Problem(model or "mlp(3)", (X, Y), prepare=wish).data.prepare == wish


def test_the_resolved_study_says_what_was_done():
    assert problem((X, Y), model=good).study_keys()["prepare"] is False
    assert problem((X, Y), model=good, prepare=True).study_keys()["prepare"] is True
    assert problem((X, Y)).study_keys()["prepare"] is None


def test_scaled_and_unscaled_are_different_problems():
    digests = {problem((X, Y), model=good, prepare=wish).digest for wish in (True, False, None)}
    assert len(digests) == 2


def test_missing_numbers_are_refused_with_the_way_out():
    holes = X.copy()
    holes[6, 1] = np.nan
    for source, target in (((holes, Y), None), (FRAME.assign(a=holes[:, 1]), "y")):
        with pytest.raises(ProblemError, match=r"row 7: a value is missing.*pass prepare=True to have"):
            problem(source, target=target, model=good)
        assert problem(source, target=target, model=good, prepare=True).data.missing == {""}
    with pytest.raises(ProblemError, match=r"remove the row$"):
        problem((np.where(np.isnan(holes), np.inf, X), Y), model=good)


def test_pixels_stay_bytes():
    for made in (Problem(good, (PIXELS, Y)), problem((PIXELS, Y), prepare=False)):
        assert made.data.x.dtype == np.uint8
        np.testing.assert_array_equal(made.data.x, PIXELS)
        assert "x: pixels from 0 to 255, kept as they are" in made.data.notes
    divided = problem((PIXELS, Y), model="mlp(3)")
    assert divided.data.x.max() <= 1
    assert divided.facts()["data"]["scaled"] == ["inputs"]


@pytest.mark.parametrize(
    ("layer", "dtype"),
    [
        (layers.Normalization(mean=0.0, variance=1.0), "float32"),
        (layers.Rescaling(1 / 255), "float32"),
        (layers.Embedding(99, 2), "int32"),
    ],
)
def test_scaling_in_front_of_layers_that_want_the_data_as_they_are(layer, dtype):
    model = keras.Sequential(
        [keras.Input((4,), dtype=dtype), layer, layers.Flatten(), layers.Dense(3, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    shape = DataShape(X, "multiclass", 3, 3)
    with pytest.raises(ProblemError, match=rf"{layer.name!r}.*leave out prepare=True"):
        build(Problem(model, (X, Y), prepare=True).travel_form(), {}, shape)
    assert build(Problem(model, (X, Y)).travel_form(), {}, shape).width == 3


def test_a_list_of_inputs_is_matched_by_position():
    inputs = [keras.Input((2,), name="left"), keras.Input((2,), name="right")]
    model = keras.Model(inputs, layers.Dense(3, "softmax")(layers.Concatenate()(inputs)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    pair = X[:, :2], X[:, 2:]
    for source in ((list(pair), Y), (pair, Y), {"train": (pair, Y), "valid": (pair, Y)}):
        x = Problem(model, source).data.x
        assert list(x) == ["left", "right"]
        np.testing.assert_array_equal(x["right"][:40], pair[1])
    with pytest.raises(ProblemError, match=r"x is a list of 3 arrays.* 2 inputs \(left, right\)"):
        Problem(model, ([*pair, X], Y))
    with pytest.raises(ProblemError, match=r"x is a list of 2 arrays.*pass x as a dict"):
        Problem(good, (pair, Y))
    assert Problem(good, (list(X), Y)).data.x.shape == (40, 4)  # a list of rows


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
def test_inputs_without_axes_and_inputs_by_key():
    number, count = keras.Input((), name="n"), keras.Input((), name="c", dtype="int32")
    joined = layers.Concatenate()([keras.ops.expand_dims(number, -1), layers.Embedding(9, 2)(count)])
    model = keras.Model({"n": number, "c": count}, layers.Dense(3, "softmax")(joined))
    model.compile("sgd", "sparse_categorical_crossentropy")
    data = Problem(model, ({"n": X[:, 0], "c": Y}, Y)).data
    assert build(Problem(model, data).travel_form(), {}, DataShape(data.x, "multiclass", 3, 3)).width == 3
    one, two = keras.Input((2,), name="x1"), keras.Input((2,), name="x2")
    joined = layers.Subtract()([one, two])
    model = keras.Model({"left": one, "right": two}, layers.Dense(3, "softmax")(joined))
    model.compile("sgd", "sparse_categorical_crossentropy")
    rows = {"left": X[:, :2], "right": X[:, 2:]}
    form = Problem(model, (rows, Y)).travel_form()
    assert build(form, {}, DataShape(rows, "multiclass", 3, 3)).width == 3


def margins(activation="tanh", loss="mse", **options):
    """Return a compiled model of one output."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation, name="out")])
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize(
    ("labels", "model", "metric", "loss", "scored", "link"),
    [
        ((-1, 1), margins(), None, (-1, 1), (0, 1), "sigmoid"),
        ((-1, 1), margins(None, "hinge"), None, (-1, 1), (0, 1), "sigmoid"),
        ((-1, 1), margins(None, one_hot_mse), None, (-1, 1), (0, 1), "sigmoid"),
        ((-1, 1), margins(), "mse", (-1, 1), (-1, 1), None),
        ((-1, 1), margins("sigmoid", "binary_crossentropy"), None, (0, 1), (0, 1), None),
        ((0, 1), margins(), None, (0, 1), (0, 1), None),
        ((1, 2), margins(), None, (0, 1), (0, 1), None),
    ],
)
def test_a_loss_gets_classes_called_minus_1_and_1_as_they_are(labels, model, metric, loss, scored, link):
    made = Problem(model, (X, np.array(labels)[np.arange(40) % 2]), metric=metric)
    shape = DataShape(made.data.x, "binary", 2, 1)
    built = build(made.travel_form(), {}, shape, made.scored_by)
    task = Task({}, {}, X, made.data.y, "binary", 2, 1, 30, 8, 1)
    rows = all_rows(task, built)
    assert tuple(rows.y[:2, 0]) == loss
    assert tuple(rows.scored[:2, 0]) == scored
    assert built.scorer.link == link
    notes = " ".join(made.facts()["protocol"]["model_notes"])
    assert ("gets the classes as -1 and 1" in notes) is (labels == (-1, 1))
    assert ("gets the classes 1, 2 as the numbers 0 to 1" in notes) is (labels == (1, 2))


@pytest.mark.parametrize("loss", ["mse", ["mse"], {"out": "mse"}])
def test_a_loss_in_a_list_or_a_dict_is_the_loss(loss):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="out")])
    model.compile("sgd", loss)
    made = Problem(model, (X, Y))
    built = build(made.travel_form(), {}, DataShape(X, "multiclass", 3, 3), made.scored_by)
    assert built.model.loss == "mse"
    assert not built.loss_numbers


def test_metrics_that_a_model_is_compiled_with_do_not_judge_and_a_note_says_so(tmp_path):
    def notes(model, **options):
        return " ".join(Problem(model, (X, Y % 2), **options).facts()["protocol"]["model_notes"])

    model = margins(metrics=["accuracy", keras.metrics.Recall(), "AUC"])
    assert "accuracy scores the runs, not the metrics that the model is compiled with (recall, auc)" in notes(
        model
    )
    assert notes(margins(metrics={"out": ["AUC"]})).endswith(
        "(auc); choose one of them with, for example, metric='auc'"
    )
    assert "(auc)" in notes(margins(metrics=[], weighted_metrics=["AUC", "binary_accuracy"]))
    assert "scores the runs" not in notes(model, metric="auc")
    assert "scores the runs" not in notes(margins(metrics=["acc"]))
    model.save(tmp_path / "m.keras")
    assert "(recall, auc)" in notes(str(tmp_path / "m.keras"))
    assert "accuracy scores the runs, whatever metrics" in notes("tests.support.user_models:good")
