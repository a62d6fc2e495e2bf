"""What simple models score on the splits of a study: logistic and linear regression by scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stepsize.errors import require
from stepsize.problems.splitting.splits import Parts

if TYPE_CHECKING:
    from stepsize.problems.problem import Problem

MOST_SEEDS = 10
WORK = 8_000_000  # rows by features by outputs: so much takes scikit-learn about a second
MOST_SPREADS = 1_000


class Rows(NamedTuple):
    """Inputs and targets of a seed, ready for scikit-learn."""

    x: np.ndarray
    y: np.ndarray


def references(problem: Problem, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return the scores of a simple model on the first seeds, as `references` of an answer; maybe none.

    It sees the same rows as a run of the seed, filled and scaled by those it is fitted to. There is none for
    images, several inputs, labels, other metrics, and tables that would take seconds.

    >>> from stepsize.problems.problem import problem
    >>> (logistic,) = references(problem("ionosphere", split="stratified"), range(2))
    >>> logistic["name"], len(logistic["scores"])
    ('logistic regression', 2)
    """
    data = problem.data
    score = SCORES.get((data.kind == "regression", problem.scored_by.name))
    inputs = list(data.inputs.values())
    if score is None or problem.scored_by.form is not None or data.kind == "multilabel":
        return []
    if len(inputs) > 1 or inputs[0].ndim != 2 or inputs[0].dtype.kind != "f":
        return []
    work = inputs[0].size * max(1, len(data.classes) if data.kind == "multiclass" else 1)
    count = min(MOST_SEEDS, len(seeds), WORK // work)
    with _one_thread():
        scores = [_score(problem, problem.parts(seed), score) for seed in seeds[:count]]
    name = "linear regression" if data.kind == "regression" else "logistic regression"
    return [{"name": name, "scores": scores}] if scores else []


def target_spreads(problem: Problem, seeds: Sequence[int]) -> list[float]:
    """Return the standard deviation of the target in the validation rows of each seed; none for classes.

    An R2 with it is an error in the units of the target: spread * sqrt(1 - R2).
    """
    data = problem.data
    if data.kind != "regression" or data.outputs > 1 or problem.scored_by.name != "r2":
        return []
    return [float(data.y[problem.parts(seed).valid].std()) for seed in seeds[:MOST_SPREADS]]


def _one_thread() -> Any:
    """Return a context in which linear algebra uses one thread.

    The tables are small, so more threads cost more than they bring, above all beside a training process.
    """
    require("train", "sklearn")
    from threadpoolctl import threadpool_limits  # a dependency of scikit-learn

    return threadpool_limits(1)


def _score(problem: Problem, parts: Parts, score: Callable[[Any, Rows], float]) -> float:
    """Return the score of a simple model that is fitted to the training rows of a split."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    is_quantity = problem.data.kind == "regression"
    last = LinearRegression() if is_quantity else LogisticRegression(max_iter=1_000)
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    model = make_pipeline(fill, StandardScaler(), last)
    (x,), y = problem.data.inputs.values(), problem.data.y
    train, valid = (Rows(x[rows].astype(np.float64), y[rows]) for rows in (parts.train, parts.valid))
    if not is_quantity and len(np.unique(train.y)) < 2:
        return float((valid.y == train.y[0]).mean())  # scikit-learn refuses to fit a single class
    return score(model.fit(*train), valid)


def _accuracy(model: Any, rows: Rows) -> float:
    return float((model.predict(rows.x) == rows.y).mean())


def _r2(model: Any, rows: Rows) -> float:
    return float(model.score(*rows))


def _mean_absolute_error(model: Any, rows: Rows) -> float:
    return float(np.abs(model.predict(rows.x) - rows.y).mean())


def _mean_squared_error(model: Any, rows: Rows) -> float:
    return float(((model.predict(rows.x) - rows.y) ** 2).mean())


SCORES: dict[tuple[bool, str], Callable[[Any, Rows], float]] = {  # by whether it is a regression, and metric
    (False, "accuracy"): _accuracy,
    (True, "r2"): _r2,
    (True, "mae"): _mean_absolute_error,
    (True, "mean_absolute_error"): _mean_absolute_error,
    (True, "mse"): _mean_squared_error,
    (True, "mean_squared_error"): _mean_squared_error,
    (True, "root_mean_squared_error"): lambda model, rows: _mean_squared_error(model, rows) ** 0.5,
}
