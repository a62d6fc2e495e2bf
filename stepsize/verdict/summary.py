"""From the runs of a study to the answer: one dict for people, pages and programs alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from stepsize.stats import (
    Paired,
    best_set,
    by_repeat,
    compare_paired,
    holm,
    judge,
    seeds_needed,
    summarise,
)
from stepsize.study.candidates import Candidate
from stepsize.study.protocol import Job, Tuned, tuned
from stepsize.study.rate_search import FINE_RATES
from stepsize.study.store import Run, Runs
from stepsize.study.study import Study
from stepsize.verdict import findings

POINTS = 400  # of a schedule's picture

Scores = Mapping[
    str, np.ndarray
]  # by candidate, [seeds or repeats]; higher is better: a loss has its sign turned


def summarise_study(study: Study, runs: Runs, cost: Mapping[str, Any]) -> dict[str, Any]:
    """Give the answer of a finished study; its fields are the contract of `compare --json`.

    A diverged run counts with the worst score there is; it is never left out.
    """
    rates = {candidate.name: tuned(study, candidate, runs) for candidate in study.candidates}
    final = {c.name: _final_runs(study, c, rates[c.name].chosen, runs) for c in study.candidates}
    worst = _worst(study, [run for own in final.values() for run in own])
    folds = study.facts["protocol"].get("folds")
    by_run = {name: study.sign * _scores(own, worst) for name, own in final.items()}
    scores = {name: by_repeat(values, study.seeds, folds) for name, values in by_run.items()}
    step = study.facts["data"]["sample_value"]
    margin = study.margin(float(scores[study.baseline].mean()))
    paired = {
        name: compare_paired(values, scores[study.baseline], sample_value=step)
        for name, values in scores.items()
        if name != study.baseline
    }
    adjusted = dict(zip(paired, holm([each.p for each in paired.values()]), strict=True))
    possible = dict(zip(scores, best_set(np.array(list(scores.values()))), strict=True))
    survivors = {name: any(run.score is not None for run in own) for name, own in final.items()}
    candidates = []
    for candidate in study.candidates:
        name = candidate.name
        whole = summarise(study.sign * scores[name], sample_value=step)
        rate = rates[name].chosen
        candidates.append(
            {
                "name": name,
                "spec": str(candidate.at(rate)),
                "settings": dict(candidate.settings),
                "lr": rate,
                "lr_range": rates[name].within(margin),
                "lr_at_edge": rates[name].at_edge,
                "lr_at_limit": rates[name].at_limit,
                "n": len(final[name]),
                "replicates": whole.n,
                "diverged": sum(run.score is None for run in final[name]),
                "mean": whole.mean,
                "sd": whole.sd,
                "ci95": whole.ci95 and list(whole.ci95),
                "scores": (study.sign * by_run[name]).tolist(),
                "vs_baseline": _versus(study.sign, paired[name], adjusted[name], margin)
                if name in paired
                else None,
                "in_best_set": possible[name] and survivors[name],
            }
        )
    protocol = {
        **study.facts["protocol"],
        "baseline": study.baseline,
        "margin": margin,
        "tuning": _tuning(study) if study.tuned else None,
    }
    answer: dict[str, Any] = {
        "study": {
            "name": study.name,
            "fingerprint": study.fingerprint,
            "seeds": list(study.seeds),
            "protocol": protocol,
            "versions": study.facts["versions"],
            "command": study.facts["command"],
        },
        "data": study.facts["data"],
        "candidates": candidates,
    }
    divergences = _divergences(final)
    listed = {name: values.tolist() for name, values in scores.items()}
    answer["verdict"] = _verdict(study, candidates, scores, margin)
    answer["verdict"]["sentence"] = findings.sentence(answer, divergences, listed)
    answer["notes"] = findings.notes(answer, listed)
    answer["warnings"] = findings.warnings(answer, divergences)
    answer["cost"] = dict(cost)
    return answer


def picture_data(study: Study, runs: Runs, names: Collection[str]) -> dict[str, Any]:
    """Give what the pictures of the candidates `names` show: schedules, curves with bands, tuning."""
    drawn: dict[str, Any] = {"plans": {}, "curves": {}, "sweep": {}}
    for candidate in study.candidates:
        name = candidate.name
        if name not in names:
            continue
        rates = tuned(study, candidate, runs)
        final = _final_runs(study, candidate, rates.chosen, runs)
        drawn["plans"][name] = _plan(study, candidate, rates.chosen, final)
        drawn["curves"][name] = _bands(final)
        if rates.tried:
            drawn["sweep"][name] = _sweep(study, candidate, rates, runs)
    return drawn


def _verdict(
    study: Study, candidates: Sequence[Mapping[str, Any]], scores: Scores, margin: float
) -> dict[str, Any]:
    """Name the best set, the simplest of it, and the seeds that would show a difference of the margin."""
    if all(candidate["diverged"] == candidate["n"] for candidate in candidates):
        return {
            "status": "all_diverged",
            "best_set": [],
            "recommended": None,
            "reason": None,
            "seeds_needed": None,
        }
    best = [candidate["name"] for candidate in candidates if candidate["in_best_set"]]
    recommended, reason = _recommend(study, best, scores, margin)
    needed = None
    if len(best) > 1 and len(scores[recommended]) > 1:
        rival = max((name for name in best if name != recommended), key=lambda name: scores[name].mean())
        spread = compare_paired(scores[rival], scores[recommended]).sd
        needed = seeds_needed(spread or 0.0, margin) * (study.facts["protocol"].get("folds") or 1)
    return {
        "status": "one_best" if len(best) == 1 else "tied",
        "best_set": best,
        "recommended": recommended,
        "reason": reason,
        "seeds_needed": needed,
    }


def _recommend(study: Study, best: Sequence[str], scores: Scores, margin: float) -> tuple[str, str]:
    """Give the simplest candidate of the best set, and why.

    With few seeds the best set holds nearly everyone. So candidates that trail the highest mean by more
    than the margin, with an interval that stays below zero, are passed over; among equally simple ones
    the highest mean wins.
    """
    top = max(best, key=lambda name: scores[name].mean())

    def close(name: str) -> bool:
        gap = compare_paired(scores[name], scores[top])
        return gap.mean >= -margin or gap.ci95 is None or gap.ci95[1] >= 0

    simplicity = {c.name: c.simplicity() for c in study.candidates}
    simplest = min(simplicity[name] for name in best if close(name))
    equals = [name for name in best if simplicity[name] == simplest]
    recommended = max(equals, key=lambda name: scores[name].mean())
    if len(equals) > 1:
        return recommended, "it has the highest mean of the simplest"
    if simplest > min(simplicity[name] for name in best):
        return recommended, "it is the simplest of those near the highest mean"
    return recommended, "it is the simplest of them"


def _versus(sign: int, paired: Paired, p_holm: float, margin: float) -> dict[str, Any]:
    """Give the comparison with the baseline; a difference is in units of the metric, whatever is better."""
    interval = paired.ci95 and sorted(sign * end for end in paired.ci95)
    return {
        "mean": sign * paired.mean,
        "ci95": interval,
        "p": paired.p,
        "p_holm": p_holm,
        "p_better": paired.p_better,
        "verdict": judge(paired, p_holm, margin),
    }


def _tuning(study: Study) -> dict[str, Any]:
    tuning = study.tuning
    return {
        "seeds": [*tuning.seeds, *tuning.fine_seeds],
        "first_rates": list(tuning.rates),
        "first_seeds": len(tuning.seeds),
        "fine_rates": FINE_RATES if tuning.fine_seeds else 0,
        "fine_seeds": len(tuning.fine_seeds),
    }


def _final_runs(study: Study, candidate: Candidate, rate: float | None, runs: Runs) -> list[Run]:
    return [runs[Job(candidate, rate, seed).key] for seed in study.seeds]


def _scores(runs: Sequence[Run], worst: float) -> np.ndarray:
    return np.array([worst if run.score is None else run.score for run in runs])


def _worst(study: Study, runs: Sequence[Run]) -> float:
    """Give what a diverged run scores: the worst value of the metric, or where it has none, of these runs."""
    worst = study.facts["protocol"].get("worst")
    scores = [run.score for run in runs if run.score is not None]
    return worst if worst is not None else study.sign * min((study.sign * s for s in scores), default=0.0)


def _divergences(final: Mapping[str, Sequence[Run]]) -> dict[str, tuple[int, float]]:
    """Give, for each candidate with diverged runs, the earliest update and that run's highest rate."""
    first: dict[str, tuple[int, float]] = {}
    for name, own in final.items():
        lost = [run for run in own if run.diverged_at is not None]
        if lost:
            run = min(lost, key=lambda run: run.diverged_at or 0)
            first[name] = (run.diverged_at or 0, float(np.nanmax(run.curves[3])))
    return first


