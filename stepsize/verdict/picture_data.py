"""The series that pictures show: schedules, learning curves with bands, and the rates tried in tuning."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from stepsize.study.search.chosen_rates import last_tuned
from stepsize.study.search.rate_search import Tuned
from stepsize.study.stores.store import Run, Runs
from stepsize.study.study import Study
from stepsize.study.used_rates import UsedRates
from stepsize.verdict.scores import final_runs, run_scores
from stepsize.verdict.series import Band, CurveSeries, Details, PlanSeries, RatePoint

POINTS = 400  # of a schedule's picture


def picture_data(study: Study, runs: Runs, names: Collection[str]) -> Details:
    """Return the series of the candidates called `names`."""
    plans: dict[str, PlanSeries] = {}
    curves: dict[str, CurveSeries] = {}
    sweep: dict[str, list[RatePoint]] = {}
    tuned = last_tuned(study, runs)
    for step, candidate in study.last_steps:
        name = candidate.name
        if name not in names:
            continue
        rates = tuned[name]
        final = final_runs(step, rates, runs)
        plans[name] = _plan(UsedRates.of(step, rates), final)
        curves[name] = learning_curves(final)
        if rates.tried:
            sweep[name] = _sweep(step, rates, runs)
    return Details(plans=plans, curves=curves, sweep=sweep)


def _plan(used: UsedRates, final: Sequence[Run]) -> PlanSeries:
    """Return the rates by update: as planned, or the mean over the runs that still train.

    Where a metric drives them, they end with the last run.
    """
    horizon = used.plan.horizon
    at = np.unique(np.linspace(0, horizon - 1, min(POINTS, horizon)).round().astype(int))
    rates = used.mean(final, at)
    known = np.isfinite(rates)
    return PlanSeries(epoch=(at[known] / used.per_epoch).tolist(), lr=rates[known].tolist())


def learning_curves(runs: Sequence[Run]) -> CurveSeries:
    """Return losses and metric by epoch over the runs of one candidate."""
    stacked = np.ma.masked_invalid(np.stack([run.curves for run in runs]).astype(float))
    return CurveSeries(
        epoch=list(range(1, stacked.shape[2] + 1)),
        train_loss=_band(stacked[:, 0]),
        val_loss=_band(stacked[:, 1]),
        metric=_band(stacked[:, 2]),
    )


def _band(values: np.ma.MaskedArray) -> Band:
    """Return mean and 10-90 % band of [runs, epochs]."""
    low, high = _quantiles(values, (0.1, 0.9))
    mean = np.ma.filled(values.mean(axis=0), np.nan)
    return Band(mean=_nullable(mean), low=_nullable(low), high=_nullable(high))


def _quantiles(values: np.ma.MaskedArray, q: Sequence[float]) -> np.ndarray:
    """Return the quantiles of each column's finite values, [len(q), columns]; nan where there are none."""
    if not np.ma.is_masked(values):
        return np.quantile(values.data, q, axis=0)
    columns = [column.compressed() for column in values.T]
    missing = np.full(len(q), np.nan)
    return np.stack([np.quantile(column, q) if len(column) else missing for column in columns], axis=1)


def _nullable(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _sweep(study: Study, rates: Tuned, runs: Runs) -> list[RatePoint]:
    """Return the scores on the tuning seeds at every rate tried, and the chosen rate as its curve has it.

    The chosen rate has no scores: it lies between rates that were tried.
    """
    tried = {rate: rates.runs_at(rate, runs) for rate in rates.tried}
    points = [
        RatePoint(
            lr=rate,
            scores=[run.score for run in at_rate],
            mean=_mean(run_scores(at_rate)),
            chosen=False,
        )
        for rate, at_rate in tried.items()
    ]
    assert rates.curve is not None
    assert rates.chosen is not None
    best = study.sign * float(rates.curve.at(rates.curve.rate))
    points.append(RatePoint(lr=rates.chosen, scores=[], mean=best, chosen=True))
    return sorted(points, key=lambda point: point["lr"])


def _mean(scores: np.ndarray) -> float | None:
    """Return the mean of the runs that finished."""
    finished = scores[np.isfinite(scores)]
    return float(finished.mean()) if len(finished) else None
