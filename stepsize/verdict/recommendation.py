"""The one decision rule, applied to a study, and its outcome in the words of the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np

from stepsize.stats import Comparison, Decision, TuningError, decide, seeds_note
from stepsize.stats.scores import from_the_middle
from stepsize.study.looks import Look, earlier_looks
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study
from stepsize.verdict.answer import Verdict, VersusBaseline
from stepsize.verdict.scores import Scores, scores_of

REASONS = {
    "no rival": "it was the only candidate",
    "only one": "it is shown to be better than every other",
    "unbeaten": "it is the only one that is not shown to be behind another",
    "only finisher": "none of the others that may be the best finished a run",
    "shown better": "it is shown to be better than the simpler candidate that it displaces",
    "fewest lost": "others that may be the best lost more runs",
    "simplest": "it is the simplest of them",
}
OF_REPEATS = {  # of a cross-validation, in which a repeat that lost a run is lost
    **REASONS,
    "only finisher": "no repeat of the others that are not behind finished whole",
    "fewest lost": "others that may be the best lost a run in more repeats",
}


def judge_step(study: Study, runs: Runs, looks: Iterable[Look]) -> tuple[Scores, Decision]:
    """Return the scores of one step of a study, and what they show after the `looks` of the store.

    This is `stats.decide` with the errors that tuning leaves.
    """
    scores = scores_of(study, runs)
    margin = study.margin(study.sign * scores.replicates[study.baseline])
    values = np.array(list(scores.replicates.values()))
    if any(run.curves.dtype == np.float64 for each in scores.runs.values() for run in each):
        values = from_the_middle(values)
    seeds = values.shape[1]
    decision = decide(
        values[:, :1] if repeats_one_run(study, values) else values,
        names=list(scores.replicates),
        baseline=study.baseline,
        margin=margin,
        simplicity=[study.simplicity(candidate) for candidate in study.candidates],
        sample_value=study.facts["data"]["sample_value"],
        tuning=[_tuning_error(scores, name) for name in scores.replicates],
        earlier=earlier_looks(study, looks),
        dropped=len(study.steps[0].candidates) - len(study.candidates),
    )
    return scores, replace(decision, seeds=seeds, looks=(*decision.looks[:-1], seeds))


def repeats_one_run(study: Study, scores: np.ndarray) -> bool:
    """Return whether a training function does not use its seed, so that all seeds are one.

    Candidates that differ then have one score each; equal ones may all be perfect.
    """
    is_function = study.facts["data"].get("kind") is None
    return is_function and len(np.unique(scores[:, 0])) > 1 and bool((scores == scores[:, :1]).all())


def _tuning_error(scores: Scores, name: str) -> TuningError | None:
    """Return what the choice of a candidate's rate leaves open, None if no rate was searched alone.

    What a search of several knobs leaves open is not known: the intervals are those of its chosen settings.
    """
    curve = scores.rates[name].curve
    if curve is None:
        return None
    return TuningError(curve.regret_sd**2, curve.regret, slopes=tuple(curve.slopes.tolist()))


def verdict_of(study: Study, decision: Decision, scores: Scores) -> Verdict:
    """Return the verdict, its headline and sentence still empty."""
    folds = study.facts["protocol"].get("folds")
    if decision.recommended is None or decision.reason is None:
        return Verdict(
            status="no_whole_repeat" if scores.any_finished else "all_diverged",
            best_set=[],
            recommended=None,
            reason=None,
            seeds_needed=None,
            seeds_enough=False,
            stopped=None,
            headline="",
            sentence="",
            for_scale=[],
        )
    note = seeds_note(decision)
    return Verdict(
        status="one_best" if len(decision.best_set) == 1 else "tied",
        best_set=list(decision.best_set),
        recommended=decision.recommended,
        reason=(OF_REPEATS if folds else REASONS)[decision.reason],
        seeds_needed=None if note is None else note.seeds * (folds or 1),
        seeds_enough=note is not None and note.enough,
        stopped=_stopped(study, decision),
        headline="",
        sentence="",
        for_scale=[],
    )


def _stopped(study: Study, decision: Decision) -> Literal["decided", "budget"] | None:
    """Return why a study that adds seeds until it is decided stopped; None for any other study."""
    if study.facts["protocol"].get("budget") is None:
        return None
    return "decided" if decision.is_settled else "budget"


def versus(sign: int, comparison: Comparison) -> VersusBaseline:
    """Return a comparison with its difference in units of the metric, whichever way is better."""
    interval = comparison.ci95
    return VersusBaseline(
        mean=None if comparison.estimate is None else sign * comparison.estimate,
        ci95=None if interval is None else sorted(sign * end for end in interval),
        p=comparison.p,
        p_holm=comparison.p_holm,
        p_better=comparison.p_better,
        verdict=comparison.word,
    )
