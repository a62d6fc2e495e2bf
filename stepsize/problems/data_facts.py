"""Facts about data and its parts: class shares, the score of a constant answer, one sample, copied rows."""

from __future__ import annotations

import numpy as np

from stepsize.problems.data import Data
from stepsize.problems.metrics import Metric, metric_of
from stepsize.problems.preprocessing import preparation_notes
from stepsize.problems.score_steps import class_counts, score_step
from stepsize.problems.splitting.splits import Parts, Split

COMPARED = 2**26  # bytes of inputs up to which rows are compared with each other


def describe(
    data: Data, parts: Parts, split: Split | None = None, metric: Metric | None = None
) -> dict[str, object]:
    """Return what data and one split of it can tell, as the `data` of an answer.

    - `target`: the column to predict, or several with commas between; None if the data was no table.
    - `parts`: rows, and class counts and shares (or mean and sd of a quantity), of each part.
    - `majority_baseline`: the accuracy of always answering the validation part's most frequent class (for
      labels, of each label apart); for quantities the R2 of always answering the mean, 0.
    - `sample_value`: how much one row can change a score by `metric`, by default the accuracy; None if it has
      no steps, see `score_step`. A cross-validation judges each row once, so all rows count.
    - `held_out`: whether a test part of the data judges.
    - `copies`: the validation rows whose inputs also occur in a training row; None if the data is too large
      to compare.

    >>> from stepsize.problems.loading.catalog import ionosphere
    >>> facts = describe(ionosphere(), Split("lesson", 0.33).parts(ionosphere(), seed=0))
    >>> round(facts["majority_baseline"], 3), round(facts["sample_value"], 4)
    (0.922, 0.0086)
    """
    judged = parts.valid
    if split is not None and split.kind == "kfold" and data.test is None:
        judged = np.arange(data.rows)
    return {
        "name": data.name,
        "kind": data.kind,
        "target": ", ".join(data.columns.target) if data.columns is not None else None,
        "rows": data.rows,
        "groups": None if data.groups is None else len(np.unique(data.groups)),
        "features": sum(int(np.prod(each.shape[1:])) for each in data.inputs.values()),
        "classes": list(data.classes),
        "parts": {"train": _part(data, parts.train), "validation": _part(data, parts.valid)},
        "shares_vary": False,
        "majority_baseline": _baseline(data, parts.valid),
        "baseline_metric": "r2" if data.kind == "regression" else "accuracy",
        "sample_value": score_step(metric or metric_of(None, None, data.kind), data, judged),
        "held_out": data.test is not None and (split is None or split.kind not in ("lesson", "test")),
        "copies": _copies(data, parts),
        "notes": [*data.notes, *preparation_notes(data)],
        "source": data.source,
    }


def _part(data: Data, rows: np.ndarray) -> dict[str, object]:
    if data.kind == "regression":
        values = data.y[rows]
        return {"rows": len(rows), "mean": float(values.mean()), "sd": float(values.std())}
    counts = class_counts(data, rows)
    return {
        "rows": len(rows),
        "counts": {name: int(n) for name, n in zip(data.classes, counts, strict=True)},
        "shares": {name: float(n / len(rows)) for name, n in zip(data.classes, counts, strict=True)},
    }


def _baseline(data: Data, valid: np.ndarray) -> float:
    if data.kind == "regression":
        return 0.0
    shares = class_counts(data, valid) / len(valid)
    return float(np.maximum(shares, 1 - shares).mean() if data.kind == "multilabel" else shares.max())


def _copies(data: Data, parts: Parts) -> int | None:
    if sum(array.nbytes for array in data.inputs.values()) > COMPARED:
        return None
    rows = [np.ascontiguousarray(each).reshape(data.rows, -1) for each in data.inputs.values()]
    train, valid = (
        [tuple(each[row].tobytes() for each in rows) for row in part] for part in (parts.train, parts.valid)
    )
    training_rows = set(train)
    return sum(row in training_rows for row in valid)
