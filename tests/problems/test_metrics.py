"""Metrics: our table agrees with Keras, and what has no direction or does not fit says so."""

import keras
import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.metric_directions import HIGHER, LOWER
from stepsize.problems.metrics import check_share, make_metric, metric_of
from stepsize.problems.models.keras_models import DataShape, build
from stepsize.problems.models.scorers import make_scorer, scorer_of_outputs
from stepsize.problems.models.second_class import OfSecondClass
from stepsize.problems.reference_scores import CLASSES
from tests.support.user_models import (
    Accuracy,
    Matthews,
    Unregistered,
    one_hot_mse,
    one_number,
    scaled_by_the_batch,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", sorted({*HIGHER, *LOWER} - {"accuracy"}))
def test_directions_are_keras_own(name):
    metric = metric_of(name, None, "multiclass")
    assert make_metric(metric, "multiclass", 3)._direction == ("up" if metric.higher_is_better else "down")
    assert metric.share == (name in HIGHER)


def test_every_metric_of_keras_that_needs_no_argument_is_listed():
    known = [metric_of(name, None, "multiclass") for name in (*HIGHER, *LOWER)]
    listed = {type(make_metric(metric, "multiclass", 3)) for metric in known}
    missing = set()
    for kind in vars(keras.metrics).values():
        if isinstance(kind, type) and issubclass(kind, keras.metrics.Metric):
            try:
                plain = kind()
            except TypeError:
                continue
            if getattr(plain, "_direction", None) is not None:
                missing.add(kind)
    assert {kind.__name__ for kind in missing - listed} <= {"Accuracy", "BinaryIoU"}


def test_names_and_objects():
    assert metric_of("acc", None, "binary").name == "accuracy"
    assert metric_of("MeanAbsoluteError", None, "regression").higher_is_better is False
    auc = metric_of(keras.metrics.AUC(curve="PR", name="pr"), None, "binary")
    assert (auc.name, auc.higher_is_better, auc.share) == ("pr", True, True)
    assert make_metric(auc, "binary", 1).curve.name == "PR"
    mean = metric_of(keras.metrics.FalsePositives(), "min", "binary")
    assert (mean.higher_is_better, mean.share) == (False, False)


@pytest.mark.parametrize(
    ("metric", "mode", "kind", "words"),
    [
        ("acuracy", None, "binary", "did you mean 'accuracy'"),
        ("auc", "up", "binary", "unknown mode 'up'"),
        ("accuracy", None, "regression", "use 'r2'"),
        ("precision", None, "regression", "metric='precision' needs classes"),
        (
            "acc",
            "min",
            "binary",
            "metric='acc' is better high, so mode='min' would choose the worst; leave mode",
        ),
        ("mae", "max", "regression", "is better low, so mode='max' would choose the worst"),
        (keras.metrics.AUC(), "min", "binary", "metric='auc' is better high, so mode='min'"),
        (3, None, "binary", "must be the name of a Keras metric"),
        (keras.metrics.FalsePositives(), None, "binary", "add mode='max' or mode='min'"),
    ],
)
def test_refusals(metric, mode, kind, words):
    with pytest.raises(ProblemError, match=words):
        metric_of(metric, mode, kind)


def scorer(metric, kind, outputs, classes=0, mode=None, loss="mse", activation=None):
    """The scorer of a small model of one's own."""
    metric = metric_of(metric, mode, kind)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(outputs, activation)])
    return make_scorer(metric, kind, classes, outputs, model, loss)


def score(made, y, predicted):
    made.metric.update_state(np.array(y), np.array(predicted, np.float32))
    return float(made.metric.result())


