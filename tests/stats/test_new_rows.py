"""The interval for new rows holds their score: many small tables from one population, real learners."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from scipy import stats as scipy_stats
from sklearn import config_context
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from stepsize.errors import StudyError
from stepsize.stats import new_rows_interval, summarise

ROWS, VALIDATION, SEEDS, TABLES = 150, 50, 15, 100
LEARNERS = {
    "bayes": GaussianNB(),
    "neighbours": KNeighborsClassifier(5),
    "logistic": LogisticRegression(solver="newton-cholesky"),
}


@cache
def studies(learner: str) -> tuple[np.ndarray, float]:
    """Return the accuracies [tables, seeds] and the population's, of models trained on as many rows."""
    count = ROWS * TABLES
    x, y = make_classification(count + 20_000, n_features=8, n_informative=5, class_sep=1.3, random_state=0)
    generator, model = np.random.default_rng(0), LEARNERS[learner]
    scores, true = np.empty((TABLES, SEEDS)), []
    for table in range(TABLES):
        for seed in range(SEEDS):
            rows = ROWS * table + generator.permutation(ROWS)
            model.fit(x[rows[VALIDATION:]], y[rows[VALIDATION:]])
            scores[table, seed] = model.score(x[rows[:VALIDATION]], y[rows[:VALIDATION]])
        new = count + generator.integers(0, 20_000, 500)
        true.append(model.score(x[new], y[new]))
    return scores, float(np.mean(true))


def coverage(intervals, truth: float) -> float:
    return float(np.mean([low <= truth <= high for low, high in intervals]))


def for_new_rows(scores):
    return [
        new_rows_interval(each, share=True, judged_rows=ROWS, rows_per_seed=VALIDATION, table_rows=ROWS)
        for each in scores
    ]


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Let scikit-learn not check thousands of small arrays, which takes half the time."""
    with config_context(assume_finite=True, skip_parameter_validation=True):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("learner", LEARNERS)
def test_it_holds_the_accuracy_on_new_rows(learner):
    scores, truth = studies(learner)
    slack = 2.5 * np.sqrt(0.05 * 0.95 / TABLES)
    assert coverage(for_new_rows(scores), truth) == pytest.approx(0.95, abs=slack)


@pytest.mark.slow
def test_the_interval_over_seeds_does_not():
    scores, truth = studies("bayes")
    assert coverage([summarise(each).ci95 for each in scores], truth) < 0.75


@pytest.mark.slow
def test_another_metric_uses_the_change_from_split_to_split():
    generator, model = np.random.default_rng(1), Ridge()

    def draw(rows):
        x = generator.normal(size=(rows, 6))
        return x, x @ np.array([1.0, 0.5, 0.3, 0, 0, 0]) + generator.normal(size=rows)

    x_new, y_new = draw(20_000)
    intervals, true = [], []
    for _ in range(TABLES):
        x, y = draw(ROWS)
        scores = []
        for _ in range(SEEDS):
            rows = generator.permutation(ROWS)
            model.fit(x[rows[VALIDATION:]], y[rows[VALIDATION:]])
            scores.append(model.score(x[rows[:VALIDATION]], y[rows[:VALIDATION]]))
        true.append(model.score(x_new, y_new))
        intervals.append(
            new_rows_interval(
                scores, share=False, judged_rows=ROWS, rows_per_seed=VALIDATION, table_rows=ROWS
            )
        )
    assert 0.88 <= coverage(intervals, float(np.mean(true))) <= 0.99


def test_without_any_change_over_seeds_it_is_the_interval_of_wilson():
    low, high = new_rows_interval([0.9] * 30, share=True, judged_rows=100, rows_per_seed=100, table_rows=300)
    z = scipy_stats.t.ppf(0.975, 99)
    centre, half = 0.9 + z**2 / 200, z * np.sqrt(0.09 / 100 + z**2 / 40_000)
    expected = ((centre - half) / (1 + z**2 / 100), (centre + half) / (1 + z**2 / 100))
    assert (low, high) == pytest.approx(expected)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_no_mistake_at_all_is_no_promise(score):
    low, high = new_rows_interval(
        [score] * 30, share=True, judged_rows=116, rows_per_seed=116, table_rows=351
    )
    assert high - low == pytest.approx(0.033, abs=0.002)
    assert min(low, 1 - high) == pytest.approx(0, abs=1e-12)  # SciPy 1.15 leaves a rounding error


def test_it_is_wider_than_over_seeds_and_narrows_with_rows():
    scores = np.random.default_rng(0).normal(0.9, 0.02, 30)
    widths = [np.diff(summarise(scores).ci95)[0]]
    for rows in (100_000, 351, 116):
        ends = new_rows_interval(scores, share=True, judged_rows=rows, rows_per_seed=50, table_rows=rows)
        widths.append(np.diff(ends)[0])
    assert widths == sorted(widths)


def test_where_it_cannot_be_known_there_is_none():
    fixed = {"judged_rows": 50, "rows_per_seed": 50, "table_rows": 150}
    assert new_rows_interval([0.3, 0.4], share=False, **fixed) is None
    assert new_rows_interval([0.3, 0.4], share=True, **fixed) is not None
    assert new_rows_interval([0.3, np.nan], share=True, **fixed) is None


@pytest.mark.parametrize(
    ("scores", "rows", "message"),
    [
        ([91.0, 92.0], (150, 50, 150), "divide percentages by 100"),
        ([0.9, 0.8], (50, 51, 150), "rows_per_seed=51, judged_rows=50, table_rows=150"),
        ([0.9, 0.8], (200, 50, 150), "judged_rows=200"),
        ([0.9, 0.8], (50, 0, 150), "rows_per_seed=0"),
    ],
)
def test_what_does_not_fit_is_refused(scores, rows, message):
    judged, per_seed, table = rows
    with pytest.raises(StudyError, match=message):
        new_rows_interval(scores, share=True, judged_rows=judged, rows_per_seed=per_seed, table_rows=table)
