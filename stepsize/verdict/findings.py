"""The sentence, the notes and the warnings of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stepsize.number_format import all_of, counted, rate, rate_range
from stepsize.stats import Decision
from stepsize.study.few_seeds import few_seeds
from stepsize.study.replicates import replication, unit, units
from stepsize.study.tuning import fine_parts
from stepsize.verdict import data_notes, references
from stepsize.verdict.answer import Answer, CandidateAnswer, Protocol
from stepsize.verdict.attribution import Attribution, attribution_notes, credit
from stepsize.verdict.diverged_runs import Divergences, diverged_runs, nothing_to_use
from stepsize.verdict.formatting import (
    LISTED,
    candidate_named,
    full_spec,
    listed,
    paired_difference,
    scale_of,
    score,
    word_with_losses,
)
from stepsize.verdict.look_notes import look_notes
from stepsize.verdict.seeds_notes import seeds_notes

SAME_ROWS = {  # splits whose validation rows are the same for every seed
    "column": "your own validation part",
    "given": "your own validation rows",
    "lesson": "the last rows of the table",
    "time": "the latest rows",
}


def sentence(
    answer: Answer, divergences: Divergences, decision: Decision, attribution: Attribution | None
) -> str:
    """Return one sentence: what to use, and how sure that is."""
    verdict, candidates = answer["verdict"], answer["candidates"]
    name, protocol = verdict["recommended"], answer["study"]["protocol"]
    if name is None:
        return nothing_to_use(answer, divergences)
    best, scale = candidate_named(candidates, name), scale_of(answer)
    reached = f"{score(scale, best['mean'], best['ci95'])} over {_replication(best, protocol['folds'])}"
    scaled = data_notes.scaling(best["protocol"].get("scaled", answer["data"]["scaled"]))
    use = f"Use {full_spec(best)}{scaled} ({scale.name} {reached})"
    if len(candidates) == 1:
        return f"{use}; it was the only candidate."
    baseline = candidate_named(candidates, protocol["baseline"])
    gain = _gain(answer, best, baseline, decision) + credit(attribution, best)
    count = len(verdict["best_set"])
    if decision.only_one:
        return f"{use}: it is shown to be better than {_all_others(len(candidates) - 1)}{gain}."
    among = all_of(count) if count == len(candidates) else f"{count} of {len(candidates)}"
    simplest = f"{among} candidates may be the best, and {verdict['reason']}"
    if best["vs_baseline"] is None:
        return f"{use}: no candidate is shown to be better; {simplest}."
    return f"{use}: {simplest}{gain}."


def _gain(answer: Answer, candidate: CandidateAnswer, baseline: CandidateAnswer, decision: Decision) -> str:
    """Return the end of a sentence: how far a candidate is from the baseline."""
    versus = candidate["vs_baseline"]
    if versus is None:
        return ""
    scale = scale_of(answer)
    change = paired_difference(scale, candidate, baseline, versus["mean"], versus["ci95"], answer["study"])
    word = word_with_losses(decision.vs_baseline[candidate["name"]], candidate, baseline)
    return f"; it differs from the baseline by {change} ({word})"


def _all_others(count: int) -> str:
    return "the other candidate" if count == 1 else f"{all_of(count)} other candidates"


def _replication(candidate: CandidateAnswer, folds: int | None) -> str:
    """Return what the statistics count, in words: seeds, or repeats of a cross-validation."""
    count = candidate["replicates"]
    if folds and count == units(candidate["n"], folds):
        return f"{count:,} × {folds}-fold cross-validation"
    return replication(count, candidate["n"], folds)


def notes(answer: Answer, decision: Decision, attribution: Attribution | None) -> list[str]:
    """Return what made the difference, what the data can tell, how rates were chosen, what to run next."""
    study = answer["study"]
    return [
        *attribution_notes(attribution),
        *data_notes.notes(answer["data"], study["protocol"]),
        *_split_notes(answer),
        *_new_rows_notes(answer),
        *_tuning_notes(study["protocol"]),
        *_rates_as_good(answer),
        *look_notes(answer, decision),
        *seeds_notes(answer, decision),
    ]


def _split_notes(answer: Answer) -> Iterator[str]:
    protocol, data = answer["study"]["protocol"], answer["data"]
    kind, is_tuned = protocol["split_kind"], protocol["tuning"] or protocol["knobs"]
    if kind in SAME_ROWS and is_tuned and not data["held_out"]:
        yield (
            f"Rates were chosen and are judged on the same rows: {SAME_ROWS[kind]}, whatever the seed. To "
            "judge on rows that tuning never sees, give the data a 'test' part, too."
        )
    if kind == "lesson":
        yield (
            "The validation rows are the last rows of the table, unshuffled and the same for every seed. "
            "Unless the rows are in the order of time, also compare the candidates on rows that each seed "
            f"draws: {_on_drawn_rows(answer)}"
        )
    if kind == "test":
        yield (
            "The data's own test part is used for validation, as in the lesson, so no unseen rows are left "
            "to confirm the choice."
        )


def _on_drawn_rows(answer: Answer) -> str:
    """Return the command of a study with a split that each seed draws."""
    command = answer["study"]["command"]
    kind = "stratified" if answer["data"]["kind"] in ("binary", "multiclass") else "random"
    if command.startswith("stepsize compare "):
        return re.sub(r" --split[= ]\S+", "", command) + f" --split {kind}"
    if command.startswith(("stepsize.compare('", 'stepsize.compare("')):
        return re.sub(r", split='[^']*'", "", command.removesuffix(")")) + f", split='{kind}')"
    return f"create the problem with split={kind!r}."


def _tuning_notes(protocol: Protocol) -> Iterator[str]:
    tuning = protocol["tuning"]
    if tuning:
        rates = tuning["fine_rates"]
        fine, finer = fine_parts(tuning["fine_seeds"])
        first = f"{len(tuning['first_rates'])} rates on {counted(tuning['first_seeds'], 'tuning seed')}"
        searches = [first]
        if fine:
            searches.append(f"{rates} rates around the best on {fine} more")
        if finer:
            searches.append(f"{rates} closer to it on another {finer}")
        if extra := tuning["extra_seeds"]:
            searches.append(f"because these left much open, {rates} likely ones on {extra} more")
        which = "Each free lr" if protocol["knobs"] is None else "Each lr that is free alone"
        through = ", and ".join(filter(None, (", ".join(searches[:-1]), searches[-1])))
        yield f"{which} is chosen from a smooth curve through {through}; the verdict uses fresh seeds."


def _rates_as_good(answer: Answer) -> Iterator[str]:
    """Yield the rates that are as good as that of the recommended candidate."""
    name = answer["verdict"]["recommended"]
    if name is None:
        return
    best = candidate_named(answer["candidates"], name)
    if best["lr_range"] is not None:
        margin = scale_of(answer).step(answer["study"]["protocol"]["margin"])
        yield (
            f"{name}: on the smooth curve, every lr from {rate_range(best['lr_range'])} scores within "
            f"{margin} of the best."
        )


def _new_rows_notes(answer: Answer) -> Iterator[str]:
    """Yield what to expect on new rows, which is less certain than the mean over seeds."""
    name = answer["verdict"]["recommended"]
    if name is None:
        return
    best, scale = candidate_named(answer["candidates"], name), scale_of(answer)
    if best["ci95_new_rows"] is not None:
        low, high = map(scale.number, best["ci95_new_rows"])
        yield (
            f"On new rows, expect {scale.name} between {low} and {high} {scale.unit}".rstrip()
            + " (95 %). The ± of a score is for more seeds on the same rows; the ± of a difference also "
            "holds on new rows."
        )


def warnings(answer: Answer, divergences: Divergences, decision: Decision) -> list[str]:
    """Return what may make the answer wrong or weak."""
    return [
        *data_notes.warnings(answer["data"], answer["study"]["protocol"]),
        *_few_seeds(answer, decision),
        *_rates_at_edge(answer["candidates"]),
        *diverged_runs(answer, divergences),
        *_useless_scores(answer),
        *references.warnings(answer),
        *_scores_that_do_not_vary(answer),
    ]


def _few_seeds(answer: Answer, decision: Decision) -> Iterator[str]:
    kind = f"{unit(answer['study']['protocol']['folds'])}s"
    if text := few_seeds(len(answer["candidates"]), decision.seeds, decision.comparisons, kind):
        yield text


def _rates_at_edge(candidates: Sequence[CandidateAnswer]) -> Iterator[str]:
    at_edge = [candidate for candidate in candidates if candidate["lr_at_edge"]]
    for candidate in listed(at_edge):
        where = "at the edge of the rates tried"
        if candidate["lr_at_limit"]:
            where = "the last that its other parameters allow"
        yield (
            f"{candidate['name']}: its best rate, {rate(candidate['lr'])}, is {where}; "
            "a better one may lie beyond."
        )
    if len(at_edge) > LISTED:
        yield f"{counted(len(at_edge) - LISTED, 'more candidate')} also had their best rate at the edge."


def _useless_scores(answer: Answer) -> Iterator[str]:
    """Yield a warning if the scores tell nothing: all are equal, or none beats a constant answer."""
    data, protocol = answer["data"], answer["study"]["protocol"]
    values = {value for candidate in answer["candidates"] for value in candidate["scores"]}
    means = [candidate["mean"] for candidate in answer["candidates"] if candidate["mean"] is not None]
    runs = sum(candidate["n"] for candidate in answer["candidates"])
    if values == {1.0} and protocol["share"]:
        yield (
            f"{'Every' if runs > 1 else 'The only'} run has 100 % {scale_of(answer).name}, so nothing can be "
            "told apart: check that no column gives the answer away, or train for fewer epochs."
        )
    elif len(values) == 1 and means and runs > 1:
        several = ["seed"] * (len(answer["study"]["seeds"]) > 1) + ["candidate"] * (len(means) > 1)
        yield (
            f"The {scale_of(answer).name} is the same for every {' and '.join(several)}: check the model and "
            "the data first."
        )
    elif means and (warning := data_notes.no_better_than_constant(data, protocol, means)):
        yield warning


def _scores_that_do_not_vary(answer: Answer) -> Iterator[str]:
    """Yield a warning if the seed, or the schedule, does not seem to reach a training function."""
    if answer["data"]["kind"] is not None:  # the engine trains: equal scores are ties
        return
    scores = [tuple(each["scores"]) for each in answer["candidates"] if not each["dropped"]]
    if len(scores) < 2 or len(scores[0]) < 2:
        return
    if len(set(scores)) > 1 and all(len(set(row)) == 1 for row in scores):
        yield (
            "Every candidate has the same score on all seeds: the training does not seem to use its seed, so "
            "all seeds repeat the same run and cannot show any difference."
        )
    specs = {each["spec"] for each in answer["candidates"]}
    if len(set(scores)) == 1 and len(set(scores[0])) > 1 and len(specs) > 1:
        yield (
            "All candidates have the same score on every seed: the learning rates do not seem to reach the "
            "training."
        )
