"""Which candidates a reader sees: all of them, or of many the best, the baseline and the recommended one."""

from __future__ import annotations

from stepsize.number_format import finite
from stepsize.verdict.answer import Answer, CandidateAnswer

MOST = 40  # rows of a table or a picture that anyone reads; the answer itself keeps every candidate


def shown_candidates(answer: Answer) -> list[CandidateAnswer]:
    """Return the candidates to show, the best mean first, those that always diverged last."""
    protocol = answer["study"]["protocol"]
    sign = -1 if protocol["higher_is_better"] else 1

    def rank(candidate: CandidateAnswer) -> tuple[bool, float]:
        mean = finite(candidate["mean"])
        lost = mean is None or (candidate["n"] > 0 and candidate["diverged"] >= candidate["n"])
        return lost, 0.0 if mean is None else sign * mean

    ordered = sorted(answer["candidates"], key=rank)
    always = (protocol["baseline"], answer["verdict"]["recommended"])
    return ordered[:MOST] + [c for c in ordered[MOST:] if c["name"] in always]


def left_out(answer: Answer) -> str:
    """Return how many candidates are not shown, and how many of them may be the best; "" if all are shown.

    >>> names = [f"constant({rate})" for rate in range(1, 51)]
    >>> row = {"mean": 0.5, "n": 9, "diverged": 0, "in_best_set": True}
    >>> protocol = {"higher_is_better": True, "baseline": names[0]}
    >>> left_out({"candidates": [{"name": name, **row} for name in names], "study": {"protocol": protocol},
    ...     "verdict": {"recommended": names[0]}})
    'Only the best of 50 candidates are shown. Of the other 10, 10 may also be the best; the JSON has them.'
    """
    shown = shown_candidates(answer)
    count = len(answer["candidates"]) - len(shown)
    if not count:
        return ""
    best = sum(c["in_best_set"] for c in answer["candidates"]) - sum(c["in_best_set"] for c in shown)
    return (
        f"Only the best of {len(answer['candidates']):,} candidates are shown. Of the other {count:,}, "
        f"{f'{best:,}' if best else 'none'} may also be the best; the JSON has them."
    )
