"""The Keras metric that scores a population, with the form of targets and predictions that it takes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from stepsize.errors import ProblemError, first_line
from stepsize.metric_directions import canonical_name
from stepsize.problems.metrics import Metric, make_metric
from stepsize.problems.target_encoding import encode, takes_class_numbers

DEFAULTS = ("accuracy", "r2")  # by name they fit all data that they are allowed for
HINGE = ("hinge", "squared_hinge")
PROBABILITIES = ("sigmoid", "softmax")


class Scorer(NamedTuple):
    """A Keras metric that fits the data and the model.

    `numbers` is true if it takes class numbers, and `signs` if it takes two classes as -1 and 1. `link` is
    "sigmoid" or "softmax" if the model returns logits (or margins, as for a hinge loss) and the metric takes
    probabilities.
    """

    metric: Any
    numbers: bool
    link: str | None
    signs: bool = False


def make_scorer(
    metric: Metric,
    kind: str,
    classes: int,
    width: int,
    model: Any,
    loss: Any,
    one_hot: bool = False,
    signs: bool = False,
) -> Scorer:
    """Build the Keras metric that scores `model`, of `width` outputs, trained with `loss`.

    With `signs` the loss gets two classes as -1 and 1.

    Raises: ProblemError if the metric does not fit the data, returns several numbers, or does not tell right
    answers from wrong ones.
    """
    plain, scorer, numbers = _fitting_metric(metric, kind, classes, width, one_hot)
    link = _link(plain, metric, kind, width, model, loss, signs)
    return Scorer(scorer, numbers, link, signs and not _is_share(plain, metric))


def scorer_of_outputs(
    metric: Metric, kind: str, classes: int, width: int, one_hot: bool, are_logits: bool
) -> Scorer:
    """Build the Keras metric that scores outputs of any framework, logits or not.

    Raises: ProblemError as `make_scorer` does.
    """
    plain, scorer, numbers = _fitting_metric(metric, kind, classes, width, one_hot)
    needs_link = are_logits and kind != "regression" and not _from_logits(plain)
    return Scorer(scorer, numbers, _link_of(kind, width) if needs_link else None)


def _fitting_metric(
    metric: Metric, kind: str, classes: int, width: int, one_hot: bool
) -> tuple[Any, Any, bool]:
    """Return the Keras metric, the same as it scores, checked, and whether it takes class numbers."""
    import keras

    from stepsize.problems.models.second_class import of_second_class

    plain = make_metric(metric, kind, width)
    numbers = takes_class_numbers(plain, one_hot)
    scorer = of_second_class(plain) if kind == "binary" and width == 2 else plain
    if not isinstance(plain, keras.metrics.Mean) or metric.form is not None or metric.name not in DEFAULTS:
        _check(plain, scorer, metric, kind, classes, width, numbers)
    if metric.custom:
        _check_batches(scorer, metric, kind, classes, width, numbers)
    return plain, scorer, numbers


def _link_of(kind: str, width: int) -> str:
    return "sigmoid" if kind == "multilabel" or width == 1 else "softmax"


def _link(
    scorer: Any, metric: Metric, kind: str, width: int, model: Any, loss: Any, signs: bool
) -> str | None:
    if kind == "regression" or _from_logits(scorer):
        return None
    link = _link_of(kind, width)
    if _from_logits(loss):
        return link
    has_margins = (signs or loss_name(loss) in HINGE) and _is_share(scorer, metric)
    last = getattr(model.layers[-1], "activation", None) if getattr(model, "layers", None) else None
    return link if has_margins and getattr(last, "__name__", None) not in PROBABILITIES else None


def _is_share(scorer: Any, metric: Metric) -> bool:
    """Return whether this is a metric of Keras that counts right answers, for which classes are 0 and 1."""
    return metric.share and type(scorer).__module__.split(".")[0] == "keras"


def _from_logits(function: Any) -> bool:
    try:
        return bool(function.get_config().get("from_logits", False))
    except (AttributeError, NotImplementedError):
        return False


def loss_name(loss: Any) -> str:
    """Return the name of a loss, of its function or its class, as Keras spells it."""
    return canonical_name(loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__))


def _check(
    plain: Any, scorer: Any, metric: Metric, kind: str, classes: int, width: int, numbers: bool
) -> None:
    """Score right answers and wrong ones; this also creates the variables that need the shape of targets."""
    scores = []
    for y, predicted in _answers(kind, classes, width):
        targets = encode(y, kind, classes, width, numbers)
        try:
            score = _score(scorer, [(targets, predicted)])
        except Exception as error:  # a user's metric may raise anything
            raise ProblemError(
                f"metric {metric.name!r} does not fit {kind} data: {first_line(error)}"
            ) from error
        if score.ndim:
            raise ProblemError(f"metric {metric.name!r} returns several numbers; pass average='macro' to it")
        scores.append(float(score))
    own = bool(metric.custom)  # in units that only its author knows
    right, wrong = scores if metric.higher_is_better else [-score for score in scores]
    if not right > wrong and not (own and kind == "regression"):
        raise ProblemError(
            f"metric {metric.name!r} scores right and wrong answers of a model with {_outputs(width)} alike, "
            f"{scores[0]:.3g} and {scores[1]:.3g}; {_advice(plain, width)}"
        )


def _score(scorer: Any, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return what a metric makes of some batches of targets and predictions, and clear it again."""
    scorer.reset_state()
    with warnings.catch_warnings(action="ignore"):  # Keras asks for int64, which JAX does not have
        for targets, predicted in batches:
            scorer.update_state(targets, predicted)
        score = np.asarray(scorer.result())
    scorer.reset_state()
    return score


