"""Simple models beside the candidates: the error of an R2, and a warning where one of them scores higher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from stepsize.stats import in_whole_repeats
from stepsize.verdict.answer import Answer, Reference
from stepsize.verdict.formatting import scale_of


def error(scores: np.ndarray, spreads: Sequence[float]) -> float | None:
    """Return the mean error in the units of the target, from an R2 and the target's spread on each seed.

    >>> error(np.array([0.75, 0.0]), [10.0, 20.0])
    12.5
    """
    pairs = [(r2, spread) for r2, spread in zip(scores.tolist(), spreads, strict=False) if np.isfinite(r2)]
    return float(np.mean([spread * max(0.0, 1 - r2) ** 0.5 for r2, spread in pairs])) if pairs else None


def scores_of(answer: Answer, reference: Reference) -> list[float]:
    """Return the scores of a simple model that count: those of whole repeats, if there is one."""
    scores, folds = reference["scores"], answer["study"]["protocol"]["folds"] or 1
    return scores[: len(scores) - len(scores) % folds] or scores


def warnings(answer: Answer) -> Iterator[str]:
    """Yield a warning for each simple model that beats every candidate by more than the margin."""
    scale, margin = scale_of(answer), answer["study"]["protocol"]["margin"]
    for reference in answer["data"]["references"]:
        best = _best(answer, reference)
        theirs = float(np.mean(scores_of(answer, reference)))
        lead = None if best is None else (theirs - best) * (1 if scale.higher_is_better else -1)
        if lead is not None and lead > margin:
            ours = f"{scale.number(best)} {scale.unit}".strip()
            yield (
                f"A {reference['name']} by scikit-learn scores {scale.number(theirs)} {scale.unit}".strip()
                + f" on the same rows, and the best candidate {ours}: here a simpler model does better, "
                "whatever the schedule."
            )


def _best(answer: Answer, reference: Reference) -> float | None:
    """Return the best mean of a candidate on the seeds of a reference, or on its repeats, if it has one."""
    study, count = answer["study"], len(scores_of(answer, reference))
    sign = 1 if study["protocol"]["higher_is_better"] else -1
    folds = study["protocol"]["folds"]
    folds = folds if folds and count % folds == 0 else None
    means = []
    for candidate in answer["candidates"]:
        scores = [np.nan if score is None else score for score in candidate["scores"][:count]]
        counted = in_whole_repeats(scores, study["seeds"][: len(scores)], folds)
        if np.isfinite(counted).any():
            means.append(float(np.nanmean(counted)))
    return max(means, key=lambda mean: sign * mean) if means else None
