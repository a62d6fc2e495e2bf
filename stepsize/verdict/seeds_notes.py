"""How many seeds would tell the recommended candidate from the others that may be the best."""

from __future__ import annotations

from collections.abc import Iterator

from stepsize.number_format import counted
from stepsize.stats import Decision
from stepsize.stats.seeds import MOST_SEEDS
from stepsize.verdict.answer import Answer
from stepsize.verdict.formatting import scale_of


def seeds_notes(answer: Answer, decision: Decision) -> Iterator[str]:
    """Yield whether more seeds would tell the recommended candidate from the others that may be the best."""
    verdict, study = answer["verdict"], answer["study"]
    needed = verdict["seeds_needed"]
    if needed is None:
        return
    margin, seeds = scale_of(answer).step(study["protocol"]["margin"]), counted(len(study["seeds"]), "seed")
    others = f"between the recommended candidate and {_others(decision)}"
    if decision.is_settled:
        yield f"More seeds are not needed: differences {others} are shown to be within {margin}."
    elif not set(decision.open_rivals) & set(decision.best_set):
        yield (
            f"Differences {others} are shown to be within {margin}; more seeds could only tell the "
            "recommended candidate from the baseline."
        )
    elif verdict["seeds_enough"]:
        yield (
            f"{seeds} are enough to show a difference of {margin} {others}, and none was shown; a smaller "
            "one takes more seeds."
        )
    else:
        many = "" if is_capped(answer) else "about "
        yield (
            f"To show a difference of {margin} {others} takes {many}{needed_text(answer)} seeds at the "
            f"spread seen here, and this study has {len(study['seeds']):,}; finished runs are used again."
        )


def _others(decision: Decision) -> str:
    """Return the candidates that the number of seeds is about: those that lost runs alone are left out."""
    others = [name for name in decision.best_set if name != decision.recommended]
    lost = any(decision.between(name, str(decision.recommended)).lost for name in others)
    return f"the others that may be the best{' and finished on the same seeds' if lost else ''}"


def is_capped(answer: Answer) -> bool:
    """Return whether it takes more seeds than `seeds_needed` says, which is then the most that is tried."""
    needed, folds = answer["verdict"]["seeds_needed"], answer["study"]["protocol"]["folds"]
    return needed is not None and needed >= MOST_SEEDS * (folds or 1)


def needed_text(answer: Answer) -> str:
    """Return the seeds that are needed as a number, with "more than" if that is all that is known."""
    return f"{'more than ' if is_capped(answer) else ''}{answer['verdict']['seeds_needed'] or 0:,}"
