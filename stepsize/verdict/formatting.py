"""Candidates, settings, scores and differences, as the sentences of a verdict write them.

The words "better", "worse", "equivalent" and "not shown" are decided in `stats.decision`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stepsize.number_format import Interval, Scale, counted, half_width, scale_for
from stepsize.stats import Comparison, by_repeat
from stepsize.study.replicates import unit
from stepsize.verdict.answer import Answer, CandidateAnswer, StudyPart

LISTED = 20  # warnings or notes of one kind; beyond that, the rest are counted


def scale_of(answer: Answer) -> Scale:
    """Return how the sentences, tables and pictures of this answer write scores."""
    protocol = answer["study"]["protocol"]
    candidates = answer["candidates"]
    intervals = [each["ci95"] for each in candidates]
    intervals += [each["vs_baseline"]["ci95"] for each in candidates if each["vs_baseline"]]
    halves = map(half_width, intervals)
    return scale_for(protocol["metric"], protocol["higher_is_better"], protocol["share"], halves)


def candidate_named(candidates: Sequence[CandidateAnswer], name: str) -> CandidateAnswer:
    """Return the candidate called `name`."""
    return next(candidate for candidate in candidates if candidate["name"] == name)


def names_listed(names: Sequence[str], joint: str = "or") -> str:
    """Write names, or the first of many.

    >>> names_listed(["constant(0.1)", "cosine(0.1)", "linear(0.1)"])
    'constant(0.1), cosine(0.1) or linear(0.1)'
    """
    if len(names) > LISTED:
        return f"{', '.join(names[:LISTED])} {joint} {len(names) - LISTED:,} more"
    return f" {joint} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def full_spec(candidate: CandidateAnswer) -> str:
    """Write a schedule with its settings."""
    settings = settings_text(candidate["settings"])
    return candidate["spec"] + (f" with {settings}" if settings else "")


def settings_text(settings: Mapping[str, Any]) -> str:
    """Write settings as they are typed."""
    return ", ".join(f"{key}={written(value)}" for key, value in settings.items())


def written(value: Any) -> str:
    """Write a setting; a number without the digits that come from binary fractions."""
    if isinstance(value, float):
        return repr(float(f"{value:.15g}"))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    return str(value)


def score(scale: Scale, mean: float | None, interval: Interval) -> str:
    """Write a mean score with half its interval and its unit."""
    return f"{scale.plus_minus(mean, interval)} {scale.unit}".strip()


def difference(scale: Scale, mean: float | None, interval: Interval) -> str:
    """Write a difference with its sign, half its interval and its unit."""
    return f"{scale.plus_minus(mean, interval, signed=True)} {scale.difference_unit}".strip()


def paired_difference(
    scale: Scale,
    candidate: CandidateAnswer,
    rival: CandidateAnswer,
    mean: float | None,
    interval: Interval,
    study: StudyPart,
) -> str:
    """Write the difference of two candidates, and on how many seeds or repeats if runs diverged."""
    folds = study["protocol"]["folds"]
    pairs = list(zip(candidate["scores"], rival["scores"], strict=False))
    runs = [np.nan if None in pair else 0.0 for pair in pairs]
    lost = np.isnan(by_repeat(runs, study["seeds"][: len(runs)], folds))
    finished, kind = int((~lost).sum()), unit(folds)
    if not finished:
        return f"an unknown amount, since no {kind} finished {'whole ' if folds else ''}with both"
    basis = f" on {finished:,} of {len(lost):,} {kind}s" if finished < len(lost) else ""
    return difference(scale, mean, interval) + basis


def losses(lost: int, runs: int, rival: str, rival_lost: int) -> str:
    """Write how many of its runs a candidate lost and, if its rival lost some, how many more that is.

    >>> losses(20, 60, "linear(0.1)", 0), losses(20, 20, "linear(0.1)", 3)
    ('lost 20 of 60 runs', 'lost all of its 20 runs, 17 more than linear(0.1)')
    """
    text = f"lost all of its {counted(runs, 'run')}" if lost == runs else f"lost {lost:,} of {runs:,} runs"
    return f"{text}, {lost - rival_lost:,} more than {rival}" if lost > rival_lost > 0 else text


def losses_of(candidate: CandidateAnswer, rival: CandidateAnswer) -> str:
    """Write how many runs a candidate lost, beside its rival."""
    return losses(candidate["diverged"], candidate["n"], rival["name"], rival["diverged"])


def word_with_losses(pair: Comparison, candidate: CandidateAnswer, rival: CandidateAnswer) -> str:
    """Write the word on a candidate and its rival and, if it rests on lost runs, which of them lost more."""
    if pair.basis != "lost runs" or pair.word not in ("better", "worse"):
        return pair.word
    loser, other = (rival, candidate) if pair.word == "better" else (candidate, rival)
    return f"{pair.word}: {loser['name']} {losses_of(loser, other)}"


def listed(candidates: Sequence[CandidateAnswer]) -> Sequence[CandidateAnswer]:
    """Return the candidates to list: all, or if there are many, those that may be the best first."""
    if len(candidates) <= LISTED:
        return candidates
    return sorted(candidates, key=lambda candidate: not candidate["in_best_set"])[:LISTED]
