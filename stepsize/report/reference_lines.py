"""What needs no network, for scale: the scores of a constant answer and of simple models."""

from __future__ import annotations

from statistics import mean

from stepsize.number_format import Scale, counted, finite
from stepsize.verdict.answer import Answer
from stepsize.verdict.data_notes import constant_baseline
from stepsize.verdict.references import scores_of

_CONSTANTS: dict[tuple[str | None, str], str] = {
    **{(kind, "accuracy"): "always the most common class" for kind in ("binary", "multiclass", "multilabel")},
    ("regression", "r2"): "always the mean of the training rows",
}


def reference_lines(answer: Answer, scale: Scale) -> list[tuple[str, str, float]]:
    """Return what a constant answer and simple models score, for scale."""
    data, protocol, seeds = answer["data"], answer["study"]["protocol"], len(answer["study"]["seeds"])
    named = []
    constant = finite(constant_baseline(data, protocol))
    if constant is not None:
        named.append(
            (_CONSTANTS.get((data["kind"], protocol["metric"]), "same answer for every row"), constant)
        )
    for each in data["references"]:
        scores = scores_of(answer, each)
        n = len(scores)
        named.append((each["name"] + (f" ({counted(n, 'seed')})" if n < seeds else ""), mean(scores)))
    return [(name, f"{scale.number(value)} {scale.unit}".strip(), value) for name, value in named]
