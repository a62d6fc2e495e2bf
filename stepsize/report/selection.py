"""Which candidates a reader sees: all of them, or of many the best, the baseline and the recommended one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepsize.number_format import finite

MOST = 40  # rows of a table or a picture that anyone reads; the answer itself keeps every candidate

Candidate = Mapping[str, Any]


def shown_candidates(answer: Mapping[str, Any]) -> list[Candidate]:
    """Give the candidates to show, the best mean first, wholly diverged ones last."""
    protocol = answer["study"]["protocol"]
    sign = -1 if protocol["higher_is_better"] else 1

    def rank(candidate: Candidate) -> tuple[bool, float]:
        mean = finite(candidate["mean"])
        lost = mean is None or (candidate["n"] > 0 and candidate["diverged"] >= candidate["n"])
        return lost, 0.0 if mean is None else sign * mean

    ordered = sorted(answer["candidates"], key=rank)
    always = (protocol["baseline"], answer["verdict"]["recommended"])
    return ordered[:MOST] + [c for c in ordered[MOST:] if c["name"] in always]


def left_out(answer: Mapping[str, Any]) -> str:
    """Say how many candidates are not shown, and how many of them may be the best; nothing if all are.

    >>> names = [f"constant({rate})" for rate in range(1, 51)]
    >>> row = {"mean": 0.5, "n": 9, "diverged": 0, "in_best_set": True}
    >>> protocol = {"higher_is_better": True, "baseline": names[0]}
    >>> left_out({"candidates": [{"name": name, **row} for name in names], "study": {"protocol": protocol},
    ...     "verdict": {"recommended": names[0]}})
    'These are the best of 50 candidates. Of the 10 others, which the JSON has, 10 may also be the best.'
    """
    shown = shown_candidates(answer)
    count = len(answer["candidates"]) - len(shown)
    if not count:
        return ""
    best = sum(c["in_best_set"] for c in answer["candidates"]) - sum(c["in_best_set"] for c in shown)
    may = f"{best:,}" if best else "none"
    return (
        f"These are the best of {len(answer['candidates']):,} candidates. Of the {count:,} others, which the "
        f"JSON has, {may} may also be the best."
    )
