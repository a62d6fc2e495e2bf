"""From the runs of a study to its answer: one document for people, pages and programs alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from stepsize.stats import Decision, summarise
from stepsize.study.candidate_settings import large_batch_notes
from stepsize.study.candidates import Candidate
from stepsize.study.knobs.knob_ranges import plain_ranges
from stepsize.study.knobs.proposals import BATCH, SAMPLER
from stepsize.study.looks import Look
from stepsize.study.rates_to_try import FINE_RATES
from stepsize.study.search.knob_search import LEADING, knob_budget
from stepsize.study.search.rate_search import Tuned
from stepsize.study.stores.store import Runs
from stepsize.study.study import Study
from stepsize.study.trained_settings import other_optimizer_notes
from stepsize.verdict import equal_schedules, findings, function_checks, knob_notes, references, variant_notes
from stepsize.verdict.answer import (
    Answer,
    CandidateAnswer,
    Cost,
    DataFacts,
    KnobsPart,
    Protocol,
    StudyPart,
    Tuning,
)
from stepsize.verdict.attribution import attribution_of
from stepsize.verdict.for_scale import for_scale
from stepsize.verdict.headline import headline
from stepsize.verdict.look_notes import budget_warnings
from stepsize.verdict.new_rows import new_rows
from stepsize.verdict.recommendation import judge_step, verdict_of, versus
from stepsize.verdict.scores import Scores

# What is not known of a training function, which has its data to itself.
UNKNOWN_PROTOCOL = {
    "optimizer_groups": None,
    "compiled_optimizer": None,
    "undecayed": None,
    "batch_size": None,
    "folds": None,
    "budget": None,
    "model_notes": [],
    "model_warnings": [],
}
UNKNOWN_DATA = {
    "kind": None, "baseline_metric": None, "held_out": False, "copies": None, "scaled": [], "notes": [],
    "references": [], "target_spreads": [], "target": None, "shares_vary": False,
    "groups": None,
}  # fmt: skip


def summarise_study(study: Study, runs: Runs, cost: Mapping[str, Any], looks: Sequence[Look] = ()) -> Answer:
    """Return the answer of a finished study; `looks` are the verdicts in the store on the same problem."""
    judged = {step: judge_step(step, runs, looks) for step in study.steps}
    decision = judged[study][1]
    answer = Answer(
        study=_study_part(study, decision, judged[study][0].rates),
        data=cast(DataFacts, _filled(study.facts["data"], UNKNOWN_DATA)),
        candidates=[_candidate(step, each, *judged[step], step is study) for step, each in study.last_steps],
        verdict=verdict_of(study, decision, judged[study][0]),
        notes=[],
        warnings=[],
        cost=cast(Cost, dict(cost)),
    )
    divergences = {
        each.name: divergence
        for step, each in study.last_steps
        if (divergence := judged[step][0].divergence(step, each.name)) is not None
    }
    attribution = attribution_of(answer, decision, {each.name: each for each in study.candidates})
    answer["verdict"]["headline"] = headline(answer, decision, attribution)
    answer["verdict"]["sentence"] = findings.sentence(answer, divergences, decision, attribution)
    answer["verdict"]["for_scale"] = for_scale(answer)
    answer["notes"] = [
        *findings.notes(answer, decision, attribution),
        *knob_notes.notes(answer),
        *equal_schedules.notes(study),
        *variant_notes.notes(answer),
        *other_optimizer_notes(study),
        *large_batch_notes(study.facts, [each["settings"] for each in answer["candidates"]]),
        *function_checks.notes(study, runs),
    ]
    answer["warnings"] = [
        *function_checks.warnings(study, runs, answer, decision),
        *variant_notes.warnings(answer),
        *findings.warnings(answer, divergences, decision),
        *knob_notes.warnings(answer["candidates"]),
        *budget_warnings(study, runs),
    ]
    if decision.recommended is not None:
        final = judged[study][0].runs[decision.recommended]
        answer["warnings"] += function_checks.learned_nothing(final, answer, decision)
    return answer


def _study_part(study: Study, decision: Decision, chosen: Mapping[str, Tuned]) -> StudyPart:
    settled = {"baseline": study.baseline, "margin": decision.margin, "tuning": _tuning(study, chosen)}
    settled |= {"knobs": _knobs(study)}
    return StudyPart(
        name=study.name,
        fingerprint=study.fingerprint,
        seeds=list(study.seeds),
        looks=list(decision.looks),
        protocol=cast(Protocol, _filled(study.facts["protocol"], UNKNOWN_PROTOCOL) | settled),
        versions=study.facts["versions"],
        command=study.facts["command"],
        call=study.facts.get("call", ""),
    )


def _filled(facts: Mapping[str, Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts, and those that are `unknown` where they lack them."""
    return {**facts, **{key: value for key, value in unknown.items() if key not in facts}}