def test_a_threshold_for_answers_that_stand_alone():
    """For one output, and for labels, Keras' F1 would take the largest output of a row as its answer."""
    y = np.array([[0], [0], [0], [1], [1]])
    predicted = [[0.1], [0.2], [0.7], [0.8], [0.4]]
    assert score(scorer("f1_score", "binary", 1, 2), y, predicted) == pytest.approx(0.5)
    assert score(scorer("fbeta_score", "binary", 1, 2), y, predicted) == pytest.approx(0.5)
    labels = scorer("f1_score", "multilabel", 2, 2)
    assert score(labels, [[1, 1], [1, 0]], [[0.9, 0.8], [0.6, 0.4]]) == pytest.approx(1)
    assert scorer(keras.metrics.F1Score(average="macro"), "binary", 2, 2).metric.threshold is None


@pytest.mark.parametrize("name", ["auc", "f1_score", "fbeta_score", "precision", "recall"])
def test_two_outputs_score_as_one_output_does(name):
    """By name and as an object; the two outputs of a row would otherwise count as two rows."""
    y = (RNG.random(60) < 0.3).astype(int)
    p = np.clip(0.3 * y + 0.7 * RNG.random(60), 0.01, 0.99)
    both = np.stack([1 - p, p], axis=1)
    objects = {
        "auc": keras.metrics.AUC(),
        "precision": keras.metrics.Precision(),
        "recall": keras.metrics.Recall(),
    }
    for metric in [name, *([objects[name]] if name in objects else [])]:
        one = score(scorer(metric, "binary", 1, 2), y[:, None], p[:, None])
        two = score(scorer(metric, "binary", 2, 2), np.eye(2)[y], both)
        assert two == pytest.approx(one, abs=1e-6)
        assert abs(two - (y == (p > 0.5)).mean()) > 0.02
        assert one == pytest.approx(CLASSES[name](y[:, None], p[:, None]), abs=2e-3)
    logits = scorer_of_outputs(metric_of(name, None, "binary"), "binary", 2, 2, False, are_logits=True)
    assert logits.link == "softmax"
    assert isinstance(logits.metric, OfSecondClass)


def test_a_metric_that_names_its_class_keeps_both_outputs():
    y, both = np.eye(2)[[0, 0, 0, 1]], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]]
    first = scorer(keras.metrics.Recall(class_id=0), "binary", 2, 2)
    assert score(first, y, both) == pytest.approx(2 / 3)
    for metric, words in (
        (keras.metrics.Precision(top_k=1), r"name one as class_id=1"),
        (keras.metrics.AUC(from_logits=True), r"from_logits=True reads each of the two outputs by itself"),
    ):
        with pytest.raises(ProblemError, match=words):
            scorer(metric, "binary", 2, 2)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")
def test_a_metric_of_class_numbers_gets_them():
    made = scorer(keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False), "multiclass", 3, 3)
    assert made.numbers
    assert score(made, [0, 1, 2], np.eye(3)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("metric", "kind", "outputs", "classes", "words"),
    [
        (keras.metrics.MeanIoU(num_classes=3), "multiclass", 3, 3, "pass sparse_y_pred=False"),
        (keras.metrics.Accuracy(), "multiclass", 3, 3, "use metric='accuracy'"),
        (keras.metrics.F1Score(average="macro"), "binary", 1, 2, "pass threshold=0.5"),
        ("top_k_categorical_accuracy", "multiclass", 3, 3, "pass a smaller k"),
        ("categorical_accuracy", "binary", 1, 2, "with one output alike, 1 and 1; use another metric"),
        ("sparse_categorical_accuracy", "binary", 1, 2, "0.5 and 0.5"),
        ("cosine_similarity", "regression", 1, 0, "alike"),
        ("pearson_correlation", "regression", 1, 0, "alike"),
    ],
)
def test_metrics_that_cannot_tell_right_from_wrong(metric, kind, outputs, classes, words):
    with pytest.raises(ProblemError, match=words):
        scorer(metric, kind, outputs, classes)


def test_a_mode_that_turns_a_metric_around_is_refused():
    with pytest.raises(ProblemError, match="alike"):
        scorer(keras.metrics.FalsePositives(), "binary", 1, 2, mode="max")