def _check_batches(scorer: Any, metric: Metric, kind: str, classes: int, width: int, numbers: bool) -> None:
    """Raise ProblemError if a metric of the user's own depends on how the rows are divided into batches."""
    (y, right), (_, wrong) = _answers(kind, classes, width)
    places = 5 * np.arange(len(y)) % len(y)  # so that batches have answers of all kinds, but not the same
    mix = (places / np.float32(len(y)))[:, None]
    targets = encode(y, kind, classes, width, numbers)
    predicted = right.reshape(len(y), -1) * (1 - mix) + wrong.reshape(len(y), -1) * mix
    whole = float(_score(scorer, [(targets, predicted)]))
    parts = [(targets[rows], predicted[rows]) for rows in (slice(3), slice(3, None))]
    divided = float(_score(scorer, parts))
    if not np.isclose(whole, divided, rtol=1e-4, atol=1e-6, equal_nan=True):
        raise ProblemError(
            f"metric {metric.name!r} depends on how the rows are divided into batches: the same rows score "
            f"{whole:.3g} at once and {divided:.3g} in two; let its function return one number for each row, "
            "or keep sums over all rows in a keras.metrics.Metric of your own"
        )


def _answers(kind: str, classes: int, width: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield targets with predictions of a good model, and of a bad one."""
    rows = np.arange(2 * max(classes, width, 4))
    if kind == "regression":
        y = ((3 * rows[:, None] + 5 * np.arange(width)) % 7 + 1) / np.float32(8)
        if width > 1:
            y /= y.sum(axis=1, keepdims=True)  # so that they may be distributions, too
        yield y, y + np.float32(0.01)
        yield y, y[::-1, ::-1]
        return
    if kind == "multilabel" or width == 1:
        y = (rows[:, None] // (1 + np.arange(width))) % 2
        yield (y if kind == "multilabel" else y[:, 0]), np.float32(0.2) + np.float32(0.6) * y
        yield (y if kind == "multilabel" else y[:, 0]), np.float32(0.8) - np.float32(0.6) * y
        return
    y = rows % width
    rank = (np.arange(width) - y[:, None]) % width  # 0 for the right class
    for place in (rank, width - 1 - rank):
        likely = 1 / (1.0 + place) ** 2
        yield y, (likely / likely.sum(axis=1, keepdims=True)).astype(np.float32)


def _outputs(width: int) -> str:
    return "one output" if width == 1 else f"{width} outputs"


def _advice(scorer: Any, width: int) -> str:
    if getattr(scorer, "sparse_y_pred", False):
        return "it takes class numbers: pass sparse_y_pred=False to it"
    if type(scorer).__name__ == "Accuracy":
        return "it takes class numbers: use metric='accuracy'"
    if hasattr(scorer, "threshold") and scorer.threshold is None:
        return "pass threshold=0.5 to it"
    top = scorer.get_config().get("k")
    if top is not None and width > 1:
        return f"one of k={top} answers is always right: pass a smaller k to it, below {width}"
    return "use another metric"