def _plan(
    study: Study, candidate: Candidate, rate: float | None, final: Sequence[Run]
) -> dict[str, list[float]]:
    """Give the rates to draw: those planned, or, where a metric drives them, the mean of those used."""
    per_epoch = study.updates_per_epoch(candidate)
    if candidate.schedule.metric_factor is not None:
        used = np.stack([run.curves[3] for run in final]).astype(float)
        return {"epoch": [float(epoch) for epoch in range(study.epochs)], "lr": used.mean(axis=0).tolist()}
    plan = candidate.at(rate).plan(epochs=study.epochs, updates_per_epoch=per_epoch)
    at = np.unique(np.linspace(0, plan.horizon - 1, min(POINTS, plan.horizon)).round().astype(int))
    return {"epoch": (at / per_epoch).tolist(), "lr": plan.values[at].tolist()}


def _bands(runs: Sequence[Run]) -> dict[str, Any]:
    """Give mean and 10-90 % band over seeds of each series; None where every run had diverged."""
    stacked = np.stack([run.curves for run in runs]).astype(float)
    curves: dict[str, Any] = {"epoch": list(range(1, stacked.shape[2] + 1))}
    for row, name in enumerate(("train_loss", "val_loss", "metric")):
        values = np.ma.masked_invalid(stacked[:, row])
        low, high = _quantiles(values, (0.1, 0.9))
        mean = np.ma.filled(values.mean(axis=0), np.nan)
        curves[name] = {"mean": _nullable(mean), "low": _nullable(low), "high": _nullable(high)}
    return curves


