"""Simple models beside the candidates: the error of an R2, and a warning where one of them scores higher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from stepsize.verdict.answer import Answer, Reference
from stepsize.verdict.formatting import scale_of


def error(scores: np.ndarray, spreads: Sequence[float]) -> float | None:
    """Return the mean error in the units of the target, from an R2 and the target's spread on each seed.

    >>> error(np.array([0.75, 0.0]), [10.0, 20.0])
    12.5
    """
    pairs = [(r2, spread) for r2, spread in zip(scores.tolist(), spreads, strict=False) if np.isfinite(r2)]
    return float(np.mean([spread * max(0.0, 1 - r2) ** 0.5 for r2, spread in pairs])) if pairs else None


def warnings(answer: Answer) -> Iterator[str]:
    """Yield a warning for each simple model that beats every candidate by more than the margin."""
    scale, margin = scale_of(answer), answer["study"]["protocol"]["margin"]
    for reference in answer["data"]["references"]:
        best = _best(answer, reference)
        theirs = float(np.mean(reference["scores"]))
        lead = None if best is None else (theirs - best) * (1 if scale.higher_is_better else -1)
        if lead is not None and lead > margin:
            ours = f"{scale.number(best)} {scale.unit}".strip()
            yield (
                f"A {reference['name']} by scikit-learn scores {scale.number(theirs)} {scale.unit}".strip()
                + f" on the same rows, and the best candidate {ours}: here a simpler model does better, "
                "whatever the schedule."
            )


def _best(answer: Answer, reference: Reference) -> float | None:
    """Return the best mean of a candidate on the seeds of a reference."""
    sign = 1 if answer["study"]["protocol"]["higher_is_better"] else -1
    means = []
    for candidate in answer["candidates"]:
        scores = candidate["scores"][: len(reference["scores"])]
        finished = [score for score in scores if score is not None]
        if finished:
            means.append(sum(finished) / len(finished))
    return max(means, key=lambda mean: sign * mean) if means else None
