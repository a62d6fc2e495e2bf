"""Facts about data and its parts, for each kind of target."""

import keras
import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from stepsize.problems.data_facts import describe
from stepsize.problems.loading.catalog import ionosphere, load
from stepsize.problems.metrics import metric_of
from stepsize.problems.splitting.splits import Parts, Split
from tests.support.user_models import Accuracy

X = np.arange(40.0)[:, None]


def test_facts_of_the_lessons_split():
    data = ionosphere()
    facts = describe(data, Split("lesson", 0.33).parts(data, 0))
    assert facts["parts"]["validation"]["counts"] == {"b": 9, "g": 107}
    assert facts["parts"]["train"]["counts"] == {"b": 117, "g": 118}
    assert facts["majority_baseline"] == pytest.approx(0.9224, abs=1e-4)
    assert facts["sample_value"] == 1 / 116
    assert facts["notes"] == []


def test_quantities_have_no_classes_and_no_steps():
    data = load((X, np.sin(X)))
    parts = Split().parts(data, 0)
    facts = describe(data, parts)
    assert (facts["classes"], facts["sample_value"], facts["baseline_metric"]) == ([], None, "r2")
    assert set(facts["parts"]["train"]) == {"rows", "mean", "sd"}
    mean = DummyRegressor().fit(X[parts.train], data.y[parts.train])
    assert facts["majority_baseline"] == pytest.approx(mean.score(X[parts.train], data.y[parts.train]))


def test_labels_count_each_answer():
    y = np.array([[0, 1], [1, 1], [0, 1], [0, 0]] * 10)
    data = load((X, y))
    facts = describe(data, Parts(np.arange(20), np.arange(20, 40)))
    assert facts["parts"]["validation"]["shares"] == {"0": 0.25, "1": 0.75}
    assert facts["majority_baseline"] == 0.75
    assert facts["sample_value"] == 1 / 40


@pytest.mark.parametrize(
    ("metric", "y", "step"),
    [
        ("accuracy", [0, 0, 0, 1], 1 / 20),
        ("binary_accuracy", [0, 0, 0, 1], 1 / 20),
        ("recall", [0, 0, 0, 1], 1 / 5),
        (keras.metrics.Recall(name="found"), [0, 0, 0, 1], 1 / 5),
        (keras.metrics.Recall(class_id=0), [0, 0, 0, 1], 1 / 15),
        ("precision", [0, 0, 0, 1], 1 / 5),
        ("f1_score", [0, 0, 0, 1], 1 / 5),
        ("auc", [0, 0, 0, 1], None),
        ("binary_crossentropy", [0, 0, 0, 1], None),
        ("mae", [0, 0, 0, 1], None),
        (Accuracy(), [0, 0, 0, 1], None),
        ("top_k_categorical_accuracy", [0, 1, 2, 2], 1 / 20),
        ("recall", [0, 1, 2, 2], 1 / 20),
        ("f1_score", [0, 1, 2, 2], 1 / 15),
        ("categorical_crossentropy", [0, 1, 2, 2], None),
    ],
)
def test_the_step_of_a_score_is_that_of_its_metric(metric, y, step):
    data = load((X, np.array(y * 10)))
    scored_by = metric_of(metric, "max" if isinstance(metric, Accuracy) else None, data.kind)
    facts = describe(data, Parts(np.arange(20), np.arange(20, 40)), metric=scored_by)
    assert facts["sample_value"] == step


def test_a_cross_validation_judges_the_whole_table():
    data, split = ionosphere(), Split("kfold")
    assert describe(data, split.parts(data, 0), split)["sample_value"] == 1 / 351


def test_copied_rows_are_counted():
    x = np.concatenate([X[:20], X[:20]])
    data = load((x, np.arange(40) % 2))
    assert describe(data, Parts(np.arange(20), np.arange(20, 40)))["copies"] == 20
    assert describe(data, Parts(np.arange(0, 40, 2), np.arange(1, 40, 2)))["copies"] == 0
    two = load(({"a": x, "b": np.arange(40.0)}, np.arange(40) % 2))
    assert describe(two, Parts(np.arange(20), np.arange(20, 40)))["copies"] == 0


def test_notes_are_of_the_data_and_of_its_preparation():
    facts = describe(load((X, np.arange(40) % 2)), Parts(np.arange(20), np.arange(20, 40)))
    assert facts["notes"] == [
        "y: two classes, '0' and '1'",
        "fitted on the training rows of each seed: StandardScaler()",
    ]
