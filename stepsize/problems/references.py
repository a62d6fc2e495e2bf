"""What simple models score on the splits of a study: logistic and linear regression by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stepsize.cores import one_thread
from stepsize.errors import require
from stepsize.problems.models.model_transport import is_text
from stepsize.problems.reference_scores import Score, score_by
from stepsize.problems.score_steps import class_counts
from stepsize.problems.splitting.splits import Parts
from stepsize.problems.target_encoding import encode
from stepsize.problems.torch.user_problem import is_own_metric

MOST_SEEDS = 30
WORK = 8_000_000  # rows by features by outputs: so much takes scikit-learn about a second
MOST_SPREADS = 1_000
USUAL_SEEDS = 30  # on which a constant answer is scored, if no study says which; and the most for many rows
CONSTANT_SEEDS = 100  # the most for few rows
CONSTANT_ROWS = 2_000_000  # rows by seeds: so much takes about a second
SAME_ROWS = ("column", "given", "lesson", "test", "time")  # splits that are the same for every seed


def references(problem: Any, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return the scores of a simple model on the first seeds, as `references` of an answer; maybe none.

    It sees the same rows as a run of the seed, filled and scaled by those it is fitted to. There is none for
    images, several inputs, labels, metrics that `reference_scores` lacks, and tables that would take seconds.

    >>> from stepsize.problems.problem import problem
    >>> (logistic,) = references(problem("ionosphere", split="stratified"), range(2))
    >>> logistic["name"], len(logistic["scores"])
    ('logistic regression', 2)
    """
    data, score = problem.data, _score_of(problem)
    inputs = list(data.inputs.values())
    if score is None or data.kind == "multilabel":
        return []
    if len(inputs) > 1 or inputs[0].ndim != 2 or inputs[0].dtype.kind != "f":
        return []
    work = inputs[0].size * max(1, len(data.classes) if data.kind == "multiclass" else 1)
    count = min(MOST_SEEDS, len(seeds), WORK // work)
    require("train", "sklearn")
    with one_thread():
        scores = [_score(problem, problem.parts(seed), score) for seed in seeds[:count]]
    name = "linear regression" if data.kind == "regression" else "logistic regression"
    return [{"name": name, "scores": scores}] if scores else []


def constant_score(problem: Any, seeds: Sequence[int] = ()) -> float | None:
    """Return the score of an answer that is the same for every row, on average over seeds; None if unknown.

    The answer is the share of each class, or the mean, in the training rows.
    """
    score = _score_of(problem)
    if score is None:
        return None
    y, scores = _targets(problem), []
    for seed in _judged_seeds(problem, seeds):
        parts = problem.parts(seed)
        if not (len(parts.train) and len(parts.valid)):
            return None
        means = y[parts.train].mean(axis=0, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):  # an R2 of rows that are all equal
            scores.append(score(y[parts.valid], np.repeat(means, len(parts.valid), axis=0)))
    return float(np.mean(scores)) if np.isfinite(scores).all() else None


class ConstantAnswer(NamedTuple):
    """The best answer that is the same for every row: its class, None for labels, and its accuracy."""

    name: str | None
    accuracy: float


def constant_answer(problem: Any, seeds: Sequence[int] = ()) -> ConstantAnswer | None:
    """Return the best constant answer over seeds; None where all seeds have the shares of seed 0.

    The most common class of one seed may be common there by luck: whole groups have other shares on every
    seed, and of a stratified split or fold the class to which the last row goes.
    """
    data = problem.data
    if data.kind == "regression" or data.test is not None:
        return None
    by_seed = np.array([_class_shares(problem, seed) for seed in _judged_seeds(problem, seeds)])
    if (by_seed == _class_shares(problem, 0)).all():
        return None
    shares = by_seed.mean(axis=0)
    if data.kind == "multilabel":
        return ConstantAnswer(None, float(np.maximum(shares, 1 - shares).mean()))
    return ConstantAnswer(data.classes[int(shares.argmax())], float(shares.max()))


def _class_shares(problem: Any, seed: int) -> np.ndarray:
    """Return the share of each class, or label, in the validation rows of a seed."""
    rows = problem.parts(seed).valid
    return class_counts(problem.data, rows) / len(rows)


def _judged_seeds(problem: Any, seeds: Sequence[int]) -> Sequence[int]:
    """Return which of the `seeds` of a study, or of the usual ones without a study, have rows of their own.

    Of a cross-validation they are whole repeats, so that every row is judged as often as any other.
    """
    split = problem.split
    if split.kind in SAME_ROWS and split.train_rows is None:
        return [0]
    whole = split.folds if split.kind == "kfold" else 1
    known = sorted(seeds) or range(USUAL_SEEDS if whole == 1 else whole)
    most = min(CONSTANT_SEEDS, max(USUAL_SEEDS, CONSTANT_ROWS // problem.data.rows))
    return known[: max(1, most // whole) * whole]


def _score_of(problem: Any) -> Score | None:
    """Return how to score predictions by the metric of a problem, None if that is not known.

    The loss of a model of the user's own may get its classes in another form.
    """
    metric, kind = problem.scored_by, problem.data.kind
    if metric.form is not None or is_own_metric(problem.metric):
        return None
    usual = metric.share or kind == "regression" or is_text(problem.model)
    return score_by(metric.name, kind) if usual else None


def _targets(problem: Any) -> np.ndarray:
    """Return the targets as columns in float64: one-hot for more than two classes."""
    data = problem.data
    if data.kind == "regression":
        return data.y.reshape(data.rows, -1).astype(np.float64)
    return encode(data.y, data.kind, len(data.classes), data.outputs, numbers=False).astype(np.float64)


def target_spreads(problem: Any, seeds: Sequence[int]) -> list[float]:
    """Return the standard deviation of the target in the validation rows of each seed; none for classes.

    An R2 with it is an error in the units of the target: spread * sqrt(1 - R2).
    """
    data = problem.data
    if data.kind != "regression" or data.outputs > 1 or problem.scored_by.name != "r2":
        return []
    return [float(data.y[problem.parts(seed).valid].std()) for seed in seeds[:MOST_SPREADS]]


def _score(problem: Any, parts: Parts, score: Score) -> float:
    """Return the score of a simple model that is fitted to the training rows of a split."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = problem.data
    (x,), targets = data.inputs.values(), _targets(problem)
    train, valid = (x[rows].astype(np.float64) for rows in (parts.train, parts.valid))
    last = LinearRegression() if data.kind == "regression" else LogisticRegression(max_iter=1_000)
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    model: Any = make_pipeline(fill, StandardScaler(), last)
    if data.kind == "regression":
        predicted = model.fit(train, targets[parts.train]).predict(valid)
        return score(targets[parts.valid], predicted.reshape(len(valid), -1))
    labels = data.y[parts.train]
    known = np.unique(labels)
    p = np.zeros((len(valid), len(data.classes)))
    if len(known) < 2:  # scikit-learn refuses to fit a single class
        p[:, known] = 1.0
    else:
        p[:, known] = model.fit(train, labels).predict_proba(valid)
    return score(targets[parts.valid], p[:, 1:] if data.kind == "binary" else p)