def _tuning(study: Study, chosen: Mapping[str, Tuned]) -> Tuning | None:
    if not study.tuned:
        return None
    tuning, first = study.tuning, chosen[study.tuned[0].name]
    coarse = len(first.searches[0][1])
    return Tuning(
        seeds=first.seeds,
        first_rates=list(tuning.rates),
        first_seeds=coarse,
        fine_rates=FINE_RATES if tuning.fine_seeds else 0,
        fine_seeds=len(tuning.fine_seeds),
        extra_seeds=len(first.seeds) - coarse - len(tuning.fine_seeds),
    )


def _knobs(study: Study) -> KnobsPart | None:
    if not study.joint:
        return None
    budget = knob_budget(study.tuning)
    return KnobsPart(
        ranges=plain_ranges(study.knobs),
        sampler=SAMPLER,
        proposals=budget.batches * BATCH,
        seeds=list(budget.seeds),
        leading=LEADING,
        more_seeds=list(budget.more_seeds),
        runs=budget.runs,
    )


def _own_protocol(study: Study, candidate: Candidate) -> dict[str, Any]:
    """Return what a candidate has in place of fields of the study's protocol."""
    own, shared = study.own_facts(candidate), study.facts["protocol"]
    updates = study.updates_per_epoch(candidate)
    lengths = {
        "batch_size": candidate.settings.get("batch_size", shared.get("batch_size")),
        "updates_per_epoch": updates,
        "horizon": study.epochs_of(candidate) * updates,
    }
    lengths = {key: value for key, value in lengths.items() if value != shared.get(key)}
    return {key: own[key] for key in own if key not in ("digest", "weights", "horizon")} | lengths


def _candidate(
    study: Study, candidate: Candidate, scores: Scores, decision: Decision, is_last: bool
) -> CandidateAnswer:
    """Return a candidate with its scores, its comparison and its place, at the last step that ran it."""
    name = candidate.name
    rates, by_run = scores.rates[name], scores.by_run[name]
    chosen, found = rates.candidate, rates.knobs
    whole = summarise(study.sign * scores.replicates[name], sample_value=study.facts["data"]["sample_value"])
    comparison = decision.vs_baseline.get(name)
    return CandidateAnswer(
        name=name,
        spec=str(chosen.at(rates.chosen)),
        settings=dict(chosen.settings),
        protocol=_own_protocol(study, chosen),
        lr=rates.chosen if found is None else found.values.get("lr"),
        lr_range=rates.within(decision.margin),
        lr_at_edge=rates.at_edge,
        lr_at_limit=rates.at_limit,
        knobs=None if found is None else dict(found.values),
        knobs_at_edge=[] if found is None else list(found.at_edge),
        promised=None if found is None else found.promised,
        n=len(by_run),
        dropped=not is_last,
        replicates=whole.n,
        diverged=scores.diverged(name),
        mean=whole.mean,
        sd=whole.sd,
        ci95=None if whole.ci95 is None else list(whole.ci95),
        error=references.error(scores.counted[name], study.facts["data"].get("target_spreads", [])),
        ci95_new_rows=new_rows(study, scores.counted[name]),
        scores=[None if np.isnan(value) else value for value in by_run.tolist()],
        vs_baseline=None if comparison is None else versus(study.sign, comparison),
        in_best_set=is_last and name in decision.best_set,
    )