def test_a_subclass_of_a_metric_of_keras_is_no_share():
    with pytest.raises(ProblemError, match="add mode='max' or mode='min'"):
        metric_of(Accuracy(name="percent"), None, "binary")
    metric = metric_of(Accuracy(name="percent"), "max", "binary")
    assert (metric.share, metric.of_keras) == (False, None)
    assert metric_of(keras.metrics.BinaryAccuracy(), None, "binary").share


def test_a_share_that_is_none_is_refused():
    check_share(metric_of("r2", None, "regression"), -3.0)
    for metric, value in (
        (metric_of("auc", None, "binary"), 82.0),
        (metric_of("r2", None, "regression"), 2.0),
    ):
        with pytest.raises(ProblemError, match="which is not a share; return a number"):
            check_share(metric, value)


@pytest.mark.parametrize("function", [one_number, scaled_by_the_batch])
def test_a_metric_must_not_depend_on_the_batches(function):
    wrapped = keras.metrics.MeanMetricWrapper(function, name="own")
    for kind, outputs in (("binary", 1), ("regression", 2)):
        with pytest.raises(ProblemError, match="let its function return one number for each row"):
            scorer(wrapped, kind, outputs, 2, mode="min")


def test_metrics_of_the_users_own():
    for own, outputs in ((Matthews(), 1), (Unregistered(name="own"), 2)):
        metric = metric_of(own, "max", "binary")
        assert metric.custom[0][:2] == ["tests.support.user_models", type(own).__name__]
        assert type(make_metric(metric, "binary", outputs)) is type(own)
        assert scorer(own, "binary", outputs, 2, mode="max").numbers
    for name in ("own_mse", "one_hot_mse", None):
        wrapped = keras.metrics.MeanMetricWrapper(one_hot_mse, name=name)
        assert scorer(wrapped, "binary", 1, 2, mode="min").metric._fn is one_hot_mse
    with pytest.raises(ProblemError, match=r"MeanMetricWrapper\(function\)"):
        metric_of(one_hot_mse, "min", "binary")


def test_a_metric_of_a_notebook_cannot_travel(monkeypatch):
    monkeypatch.setattr(Unregistered, "__module__", "__main__")
    with pytest.raises(ProblemError, match=r"metric 'own' holds 'Unregistered', defined in the notebook"):
        metric_of(Unregistered(name="own"), "max", "binary")


@pytest.mark.parametrize(
    ("loss", "activation", "metric", "link"),
    [
        ("hinge", "tanh", None, "sigmoid"),
        (keras.losses.SquaredHinge(), None, "auc", "sigmoid"),
        (keras.losses.hinge, None, None, "sigmoid"),
        ("hinge", "sigmoid", None, None),  # its outputs are never negative: their middle is 0.5
        ("hinge", "tanh", "hinge", None),
        ("mse", "tanh", None, None),
        (keras.losses.BinaryCrossentropy(from_logits=True), None, "auc", "sigmoid"),
        (keras.losses.BinaryCrossentropy(from_logits=True), None,
         keras.metrics.BinaryCrossentropy(from_logits=True), None),
    ],
)  # fmt: skip
def test_margins_and_logits_become_probabilities(loss, activation, metric, link):
    assert scorer(metric, "binary", 1, 2, loss=loss, activation=activation).link == link


def test_metrics_that_do_not_fit():
    shape = DataShape(np.zeros((6, 4), np.float32), "multiclass", 3, 3)
    form = {"text": "mlp(3)", "outputs": 3}
    with pytest.raises(ProblemError, match="several numbers"):
        build(form, {}, shape, metric_of(keras.metrics.F1Score(), None, "multiclass"))
    with pytest.raises(ProblemError, match="does not fit multiclass data"):
        build(
            form, {}, shape, metric_of(keras.metrics.AUC(multi_label=True, num_labels=2), None, "multiclass")
        )
