"""Notes on the looks at a study: which one this is, and how a study that adds seeds went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stepsize.number_format import counted, duration
from stepsize.stats import Decision
from stepsize.study.more_seeds import read_budget, spent_on
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study
from stepsize.verdict.answer import Answer
from stepsize.verdict.formatting import LISTED, names_listed
from stepsize.verdict.word_notes import word_notes

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def look_notes(answer: Answer, decision: Decision) -> Iterator[str]:
    """Yield which look this is, which candidates were left out on the way, and why no seeds were added."""
    unit = "repeat" if answer["study"]["protocol"]["folds"] else "seed"
    looks = answer["study"]["looks"]
    if len(looks) > 1:
        which = (
            f"This is the {_ordinal(len(looks))} verdict on these candidates: at {_listed(looks)} {unit}s. "
        )
        if not decision.alpha:
            yield f"{which}At this one, there are too few for any difference to be shown."
        else:
            yield (
                f"{which}At this one, p (Holm) must be at most {decision.alpha:.2g}, so that the chance of a "
                "false statement at any of them stays within 5 %."
            )
    if decision.alpha:
        yield from word_notes(answer, decision)
    dropped = [each for each in answer["candidates"] if each["dropped"]]
    if dropped:
        names = "; ".join(f"{each['name']} (at {counted(each['n'], 'seed')})" for each in dropped[:LISTED])
        rest = f"; and {len(dropped) - LISTED:,} more" if len(dropped) > LISTED else ""
        yield f"Shown to be behind, and left out of the seeds added later: {names}{rest}."
    yield from _stop(answer, decision)


def _stop(answer: Answer, decision: Decision) -> Iterator[str]:
    stopped = answer["verdict"]["stopped"]
    if stopped == "decided":
        yield "Every question that matters for the recommendation is decided; no more seeds were added."
    if stopped == "budget":
        budget = answer["study"]["protocol"]["budget"]
        assert budget is not None
        yield (
            f"Twice the seeds could exceed the budget of {_spelled(budget)}. Not decided: whether "
            f"{decision.recommended} differs from {names_listed(decision.open_rivals)}."
        )


def budget_warnings(study: Study, runs: Runs) -> Iterator[str]:
    """Yield that a study cost more than its budget, because its first look or a later step took more."""
    value = study.facts["protocol"].get("budget")
    if value is None:
        return
    budget, spent = read_budget(value), spent_on(study, runs)
    if spent.runs > budget.runs or spent.seconds > budget.seconds:
        cost = duration(spent.seconds) if spent.seconds > budget.seconds else counted(int(spent.runs), "run")
        more = f"The study cost {cost}, more than its budget of {_spelled(value)}"
        if len(study.steps) > 1:
            what = "took longer" if spent.seconds > budget.seconds else "needed more runs"
            yield f"{more}: the last step {what} than the steps before it suggested."
            return
        yield (
            f"{more}: the first look, which needs all of the tuning and the first seeds, is always "
            "completed. Use fewer seeds, candidates or epochs, or a larger budget."
        )


def _spelled(budget: str | int) -> str:
    return counted(budget, "run") if isinstance(budget, int) else budget


def _listed(numbers: Sequence[int]) -> str:
    texts = [f"{number:,}" for number in numbers]
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _ordinal(number: int) -> str:
    return ORDINALS[number - 1] if number <= len(ORDINALS) else f"{number}th"
