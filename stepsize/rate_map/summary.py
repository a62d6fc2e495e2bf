"""From the finished runs of a map of rates to its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from stepsize.number_format import Scale, finite, rate_range, scale_for
from stepsize.rate_map.answer import BestRate, MapAnswer, RateAnswer, RateMapAnswer, Status
from stepsize.rate_map.curve_words import Lost, RateRuns, word_of
from stepsize.rate_map.reasons import Context, Others, all_lost, reason, sentence
from stepsize.rate_map.rounds import MapOfRates, finished_maps
from stepsize.stats import by_repeat, summarise
from stepsize.stats.interval import Summary
from stepsize.stats.looks import LEAST_SEEDS
from stepsize.study.candidate_settings import large_batch_notes
from stepsize.study.replicates import replication, unit, units
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study
from stepsize.study.trained_settings import other_optimizer_notes


def summarise_rates(study: Study, runs: Runs, cost: Mapping[str, Any], following: str) -> RateMapAnswer:
    """Return the answer of finished maps; `following` is the command to run next."""
    maps = [_map(each, runs) for each in finished_maps(study, runs)]
    first, seeds, folds = maps[0], list(study.tuning.seeds), study.facts["protocol"].get("folds")
    repeats = f" ({replication(units(len(seeds), folds), len(seeds), folds)})" if folds else ""
    notes = [
        f"Each rate has {len(seeds)} runs{repeats} with the same seeds, {seeds[0]} to {seeds[-1]}, which a "
        "comparison of schedules does not use for its verdict.",
        '"The way" is how far the best rate lowers the training loss (or raises the score, if no loss is '
        "reported).",
        "The rates are constant; the best peak of a decaying schedule is higher than the best constant rate.",
        *_few_seeds(len(seeds), folds),
        *_model_notes(study),
        *other_optimizer_notes(study),
        *large_batch_notes(study.facts, [each["settings"] for each in maps]),
    ]
    return RateMapAnswer(
        study={
            "name": study.name,
            "fingerprint": study.fingerprint,
            "seeds": seeds,
            "protocol": dict(study.facts["protocol"]),
            "versions": study.facts["versions"],
            "command": study.facts["command"],
        },
        data=dict(study.facts["data"]),
        status=first["status"],
        sentence=first["sentence"],
        rates=first["rates"],
        best=first["best"],
        maps=maps,
        next=following,
        notes=notes,
        cost=dict(cost),
    )


def _model_notes(study: Study) -> list[str]:
    """Return what makes the scores of a PyTorch model worse, and why it trains one run at a time, if so."""
    protocol = study.facts["protocol"]
    notes = list(protocol.get("model_warnings", []))
    if study.facts.get("repeats_first_run"):
        notes += protocol.get("model_notes", [])[:1]
    return [f"Model: {note}." for note in notes]


def _few_seeds(seeds: int, folds: int | None) -> list[str]:
    if units(seeds, folds) >= LEAST_SEEDS:
        return []
    return [
        f"Fewer than {LEAST_SEEDS} {unit(folds)}s cannot show that a rate is worse. The range of good rates "
        "is where a smooth curve lies close to its peak; a rate in it whose mean is well below the best may "
        "be worse."
    ]


def _map(each: MapOfRates, runs: Runs) -> MapAnswer:
    settings = dict(each.candidate.settings)
    is_function = each.study.facts["data"].get("kind") is None
    curves = [curves_of(rate, each.runs_at(rate, runs), is_function) for rate in each.tried]
    summaries = [_summary(each, rate, runs) for rate in each.tried]
    scale = _scale(each.study, [summary.ci95 for summary in summaries])
    best, status = _best(each, runs), _status(each, runs)
    answers = [
        RateAnswer(
            rate=item.rate,
            word="diverges",
            reason="",
            n=item.runs,
            diverged=len(item.lost),
            mean=summary.mean,
            replicates=summary.n,
            ci95=None if summary.ci95 is None else list(summary.ci95),
            train_loss=_median(item.train_loss),
            valid_loss=_median(item.valid_loss),
            score=_median(item.score),
        )
        for item, summary in zip(curves, summaries, strict=True)
    ]
    text = ", ".join(f"{key}={value}" for key, value in settings.items())
    tried, is_requested = rate_range([each.tried[0], each.tried[-1]]), not each.study.tuning.rounds
    if best is None:
        for answer, item in zip(answers, curves, strict=True):
            answer["reason"] = reason("diverges", item, None, None)
        words = all_lost(text, tried)
        return MapAnswer(settings=settings, status=status, sentence=words, rates=answers, best=None)
    measure = "training loss"
    chosen = next(item for item in curves if item.rate == best["rate"])
    lowest = next(item for item in curves if len(item.score))
    if not _falls(chosen, lowest):  # it is not reported, or shows nothing
        measure, curves = "score", [_by_score(item, each.study.sign) for item in curves]
        chosen = next(item for item in curves if item.rate == best["rate"])
        lowest = next(item for item in curves if len(item.score))
    context = Context(chosen, scale, {each["rate"]: each["mean"] for each in answers}, measure)
    low, high = best["range"]
    for answer, item in zip(answers, curves, strict=True):
        word, seen = word_of(item, chosen, lowest, (low, high))
        answer["word"] = cast(Any, word)
        answer["reason"] = reason(word, item, seen, context)
    mine = next(a for a in answers if a["rate"] == chosen.rate)
    score = f"{scale.name} {scale.plus_minus(mine['mean'], mine['ci95'])} {scale.unit}".strip()
    words = sentence(status, best, score, mine, text, tried, _others(each, runs, scale), is_requested)
    return MapAnswer(settings=settings, status=status, sentence=words, rates=answers, best=best)


def _others(each: MapOfRates, runs: Runs, scale: Scale) -> Others:
    """Return how the other rates compare with the best one."""
    lost, worse = (int(found.sum()) for found in each.worse(runs))
    return Others(len(each.tried) - 1, lost, worse, scale.step(each.margin(runs)), each.folds)


def curves_of(rate: float, runs: list[Run], is_function: bool) -> RateRuns:
    """Return the curves of the finished runs of a rate, and where the others diverged."""
    finished, others = ([run for run in runs if (run.score is None) == is_lost] for is_lost in (False, True))
    epochs = runs[0].curves.shape[1]
    train, valid, score = (
        np.array([run.curves[row] for run in finished], np.float64).reshape(-1, epochs) for row in range(3)
    )
    lost = [Lost(run.diverged_at or 0, _epoch_lost(run, is_function)) for run in others]
    return RateRuns(rate, train, valid, score, lost)


def _epoch_lost(run: Run, is_function: bool) -> int:
    """Return the epoch in which a run diverged, from its curves: the updates of an epoch may vary by seed.

    A function ends with the epoch that it reported last; any other run loses its training loss, or only its
    last score.
    """
    if is_function:
        return int(np.isfinite(run.curves[3]).sum())
    is_gone = ~np.isfinite(run.curves[0])
    return int(is_gone.argmax()) + 1 if is_gone.any() else len(is_gone)


def _best(each: MapOfRates, runs: Runs) -> BestRate | None:
    if each.chosen is None:
        return None
    ends = each.good(runs)
    if each.study.tuning.rounds:
        ends = [float(f"{end:.2g}") for end in ends]
    low, high = min(ends[0], each.chosen), max(ends[1], each.chosen)
    return BestRate(rate=each.chosen, range=[low, high], regret=each.curve(runs).regret)


def _status(each: MapOfRates, runs: Runs) -> Status:
    if each.all_diverged(runs):
        return "all_diverged"
    below, above = each.open_ends(runs)
    return "flat" if below and above else "open_below" if below else "open_above" if above else "ok"


def _summary(each: MapOfRates, rate: float, runs: Runs) -> Summary:
    """Return the mean score of a rate with its interval; in a cross-validation, that of its repeats."""
    study = each.study
    scores = [np.nan if run.score is None else run.score for run in each.runs_at(rate, runs)]
    repeats = by_repeat(scores, study.tuning.seeds, each.folds)
    return summarise(repeats, sample_value=study.facts["data"]["sample_value"] or None)


def _falls(best: RateRuns, lowest: RateRuns) -> bool:
    """Return whether the training loss of the best rate ends below where training begins."""
    start, end = (np.median(item.train_loss, axis=0) for item in (lowest, best))
    return bool(np.isfinite(start).all() and np.isfinite(end).all() and start[0] - end[-1] > 0)


def _by_score(item: RateRuns, sign: int) -> RateRuns:
    """Return the runs with their scores in place of losses."""
    return item._replace(train_loss=-sign * item.score, valid_loss=-sign * item.score)


def _median(curves: np.ndarray) -> list[float | None]:
    return [] if not len(curves) else [finite(float(value)) for value in np.median(curves, axis=0)]


def _scale(study: Study, intervals: list[Any]) -> Scale:
    protocol = study.facts["protocol"]
    halves = [None if ends is None else (ends[1] - ends[0]) / 2 for ends in intervals]
    higher = protocol["higher_is_better"]
    return scale_for(protocol["metric"], higher, protocol.get("share"), halves)
