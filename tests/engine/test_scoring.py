"""R2 in float32 is the R2 of float64 numbers, wherever the target lies."""

import numpy as np
import pytest
from sklearn.metrics import r2_score

from stepsize.engine.scoring import KerasMetric, origin
from stepsize.engine.task import Task
from stepsize.problems.metrics import metric_of
from stepsize.problems.models.keras_models import DataShape, build

ROWS = 1500


def scored(name, y, predicted, target=None):
    """The metric of predictions, added in chunks as a population does it."""
    metric = metric_of(name, None, "regression")
    x = np.zeros((ROWS, 1), np.float32)
    task = Task({}, {}, x, y[:, None], "regression", 0, 1, 1000, 32, 1, metric=metric)
    built = build({"text": "linear", "outputs": 1}, {}, DataShape(x, "regression", 0, 1), metric)
    scorer = KerasMetric(built.scorer, origin(task.metric, task.kind, task.y))
    state = scorer.start(ROWS)
    for first in range(0, ROWS, 500):
        rows = slice(first, first + 500)
        state = scorer.add(state, y[rows, None], predicted[rows, None], target)
    return float(scorer.result(state))


@pytest.mark.parametrize(("mean", "sd"), [(0, 1), (1998, 11), (101325, 50), (1e6, 100), (48.1, 0.01)])
def test_r2(mean, sd):
    rng = np.random.default_rng(0)
    noise, error = rng.normal(size=(2, ROWS))
    y = (mean + sd * noise).astype(np.float32)
    predicted = (mean + sd * (0.8 * noise + 0.3 * error)).astype(np.float32)
    expected = r2_score(y.astype(float), predicted.astype(float))
    assert scored("r2", y, predicted) == pytest.approx(expected, abs=1e-5)
    standardised = ((predicted.astype(float) - mean) / sd).astype(np.float32)
    units = np.float32([mean]), np.float32([sd])
    assert scored("r2", y, standardised, units) == pytest.approx(expected, abs=2e-3)


def test_relative_errors_are_not_shifted():
    y = np.full(ROWS, 200.0, np.float32) + np.arange(ROWS, dtype=np.float32) % 2
    assert scored("mape", y, y * np.float32(1.1)) == pytest.approx(10, rel=1e-4)
    assert scored("mae", y, y + np.float32(2)) == pytest.approx(2, rel=1e-4)
