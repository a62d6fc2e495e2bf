"""Notes on a model of the user's own: what differs from its own `fit`, and what does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stepsize.problems.data import Data
from stepsize.problems.metrics import Metric

SIGNS = (-1.0, 1.0)
LISTED = 6  # classes or metrics that a note names at most


def model_notes(form: Mapping[str, Any], data: Data, default_metric: Metric | None) -> Iterator[str]:
    """Yield what a user of a model of their own may want to know of how it is trained and judged.

    `form` is its travel form, and `default_metric` scores the runs unless the user chose another.
    """
    if not form.get("scaled"):
        yield "it gets its inputs as its own fit would: nothing is filled or scaled"
    if form.get("from_weights"):
        yield "every run starts from the weights that it has (from_weights=True)"
        if "factory" in form:
            yield (
                "a file of weights that its factory reads is not part of the fingerprint: if it changes, use "
                "another store"
            )
    yield from form.get("notes", [])
    if "factory" in form:  # only the training process knows its optimizer
        yield "the schedules that are compared set its rate, whatever rate or schedule it is compiled with"
    yield from target_notes(data)
    if default_metric is not None:
        yield from metric_notes(form, default_metric)


def class_labels(data: Data) -> list[float] | None:
    """Return the numbers that the classes of data are called; None if one of them is called otherwise."""
    if data.kind not in ("binary", "multiclass") or data.one_hot:
        return None
    try:
        return [float(name) for name in data.classes]
    except ValueError:
        return None


def has_signs(data: Data) -> bool:
    """Return whether the two classes are called -1 and 1.

    >>> from stepsize.problems.data import from_arrays
    >>> has_signs(from_arrays("toy", [[1.0], [2.0], [3.0], [4.0]], [1, -1, 1, -1], "made up"))
    True
    """
    return class_labels(data) == list(SIGNS)


def target_notes(data: Data) -> Iterator[str]:
    """Yield how a loss gets classes that are called by other numbers than 0, 1 and so on."""
    if has_signs(data):
        yield (
            "with one output, its loss gets the classes as -1 and 1, as in its own fit, and the sign of the "
            "output is the answer; a cross-entropy, or a loss of two outputs, gets 0 and 1"
        )
    elif numbered := renumbered(data):
        yield f"{numbered}, unlike in its own fit; if they are quantities, use kind='regression'"


def renumbered(data: Data) -> str | None:
    """Return how a loss gets classes that are called by other numbers than 0, 1 and so on, or None."""
    labels = class_labels(data)
    if labels is None or labels == list(range(len(labels))):
        return None
    names = ", ".join(data.classes[:LISTED]) + (", ..." if len(labels) > LISTED else "")
    return f"its loss gets the classes {names} as the numbers 0 to {len(labels) - 1}"


def metric_notes(form: Mapping[str, Any], scored_by: Metric) -> Iterator[str]:
    """Yield that the metrics that a model is compiled with do not judge it."""
    names: Sequence[str] | None = form.get("metrics")
    if names is None:  # only the training process knows
        if "factory" in form:
            example = "mae" if scored_by.name == "r2" else "auc"
            yield (
                f"{scored_by.name} scores the runs, whatever metrics the model is compiled with; choose "
                f"another with, for example, metric={example!r}"
            )
    elif others := [name for name in names if not _is_same(name, scored_by.name)]:
        yield (
            f"{scored_by.name} scores the runs, not the metrics that the model is compiled with "
            f"({', '.join(others[:LISTED])}); choose one of them with, for example, metric={others[0]!r}"
        )


def averaging_notes(scored_by: Metric, data: Data) -> Iterator[str]:
    """Yield what an F1 of two classes measures if it is one of both, not of the second class.

    One without a threshold compares the outputs of a row, so the model must have two.
    """
    form = scored_by.form or {}
    if data.kind != "binary" or scored_by.custom or form.get("class_name") not in ("F1Score", "FBetaScore"):
        return
    average = form["config"].get("average")
    if form["config"].get("threshold") is None:
        what = "counts the answers of both, which makes it the accuracy"
        if average != "micro":
            what = "is a mean over both classes"
        yield (f"{scored_by.name} {what}; metric='f1_score' is that of class {data.classes[1]!r}")


def _is_same(name: str, scored_by: str) -> bool:
    """Return whether a metric is the one that scores; the accuracy has a name for each form of targets."""
    return name == scored_by or (scored_by == "accuracy" and name.endswith(("acc", "accuracy")))
