"""The score in plain words, beside a constant answer and a simple model: is it any good, and is it needed?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stepsize.number_format import Scale, rounded
from stepsize.study.replicates import replication, units
from stepsize.verdict.answer import Answer, CandidateAnswer, Reference
from stepsize.verdict.data_notes import beats_constant, constant_answer, constant_baseline
from stepsize.verdict.formatting import candidate_named, difference, scale_of
from stepsize.verdict.references import lead_of, scores_of

LITTLE = 0.25  # a smaller share of the errors of a constant answer is worth a remark
RARE = 0.75  # a class with a larger share makes the others rare
LINEAR_MODELS = ("linear", "logistic")


def for_scale(answer: Answer) -> list[str]:
    """Return the score of the recommended candidate in plain words, set beside what needs no network."""
    name = answer["verdict"]["recommended"]
    if name is None or answer["data"]["kind"] is None:
        return []
    best, scale = candidate_named(answer["candidates"], name), scale_of(answer)
    if best["mean"] is None:
        return []
    return [
        _score(answer, best, scale),
        *_small_gain(answer, best),
        *(_reference(answer, best, each, scale) for each in answer["data"]["references"]),
    ]


def _score(answer: Answer, best: CandidateAnswer, scale: Scale) -> str:
    """Return the score, and that of a constant answer."""
    data, metric = answer["data"], answer["study"]["protocol"]["metric"]
    target = data["target"]
    subject = f"Predicting {target}: " if target else ""
    constant = constant_baseline(data, answer["study"]["protocol"])
    otherwise = constant_answer(data, metric)
    if best["error"] is not None and data["target_spreads"]:
        error = float(np.mean(data["target_spreads"])) * (1 - (constant or 0.0)) ** 0.5
        score = f"{scale.name} {scale.number(best['mean'])}"
        text = f"{subject}the root mean squared error is {rounded(best['error'], 3)} ({score})"
        return _sentence(f"{text}; {otherwise} has {rounded(error, 3)}.")
    score = f"{scale.number(best['mean'])} {scale.unit}".strip()
    result = f"{score} of the answers are right" if metric == "accuracy" else f"the {scale.name} is {score}"
    if constant is None:
        return _sentence(f"{subject}{result}.")
    theirs = f"{scale.number(constant)} {scale.unit}".strip()
    return _sentence(f"{subject}{result}; {otherwise} scores {theirs}.")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _small_gain(answer: Answer, best: CandidateAnswer) -> Iterator[str]:
    """Yield that little is gained over a constant answer, if that is so, and what else to measure."""
    data, protocol = answer["data"], answer["study"]["protocol"]
    constant, mean = constant_baseline(data, protocol), best["mean"]
    if constant is None or mean is None or not beats_constant(data, protocol, [mean]):
        return
    errors = 1 - constant if protocol["share"] else constant
    avoided = abs(mean - constant) / errors if errors > 0 else 1.0
    interval = best["ci95_new_rows"]
    unsure = interval is not None and interval[0] <= constant <= interval[1]
    if avoided >= LITTLE and not unsure:
        return
    text = f"That avoids {'only ' if avoided < LITTLE else ''}{100 * avoided:.0f} % of the errors"
    text += " of such an answer" + (", and on new rows perhaps none" if unsure else "")
    is_rare = data["kind"] in ("binary", "multiclass") and constant >= RARE
    if is_rare and "accuracy" in protocol["metric"]:
        text += "; for rare classes, try metric='auc'"
    yield f"{text}."


def _reference(answer: Answer, best: CandidateAnswer, reference: Reference, scale: Scale) -> str:
    """Return what a simple model scores on the same seeds, and whether that is as good."""
    margin, model = answer["study"]["protocol"]["margin"], answer["study"]["protocol"]["model"]
    scores, folds = scores_of(answer, reference), answer["study"]["protocol"]["folds"]
    score = f"{scale.number(float(np.mean(scores)))} {scale.unit}".strip()
    folds = folds if folds and len(scores) % folds == 0 else None
    seeds = f"on the same {replication(units(len(scores), folds), len(scores), folds)}"
    lead = lead_of(answer, best, reference)
    if lead is None:
        return f"A {reference['name']} scores {score} {seeds}."
    sign = 1 if scale.higher_is_better else -1
    gap = difference(scale, sign * lead.mean, sorted((sign * lead.low, sign * lead.high)))
    comparison = f"{score} {seeds}; the difference is {gap}"
    if lead.high > margin:
        return f"A {reference['name']} scores {comparison}."
    word = "as good" if lead.low >= -margin else "at least as good"
    needed = "" if model.startswith(LINEAR_MODELS) else "; you may not need this network"
    return f"A {reference['name']} is {word} ({comparison}){needed}."
