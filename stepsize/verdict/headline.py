"""The plain sentence that a report opens with: what to use."""

from __future__ import annotations

from functools import partial

from stepsize.stats import Decision
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.attribution import attribution_of, credit
from stepsize.verdict.data_notes import beats_constant
from stepsize.verdict.formatting import candidate_named, difference, full_spec, scale_of


def headline(answer: Answer, decision: Decision) -> str:
    """Return what to use in a plain sentence, as sure as the verdict and no surer.

    "Will do" is said only if every other candidate of the best set is equivalent to the recommended one. If
    none beats a constant answer, that is what to know first.
    """
    verdict, candidates = answer["verdict"], answer["candidates"]
    name = verdict["recommended"]
    if name is None:
        is_partial = verdict["status"] == "no_whole_repeat"
        return (
            f"{'No repeat finished whole' if is_partial else 'Every run diverged'}; try lower learning rates."
        )
    best = candidate_named(candidates, name)
    use = full_spec(best)
    means = [each["mean"] for each in candidates if each["mean"] is not None]
    if not beats_constant(answer["data"], answer["study"]["protocol"], means):
        return "No candidate beats a constant answer; look at the model and the data first."
    if len(candidates) == 1:
        return f"Use {use}; it was the only candidate."
    if decision.only_one:
        others = [
            each["name"] for each in candidates if each["name"] in decision.names and each["name"] != name
        ]
        small = any(map(partial(_may_be_small, decision, name), others))
        which = "the other candidate" if len(candidates) == 2 else "every other candidate"
        return f"Use {use}: it is better than {which}{', perhaps by too little to matter' if small else ''}."
    rivals = [each for each in verdict["best_set"] if each != name]
    if not rivals and decision.reason == "only finisher":
        lost = "a run in every repeat" if answer["study"]["protocol"]["folds"] else "all their runs"
        return f"Use {use}: the others that are not behind lost {lost}."
    if not rivals:
        return f"Use {use}: every other candidate is behind."
    equal = all(decision.word(each, name) == "equivalent" for each in rivals)
    if best["vs_baseline"] is not None and best["vs_baseline"]["verdict"] == "better":
        others = "another one" if len(rivals) == 1 else f"{len(rivals)} others"
        verb = "is" if len(rivals) == 1 else "are"
        also = f"{others} {f'{verb} as good' if equal else 'cannot be told apart from it'}"
        reason = credit(answer, decision, best) or _settings_alone(answer, decision, best)
        baseline = answer["study"]["protocol"]["baseline"]
        size = _size(answer, best) if _may_be_small(decision, name, baseline) else ""
        return f"Use {use}: it is better than {baseline}{size}{reason}; {also}."
    several = _several(len(verdict["best_set"]), len(candidates), equal)
    choice = "keep it simple" if decision.reason == "simplest" else "use"
    return f"{several} {'will do' if equal else 'cannot be told apart'}; {choice}: {use}."


def _may_be_small(decision: Decision, name: str, rival: str) -> bool:
    """Return whether a candidate that is better may be so by less than the margin."""
    interval = decision.between(name, rival).ci95
    return interval is not None and interval[0] < decision.margin


def _size(answer: Answer, best: CandidateAnswer) -> str:
    """Return the difference from the baseline, which may or may not matter."""
    versus = best["vs_baseline"]
    if versus is None or versus["mean"] is None:
        return ""
    gap = difference(scale_of(answer), abs(versus["mean"]), versus["ci95"]).lstrip("+")
    return f" by {gap}, which may or may not matter"


def _settings_alone(answer: Answer, decision: Decision, best: CandidateAnswer) -> str:
    """Return that settings made the difference, of a candidate with the schedule of the baseline."""
    attribution = attribution_of(answer, decision)
    if attribution is None or best["spec"] != attribution.baseline["spec"]:
        return ""
    return f", because of its {attribution.names(best)}"


def _several(count: int, total: int, equal: bool) -> str:
    if count < total:
        return f"{count} of these {total}"
    if equal:
        return "Either of these" if total == 2 else "Any of these"
    return "These two" if total == 2 else f"These {total}"
