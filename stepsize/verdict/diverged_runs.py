"""What is said of the runs that diverged: of some candidates, or so many that nothing is left to use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepsize.number_format import counted, rate
from stepsize.study.replicates import units
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.formatting import LISTED, listed
from stepsize.verdict.scores import Divergence

Divergences = Mapping[str, Divergence]  # by name, of the candidates with diverged runs


def nothing_to_use(answer: Answer, divergences: Divergences) -> str:
    """Return that every run diverged, or one of every repeat of a cross-validation."""
    candidates, folds = answer["candidates"], answer["study"]["protocol"]["folds"]
    lowest = min(candidates, key=lambda candidate: divergences[candidate["name"]].highest_rate)
    update, highest_rate = divergences[lowest["name"]]
    if answer["verdict"]["status"] == "no_whole_repeat":
        lost, runs = (sum(each[key] for each in candidates) for key in ("diverged", "n"))
        return (
            f"No repeat of the {folds}-fold cross-validation finished whole, so nothing can be compared: "
            f"{lost:,} of {counted(runs, 'run')} diverged, at least one in every repeat of every candidate, "
            f"even of {lowest['spec']}, which has the lowest rates (up to {rate(highest_rate)}) and first "
            f"diverged at update {update}; try lower learning rates."
        )
    return (
        f"Every run of every candidate diverged, even {lowest['spec']}, which has the lowest rates (up to "
        f"{rate(highest_rate)}) and first diverged at update {update}; try lower learning rates."
    )


def diverged_runs(answer: Answer, divergences: Divergences) -> Iterator[str]:
    """Yield a warning for each candidate that lost runs."""
    lost = [candidate for candidate in answer["candidates"] if candidate["diverged"]]
    shown = listed(lost)
    for candidate in shown:
        update, highest_rate = divergences[candidate["name"]]
        yield (
            f"{candidate['name']}: {candidate['diverged']} of {candidate['n']} runs diverged, the first at "
            f"update {update} (rates up to {rate(highest_rate)}); {_rank_of_lost(answer, candidate)}."
        )
    if len(lost) > LISTED:
        runs = sum(candidate["diverged"] for candidate in lost if candidate not in shown)
        yield f"{counted(runs, 'run')} of {counted(len(lost) - LISTED, 'other candidate')} also diverged."


def _rank_of_lost(answer: Answer, candidate: CandidateAnswer) -> str:
    """Return where the diverged runs of a candidate rank, and in a cross-validation what is left of it."""
    folds = answer["study"]["protocol"]["folds"]
    if not folds:
        return "each ranks below every finished run"
    repeats = counted(units(candidate["n"], folds), "repeat")
    if not candidate["replicates"]:
        return f"none of its {repeats} finished whole"
    whole = f"{candidate['replicates']:,} of its {repeats} finished whole"
    return f"{whole}, and the others rank below every whole one"
