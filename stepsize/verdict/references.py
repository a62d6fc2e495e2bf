"""Simple models beside the candidates: the error of an R2, and a warning where one of them scores higher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from stepsize.stats import by_repeat, in_whole_repeats, summarise
from stepsize.stats.looks import LEAST_SEEDS
from stepsize.verdict.answer import Answer, CandidateAnswer, Reference
from stepsize.verdict.formatting import candidate_named, scale_of

UNSURE = ": a simpler model may do better, which is not shown."


class Lead(NamedTuple):
    """How far a candidate is ahead of a simple model, over paired replicates; positive is better."""

    mean: float
    low: float
    high: float


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


def lead_of(answer: Answer, candidate: CandidateAnswer, reference: Reference) -> Lead | None:
    """Return how far a candidate is ahead of a simple model on the same seeds; None if that is not known.

    The interval is over replicates, as everywhere: seeds, or the whole repeats of a cross-validation.
    """
    folds = answer["study"]["protocol"]["folds"]
    sign = 1 if answer["study"]["protocol"]["higher_is_better"] else -1
    count = min(len(reference["scores"]), len(candidate["scores"]))
    count -= count % (folds or 1)
    pairs = zip(candidate["scores"][:count], reference["scores"][:count], strict=True)
    gaps = [np.nan if ours is None else sign * (ours - theirs) for ours, theirs in pairs]
    if np.isnan(gaps).any() or count < LEAST_SEEDS * (folds or 1):
        return None
    summary = summarise(by_repeat(gaps, answer["study"]["seeds"][:count], folds))
    if summary.mean is None or summary.ci95 is None:
        return None
    return Lead(summary.mean, *summary.ci95)


def warnings(answer: Answer) -> Iterator[str]:
    """Yield a warning for each simple model whose mean beats every candidate by more than the margin."""
    scale, margin = scale_of(answer), answer["study"]["protocol"]["margin"]
    for reference in answer["data"]["references"]:
        means = _means(answer, reference)
        theirs, sign = float(np.mean(scores_of(answer, reference))), 1 if scale.higher_is_better else -1
        if not means:
            continue
        name = max(means, key=lambda name: sign * means[name])
        if sign * (theirs - means[name]) <= margin:
            continue
        lead = lead_of(answer, candidate_named(answer["candidates"], name), reference)
        is_shown = lead is not None and lead.high < 0
        yield (
            f"A {reference['name']} by scikit-learn scores {scale.number(theirs)} {scale.unit}".strip()
            + f" on the same rows, and the best candidate {scale.number(means[name])} {scale.unit}".rstrip()
            + (": here a simpler model does better, whatever the schedule." if is_shown else UNSURE)
        )


def _means(answer: Answer, reference: Reference) -> dict[str, float]:
    """Return the mean of each candidate on the seeds of a reference, or on its repeats, if it has one."""
    study, count = answer["study"], len(scores_of(answer, reference))
    folds = study["protocol"]["folds"]
    folds = folds if folds and count % folds == 0 else None
    means = {}
    for candidate in answer["candidates"]:
        scores = [np.nan if score is None else score for score in candidate["scores"][:count]]
        counted = in_whole_repeats(scores, study["seeds"][: len(scores)], folds)
        if np.isfinite(counted).any():
            means[candidate["name"]] = float(np.nanmean(counted))
    return means
