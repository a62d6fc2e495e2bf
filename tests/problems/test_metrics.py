"""Metrics: our table agrees with Keras, and what has no direction or does not fit says so."""

import keras
import numpy as np
import pytest

from stepsize.errors import ProblemError
from stepsize.metric_directions import HIGHER, LOWER
from stepsize.problems.metrics import make_metric, metric_of
from stepsize.problems.models.keras_models import DataShape, build


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
        (3, None, "binary", "must be the name of a Keras metric"),
        (keras.metrics.FalsePositives(), None, "binary", "add mode='max' or mode='min'"),
    ],
)
def test_refusals(metric, mode, kind, words):
    with pytest.raises(ProblemError, match=words):
        metric_of(metric, mode, kind)


def test_metrics_that_do_not_fit():
    shape = DataShape(np.zeros((6, 4), np.float32), "multiclass", 3, 3)
    form = {"text": "mlp(3)", "outputs": 3}
    with pytest.raises(ProblemError, match="several numbers"):
        build(form, {}, shape, metric_of(keras.metrics.F1Score(), None, "multiclass"))
    with pytest.raises(ProblemError, match="does not fit multiclass data"):
        build(form, {}, shape, metric_of(keras.metrics.MeanIoU(num_classes=2), None, "multiclass"))
    assert make_metric(metric_of("f1_score", None, "multiclass"), "multiclass", 3).average == "macro"
