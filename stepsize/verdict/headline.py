"""The plain sentence that a report opens with: what to use."""

from __future__ import annotations

from stepsize.stats import Decision
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.attribution import Attribution, credit
from stepsize.verdict.data_notes import beats_constant
from stepsize.verdict.formatting import candidate_named, full_spec, losses_of, paired_difference, scale_of


def headline(answer: Answer, decision: Decision, attribution: Attribution | None) -> str:
    """Return what to use in a plain sentence, as sure as the verdict and no surer.

    "Will do" is said only if every other candidate of the best set is equivalent to the recommended one. If
    none beats a constant answer, that is what to know first. Where "better" rests on lost runs, it says so.
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
        return f"Use {use}: it is better than {_all_others(answer, decision, best)}."
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
        reason = credit(attribution, best) or _settings_alone(attribution, best)
        baseline = candidate_named(candidates, answer["study"]["protocol"]["baseline"])
        lead = _lead(answer, decision, best, baseline)
        return f"Use {use}: it is better than {baseline['name']}{lead}{reason}; {also}."
    several = _several(len(verdict["best_set"]), len(candidates), equal)
    choice = "keep it simple" if decision.reason == "simplest" else "use"
    return f"{several} {'will do' if equal else 'cannot be told apart'}; {choice}: {use}."


def _all_others(answer: Answer, decision: Decision, best: CandidateAnswer) -> str:
    """Return all candidates that the only one is better than, and which of them lost runs for it."""
    name, candidates = best["name"], answer["candidates"]
    others = [each for each in candidates if each["name"] in decision.names and each is not best]
    losers = [each for each in others if _rests_on_losses(decision, name, each["name"])]
    if len(candidates) == 2 and losers:
        return f"the other candidate, which {losses_of(losers[0], best)}"
    text = "the other candidate" if len(candidates) == 2 else "every other candidate"
    if any(_may_be_small(decision, name, each["name"]) for each in others):
        text += ", perhaps by too little to matter"
    if len(losers) == 1:
        text += f"; {losers[0]['name']} {losses_of(losers[0], best)}"
    elif losers:
        text += f"; {'all' if len(losers) == len(others) else len(losers)} of them lost more runs"
    return text


def _rests_on_losses(decision: Decision, name: str, rival: str) -> bool:
    """Return whether the word on two candidates rests on lost runs, which their difference leaves out."""
    return decision.between(name, rival).basis == "lost runs"


def _may_be_small(decision: Decision, name: str, rival: str) -> bool:
    """Return whether a candidate that is better by its scores may be so by less than the margin."""
    interval = decision.between(name, rival).ci95
    is_small = interval is not None and interval[0] < decision.margin
    return is_small and not _rests_on_losses(decision, name, rival)


def _lead(answer: Answer, decision: Decision, best: CandidateAnswer, baseline: CandidateAnswer) -> str:
    """Return why a candidate is better than the baseline, if not by a difference that matters for certain."""
    if _rests_on_losses(decision, best["name"], baseline["name"]):
        return f", which {losses_of(baseline, best)}"
    versus = best["vs_baseline"]
    if versus is None or versus["mean"] is None:
        return ""
    if not _may_be_small(decision, best["name"], baseline["name"]):
        return ""
    mean = abs(versus["mean"])
    gap = paired_difference(scale_of(answer), best, baseline, mean, versus["ci95"], answer["study"])
    return f" by {gap.lstrip('+')}, which may or may not matter"


def _settings_alone(attribution: Attribution | None, best: CandidateAnswer) -> str:
    """Return that settings made the difference, of a candidate with the schedule of the baseline."""
    if attribution is None or not attribution.same_schedule(best, attribution.baseline):
        return ""
    names = attribution.names(best)
    return f", because of its {names}" if names else ""


def _several(count: int, total: int, equal: bool) -> str:
    if count < total:
        return f"{count} of these {total}"
    if equal:
        return "Either of these" if total == 2 else "Any of these"
    return "These two" if total == 2 else f"These {total}"
