"""The learning rates that runs used: those of the plan, and where a metric drives them, times its factor.

A run keeps the rate of each epoch's last update. The factor changes between epochs alone, so that rate over
the planned one is the factor of the whole epoch. Where it cannot be read off so, because the planned rate is
0 or a run of PyTorch was lost within the epoch, the rule is applied again to what the run was judged by. If
epochs of other seeds have more or fewer batches than those of the first one, the factor is an approximation,
as the plan is for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepsize.schedules import Plan
from stepsize.study.search.rate_search import Tuned
from stepsize.study.stores.store import Run
from stepsize.study.study import Study


@dataclass(frozen=True, eq=False)
class UsedRates:
    """The rates of a candidate's runs; a metric-driven rule sees the row `watched` of their curves."""

    plan: Plan
    per_epoch: int
    watched: int

    @classmethod
    def of(cls, study: Study, chosen: Tuned) -> UsedRates:
        """Return the rates of the runs of what was chosen for a candidate."""
        candidate, factor = chosen.candidate, chosen.candidate.schedule.metric_factor
        per_epoch, metric = study.updates_per_epoch(candidate), study.facts["protocol"]["metric"]
        plan = candidate.at(chosen.chosen).plan(
            epochs=study.epochs_of(candidate), updates_per_epoch=per_epoch
        )
        rows = {"loss": 0, "val_loss": 1, metric: 2, f"val_{metric}": 2}
        watched = 2 if factor is None else rows.get(factor.metric, 2)
        return cls(plan, per_epoch, watched)

    def mean(self, runs: Sequence[Run], updates: np.ndarray) -> np.ndarray:
        """Return the rates at some updates: the mean over the runs that still train, nan if none does.

        They are the runs over which the mean of the metric was taken after the epoch before.
        """
        planned = self.plan.values[updates]
        if self.plan.metric_factor is None:
            return planned
        curves = _stacked(runs)
        lost = ~np.isfinite(curves[:, 2, :-1])
        lost = np.pad(lost, ((0, 0), (1, 0)))  # every run begins the first epoch
        factors = np.ma.masked_array(self._factors(curves), lost).mean(axis=0)
        return planned * np.ma.filled(factors, np.nan)[updates // self.per_epoch]

    def highest(self, run: Run) -> float:
        """Return the highest rate of a diverged run, up to the update at which it diverged."""
        assert run.diverged_at is not None
        used = self.plan.values[: run.diverged_at + 1]
        if self.plan.metric_factor is not None:
            (factors,) = self._factors(_stacked([run]))
            used = used * factors[np.arange(len(used)) // self.per_epoch]
        return float(used.max())

    def _factors(self, curves: np.ndarray) -> np.ndarray:
        """Return the factor of a metric-driven schedule in each epoch, [runs, epochs]."""
        planned = self.plan.values[self.per_epoch - 1 :: self.per_epoch].astype(curves.dtype)
        used, smallest = curves[:, 3], np.finfo(curves.dtype).tiny
        known = (planned >= smallest) & (used >= smallest)  # false for nan
        factors = np.divide(used, planned, out=np.ones_like(used), where=known)
        return factors if known.all() else np.where(known, factors, self._applied_again(curves))

    def _applied_again(self, curves: np.ndarray) -> np.ndarray:
        """Return the factors that the rule gives for the numbers that the runs were judged by."""
        rule = self.plan.metric_factor
        state, factors = rule.init(), np.ones((len(curves), curves.shape[2]))
        for epoch in range(1, curves.shape[2]):
            state = rule.observe(state, curves[:, self.watched, epoch - 1])
            factors[:, epoch] = rule.multiplier(state)
        return factors


def _stacked(runs: Sequence[Run]) -> np.ndarray:
    """Return the curves of runs, [runs, 4, epochs]."""
    return np.stack([run.curves for run in runs])
