"""From the runs of a study to its answer: one document for people, pages and programs alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from stepsize.stats import Paired, best_set, compare_paired, holm, judge, summarise
from stepsize.study.candidates import Candidate
from stepsize.study.rate_search import FINE_RATES
from stepsize.study.store import Runs
from stepsize.study.study import Study
from stepsize.verdict import findings
from stepsize.verdict.answer import (
    Answer,
    CandidateAnswer,
    Cost,
    DataFacts,
    Protocol,
    StudyPart,
    Tuning,
    VersusBaseline,
)
from stepsize.verdict.recommendation import recommend
from stepsize.verdict.scores import Scores, scores_of

# What is not known of a training function, which has its data to itself.
UNKNOWN_PROTOCOL = {"batch_size": None, "folds": None}
UNKNOWN_DATA = {"kind": None, "baseline_metric": None, "held_out": False, "copies": None, "notes": []}


def summarise_study(study: Study, runs: Runs, cost: Mapping[str, Any]) -> Answer:
    """Return the answer of a finished study."""
    scores = scores_of(study, runs)
    margin = study.margin(float(scores.replicates[study.baseline].mean()))
    candidates = _candidates(study, scores, margin)
    answer = Answer(
        study=_study_part(study, margin),
        data=cast(DataFacts, _filled(study.facts["data"], UNKNOWN_DATA)),
        candidates=candidates,
        verdict=recommend(study, candidates, scores.replicates, margin),
        notes=[],
        warnings=[],
        cost=cast(Cost, dict(cost)),
    )
    listed = {name: values.tolist() for name, values in scores.replicates.items()}
    divergences = scores.divergences()
    answer["verdict"]["sentence"] = findings.sentence(answer, divergences, listed)
    answer["notes"] = findings.notes(answer, listed)
    answer["warnings"] = findings.warnings(answer, divergences)
    return answer


def _study_part(study: Study, margin: float) -> StudyPart:
    settled = {"baseline": study.baseline, "margin": margin, "tuning": _tuning(study)}
    return StudyPart(
        name=study.name,
        fingerprint=study.fingerprint,
        seeds=list(study.seeds),
        protocol=cast(Protocol, _filled(study.facts["protocol"], UNKNOWN_PROTOCOL) | settled),
        versions=study.facts["versions"],
        command=study.facts["command"],
    )


def _filled(facts: Mapping[str, Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts, and those that are `unknown` where they lack them."""
    return {**facts, **{key: value for key, value in unknown.items() if key not in facts}}


def _tuning(study: Study) -> Tuning | None:
    if not study.tuned:
        return None
    tuning = study.tuning
    return Tuning(
        seeds=[*tuning.seeds, *tuning.fine_seeds],
        first_rates=list(tuning.rates),
        first_seeds=len(tuning.seeds),
        fine_rates=FINE_RATES if tuning.fine_seeds else 0,
        fine_seeds=len(tuning.fine_seeds),
    )


def _candidates(study: Study, scores: Scores, margin: float) -> list[CandidateAnswer]:
    """Return every candidate with its scores, its comparison and its place."""
    versus = _comparisons(study, scores, margin)
    possible = best_set(np.array(list(scores.replicates.values())))
    return [
        _candidate(study, candidate, scores, versus.get(candidate.name), may_be_best)
        for candidate, may_be_best in zip(study.candidates, possible, strict=True)
    ]


def _candidate(
    study: Study,
    candidate: Candidate,
    scores: Scores,
    versus: VersusBaseline | None,
    may_be_best: bool,
) -> CandidateAnswer:
    name = candidate.name
    rates, count, diverged = scores.rates[name], len(scores.runs[name]), scores.diverged(name)
    whole = summarise(study.sign * scores.replicates[name], sample_value=study.facts["data"]["sample_value"])
    return CandidateAnswer(
        name=name,
        spec=str(candidate.at(rates.chosen)),
        settings=dict(candidate.settings),
        lr=rates.chosen,
        lr_at_edge=rates.at_edge,
        lr_at_limit=rates.at_limit,
        n=count,
        replicates=whole.n,
        diverged=diverged,
        mean=whole.mean,
        sd=whole.sd,
        ci95=None if whole.ci95 is None else list(whole.ci95),
        scores=scores.by_run[name].tolist(),
        vs_baseline=versus,
        in_best_set=may_be_best and diverged < count,
    )


def _comparisons(study: Study, scores: Scores, margin: float) -> dict[str, VersusBaseline]:
    """Return the comparison of each candidate with the baseline, Holm's correction over all of them."""
    baseline, step = scores.replicates[study.baseline], study.facts["data"]["sample_value"]
    paired = {
        name: compare_paired(values, baseline, sample_value=step)
        for name, values in scores.replicates.items()
        if name != study.baseline
    }
    adjusted = holm([each.p for each in paired.values()])
    return {
        name: _versus(study.sign, each, p_holm, margin)
        for (name, each), p_holm in zip(paired.items(), adjusted, strict=True)
    }


def _versus(sign: int, paired: Paired, p_holm: float, margin: float) -> VersusBaseline:
    """Return the comparison with its difference in units of the metric, whichever way is better."""
    return VersusBaseline(
        mean=sign * paired.mean,
        ci95=None if paired.ci95 is None else sorted(sign * end for end in paired.ci95),
        p=paired.p,
        p_holm=p_holm,
        p_better=paired.p_better,
        verdict=judge(paired, p_holm, margin),
    )
