"""The metric called auc is the area that scikit-learn calculates, on every road."""

import jax
import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import stepsize as ss
from stepsize.engine.roc_area import RocArea
from stepsize.errors import ProblemError
from stepsize.problems.reference_scores import CLASSES


def area(kind, y, p, link=None, chunk=512):
    metric = RocArea(kind, y.shape[1], link)
    state = metric.start(len(y))
    for first in range(0, len(y), chunk):
        state = jax.jit(metric.add)(state, y[first : first + chunk], p[first : first + chunk], None)
    return float(jax.jit(metric.result)(state))


def draw(seed, rows, share, columns=1, decimals=2):
    rng = np.random.default_rng(seed)
    y = (rng.random((rows, columns)) < share).astype(np.float32)
    y[0], y[1] = 0, 1
    p = 1 / (1 + np.exp(4 - y - rng.normal(size=y.shape)))
    return y, p.round(decimals).astype(np.float32)


@pytest.mark.parametrize("decimals", [1, 2, 7])
@pytest.mark.parametrize(("rows", "share"), [(2, 0.5), (50, 0.5), (700, 0.02), (9_000, 0.001)])
def test_it_is_that_of_scikit_learn(rows, share, decimals):
    y, p = draw(rows, rows, share, decimals=decimals)
    expected = roc_auc_score(y, p)
    assert area("binary", y, p) == pytest.approx(expected, abs=2e-6)
    assert CLASSES["auc"](y, p) == pytest.approx(expected)
    both = np.hstack([1 - y, y]), np.hstack([1 - p, p])
    assert area("binary", *both) == pytest.approx(expected, abs=2e-6)


def test_keras_thresholds_are_another_area():
    y, p = draw(0, 3000, 0.01, decimals=7)
    metric = keras.metrics.AUC()
    metric.update_state(y, p / 10)
    assert abs(float(metric.result()) - roc_auc_score(y, p)) > 0.02


def test_labels_and_classes_are_one_list_and_logits_become_probabilities():
    y, p = draw(1, 300, 0.2, columns=3)
    expected = roc_auc_score(y.ravel(), p.ravel())
    assert area("multilabel", y, p) == pytest.approx(expected, abs=2e-6)
    assert CLASSES["auc"](y, p) == pytest.approx(expected)
    classes = np.eye(3, dtype=np.float32)[np.arange(300) % 3]
    logits = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32) + classes
    odds = np.exp(logits)
    expected = roc_auc_score(classes.ravel(), (odds / odds.sum(axis=1, keepdims=True)).ravel())
    assert area("multiclass", classes, logits, "softmax") == pytest.approx(expected, abs=2e-6)


def rare(rows=900):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    return x, (x[:, 0] + rng.normal(size=rows) > 2.4).astype(int)


def torch_model(series):
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def forward(self, x):
            return self.layer(x) * (2 if series and x.sum() > 1e9 else 1)

    return {"model": Net, "loss": torch.nn.BCEWithLogitsLoss(), "optimizer": torch.optim.SGD}


def scores_of(engine, **fields):
    problem = ss.Problem(data=rare(), metric="auc", epochs=2, **fields)
    result = ss.compare(problem, ["constant(0.1)"], seeds=2, store=":memory:", engine=engine, quiet=True)
    return problem, result.answer["candidates"][0]["scores"]


def test_both_roads_of_a_pytorch_model_score_the_same(engine, series_process):
    population, fast = scores_of(engine, **torch_model(series=False))
    alone, slow = scores_of(engine, **torch_model(series=True))
    assert population.series is None
    assert alone.series is not None
    assert slow == pytest.approx(fast, abs=1e-5)


def test_the_score_of_a_run_is_the_area_of_its_probabilities(engine):
    x, y = rare()
    problem = ss.Problem("logistic", (x, y), metric="auc", epochs=2)
    result = ss.compare(problem, ["constant(0.1)"], seeds=5, store=":memory:", engine=engine, quiet=True)
    trained = result.train(seed=1, engine=engine)
    expected = roc_auc_score(y[trained.validation], trained.probabilities(x[trained.validation])[:, 1])
    assert trained.score == pytest.approx(expected, abs=1e-5)
    references = result.answer["data"]["references"]
    assert not references or 0.7 < np.mean(references[0]["scores"]) < 1


def test_validation_rows_of_one_class_are_refused():
    x, y = rare(60)
    rows = np.argsort(y, kind="stable")
    problem = ss.Problem("logistic", (x, y), metric="auc", split=ss.Split.given(rows[20:], rows[:20]))
    with pytest.raises(ProblemError, match="needs rows of both classes, and the 20 rows for validation hold"):
        problem.parts(0)
    assert len(ss.Problem("logistic", (x, y), split=problem.split).parts(0).valid) == 20
