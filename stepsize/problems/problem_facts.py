"""What the answer of a study reports about its problem."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stepsize.number_format import counted
from stepsize.problems.data_facts import describe
from stepsize.problems.model_notes import averaging_notes, model_notes
from stepsize.problems.models.model_transport import identity, is_text
from stepsize.problems.optimizer_facts import optimizer_facts
from stepsize.problems.preprocessing import scaling_advice
from stepsize.problems.references import constant_answer, constant_score

NO_R2 = 0.05  # the R2 of the training rows' mean is 0, or a little below it where the rows are drawn


def problem_facts(problem: Any, form: Mapping[str, Any], seeds: Sequence[int] = ()) -> dict[str, Any]:
    """Return the facts of a `Problem` as JSON values; `form` is the travel form of a Keras model.

    A constant answer is scored on the `seeds` of a study.
    """
    data: dict[str, Any] = describe(problem.data, problem.parts(0), problem.split, problem.scored_by)
    data["scaled"] = problem.scaled
    metric, answer = problem.scored_by, constant_answer(problem, seeds)
    data["shares_vary"] = answer is not None
    if data["kind"] == "regression" or metric.name != data["baseline_metric"]:
        constant = constant_score(problem, seeds)
        is_zero = metric.name == "r2" and constant is not None and constant > -NO_R2
        if constant is not None and not is_zero:
            data |= {"majority_baseline": constant, "baseline_metric": metric.name}
    elif answer is not None:
        data["majority_baseline"] = answer.accuracy
        if answer.name is not None:
            data["majority_class"] = answer.name
    if tied := _tied_rows(problem):
        data["notes"].append(
            f"order: {counted(tied, 'training row')} and the earliest validation rows have the same time"
        )
    if problem.scales_target:
        data["notes"].append("target: standardised by the training rows, for the loss")
    if problem.scaled:
        data["notes"].append(scaling_advice(problem.data, problem.scales_target))
    facts = {"protocol": protocol_facts(problem, form), "data": data}
    return facts if problem.series is None else {"repeats_first_run": True, **facts}


def _tied_rows(problem: Any) -> int:
    """Return how many training rows have the time of the earliest validation row in a split by time."""
    order = problem.data.order
    if order is None or problem.split.kind != "time":
        return 0
    parts = problem.parts(0, judge=False)
    return int((order[parts.train] == order[parts.valid].min()).sum())


def protocol_facts(problem: Any, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all runs of a `Problem` share, as JSON values."""
    metric = problem.scored_by
    default = metric if problem.metric is None else None
    warnings: list[str] = []
    if problem.torch_source is None:
        model = str(form.get("text") or form.get("factory") or "Keras model")
        notes = [] if is_text(problem.model) else list(model_notes(form, problem.data, default))
    else:
        model, notes = f"{problem.torch_source.factory.name} (PyTorch)", problem.torch_source.notes
        warnings = problem.torch_source.warnings
    return {
        "epochs": problem.epochs,
        "batch_size": problem.batch_size,
        "updates_per_epoch": problem.updates_per_epoch,
        "horizon": problem.epochs * problem.updates_per_epoch,
        "model": model,
        "model_notes": [*notes, *averaging_notes(metric, problem.data)],
        "model_warnings": warnings,
        **optimizer_facts(problem, form),
        "metric": metric.name,
        "higher_is_better": metric.higher_is_better,
        "share": metric.share,
        "split": split_text(problem),
        "split_kind": problem.split.kind,
        "folds": problem.split.folds if problem.split.kind == "kfold" else None,
    }


def split_text(problem: Any) -> str:
    """Return how rows are split, in words; with the sizes of parts that the data name themselves."""
    if problem.split.kind != "column":
        return str(problem.split)
    parts = problem.parts(0)
    return f"{problem.split}: {len(parts.train):,} train, {len(parts.valid):,} valid"


def problem_digest(problem: Any, form: Mapping[str, Any]) -> str:
    """Return sixteen hexadecimal digits that change with everything in a `Problem` that affects results."""
    source = problem.torch_source
    parts = (
        source.identity if source else identity(form), problem.data.digest, problem.epochs,
        problem.batch_size, *problem.split.identity, dict(problem.settings or {}),
    )  # fmt: skip
    if problem.metric is not None or problem.class_weight is not None:
        weights = problem.class_weight or {}
        by_class = weights if isinstance(weights, str) else {str(k): float(v) for k, v in weights.items()}
        parts += (asdict(problem.scored_by), by_class)
    if problem.data.kind == "binary" and not is_text(problem.model) and problem.metric is not None:
        parts += ("second class",)  # two outputs were once scored as if each were a row
    if problem.scored_by.is_exact_area:
        parts += ("exact",)  # the area was once that of 200 thresholds
    if source and source.series is None and any(group.own for group in source.model.optimizer.groups):
        parts += ("own settings",)  # candidates' settings once replaced those of groups
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
