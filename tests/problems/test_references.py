"""Logistic and linear regression on the splits of a study."""

from __future__ import annotations

import numpy as np
import pytest

import stepsize as ss
from stepsize.problems.references import WORK, references, target_spreads
from stepsize.verdict import references as words
from tests.support.answers import recorded_answer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))


def problem(y, **options):
    return ss.Problem(options.pop("model", "mlp(4)"), (X, y), name="toy", **options)


def test_it_is_scikit_learns_own_score_on_the_same_rows():
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    y = (X[:, 0] + 0.3 * RNG.normal(size=120) > 0).astype(int)
    toy = problem(y)
    (reference,) = references(toy, range(3))
    assert reference["name"] == "logistic regression"
    for seed, score in enumerate(reference["scores"]):
        parts = toy.parts(seed)
        scaler = StandardScaler().fit(X[parts.train])
        model = LogisticRegression(max_iter=1000).fit(scaler.transform(X[parts.train]), y[parts.train])
        assert score == pytest.approx(model.score(scaler.transform(X[parts.valid]), y[parts.valid]))


@pytest.mark.parametrize(("metric", "best"), [(None, 1.0), ("mae", 0.0), ("root_mean_squared_error", 0.0)])
def test_a_regression_in_each_metric(metric, best):
    toy = problem(1_000 + 50 * X[:, 0], metric=metric)
    (reference,) = references(toy, range(2))
    assert reference["name"] == "linear regression"
    assert reference["scores"] == pytest.approx([best, best], abs=1e-4)
    spreads = target_spreads(toy, range(2))
    assert len(spreads) == (2 if metric is None else 0)
    assert all(spread == pytest.approx(50, rel=0.4) for spread in spreads)


def test_there_is_none_where_it_would_not_be_the_same_question():
    labels = RNG.integers(0, 2, (120, 3))
    assert references(problem(labels), range(2)) == []
    assert references(problem(X[:, 0] > 0, metric="auc"), range(2)) == []
    images = ss.Problem("mlp(4)", (RNG.normal(size=(120, 6, 6)), np.arange(120) % 2), name="images")
    assert references(images, range(2)) == []


def test_it_takes_no_longer_than_a_second_or_so():
    wide = ss.Problem("mlp(4)", (RNG.normal(size=(WORK // 4_000, 3_000)), np.arange(WORK // 4_000) % 2))
    assert len(references(wide, range(30))[0]["scores"]) == 1
    huge = ss.Problem("mlp(4)", (RNG.normal(size=(WORK // 2_000, 3_000)), np.arange(WORK // 2_000) % 2))
    assert references(huge, range(30)) == []


@pytest.mark.parametrize(("theirs", "warned"), [(0.99, 1), (0.91, 0)])
def test_a_warning_where_it_wins_by_more_than_the_margin(theirs, warned):
    answer = recorded_answer()
    answer["data"]["references"] = [{"name": "logistic regression", "scores": [theirs] * 12}]
    assert len(list(words.warnings(answer))) == warned
    assert f"scores {100 * theirs:.1f} % on the same rows (12 seeds)" in " ".join(words.notes(answer))
