"""Which candidates may be the best, which of them to use, and how many seeds would tell more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stepsize.stats import compare_paired, seeds_needed
from stepsize.study.study import Study
from stepsize.verdict.answer import CandidateAnswer, Verdict

Replicates = Mapping[str, np.ndarray]  # as in `scores.Scores`


def recommend(
    study: Study, candidates: Sequence[CandidateAnswer], scores: Replicates, margin: float
) -> Verdict:
    """Return the verdict, its sentence still empty."""
    if all(candidate["diverged"] == candidate["n"] for candidate in candidates):
        return Verdict(
            status="all_diverged", best_set=[], recommended=None, reason=None, seeds_needed=None, sentence=""
        )
    best = [candidate["name"] for candidate in candidates if candidate["in_best_set"]]
    recommended, reason = _simplest(study, best, scores, margin)
    return Verdict(
        status="one_best" if len(best) == 1 else "tied",
        best_set=best,
        recommended=recommended,
        reason=reason,
        seeds_needed=_seeds_needed(study, best, recommended, scores, margin),
        sentence="",
    )


def _simplest(study: Study, best: Sequence[str], scores: Replicates, margin: float) -> tuple[str, str]:
    """Return the simplest candidate of the best set, and the reason.

    With few seeds the best set holds nearly everyone. So candidates that trail the highest mean by more
    than the margin, with an interval that stays below zero, are passed over; among equally simple ones
    the highest mean wins.
    """
    top = max(best, key=lambda name: scores[name].mean())

    def is_close(name: str) -> bool:
        gap = compare_paired(scores[name], scores[top])
        return gap.mean >= -margin or gap.ci95 is None or gap.ci95[1] >= 0

    simplicity = {candidate.name: candidate.simplicity() for candidate in study.candidates}
    simplest = min(simplicity[name] for name in best if is_close(name))
    equals = [name for name in best if simplicity[name] == simplest]
    recommended = max(equals, key=lambda name: scores[name].mean())
    if len(equals) > 1:
        return recommended, "it has the highest mean among the simplest"
    if simplest > min(simplicity[name] for name in best):
        return recommended, "it is the simplest of those near the highest mean"
    return recommended, "it is the simplest of them"


def _seeds_needed(
    study: Study, best: Sequence[str], recommended: str, scores: Replicates, margin: float
) -> int | None:
    """Return the seeds that would tell the recommended candidate from the next best."""
    rivals = [name for name in best if name != recommended]
    if not rivals or len(scores[recommended]) < 2:
        return None
    rival = max(rivals, key=lambda name: scores[name].mean())
    spread = compare_paired(scores[rival], scores[recommended]).sd
    return seeds_needed(spread or 0.0, margin) * (study.facts["protocol"].get("folds") or 1)