def _quantiles(values: np.ma.MaskedArray, q: Sequence[float]) -> np.ndarray:
    """Give the quantiles of each column's finite values, [len(q), columns]; nan where there are none."""
    columns = [column.compressed() for column in values.T]
    lost = np.full(len(q), np.nan)
    return np.stack([np.quantile(column, q) if len(column) else lost for column in columns], axis=1)


def _nullable(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _sweep(study: Study, candidate: Candidate, rates: Tuned, runs: Runs) -> list[dict[str, Any]]:
    """Return the mean score of every rate tried, and of the chosen one as the curve has it, without runs."""
    seeds = (*study.tuning.seeds, *study.tuning.fine_seeds)
    jobs = {rate: [Job(candidate, rate, seed).key for seed in seeds] for rate in rates.tried}
    tried = {rate: [runs[key] for key in keys if key in runs] for rate, keys in jobs.items()}
    worst = _worst(study, [run for own in tried.values() for run in own])
    points = [
        {
            "lr": rate,
            "scores": [run.score for run in own],
            "mean": float(_scores(own, worst).mean()),
            "chosen": False,
        }
        for rate, own in tried.items()
    ]
    assert rates.curve is not None
    best = study.sign * float(rates.curve.at(rates.curve.rate))
    chosen = {"lr": rates.chosen, "scores": [], "mean": best, "chosen": True}
    return sorted([*points, chosen], key=lambda point: point["lr"])
