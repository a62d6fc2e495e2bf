"""The series of a study's pictures, by candidate name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict


class PlanSeries(TypedDict):
    """The learning rate of one candidate against time, as each update uses it.

    Where a metric drives it, it is the mean over the runs that still train, and ends when none does.
    """

    epoch: list[float]
    lr: list[float]


class Band(TypedDict):
    """Mean and 10-90 % band over seeds, by epoch; None where every run had diverged."""

    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


class CurveSeries(TypedDict):
    """The learning curves of one candidate."""

    epoch: list[int]
    train_loss: Band
    val_loss: Band
    metric: Band


class RatePoint(TypedDict):
    """One rate that was tried in tuning: a score per tuning seed, None for a diverged run."""

    lr: float
    scores: list[float | None]
    mean: float | None
    chosen: bool


class Details(TypedDict):
    """The series that only pictures need, by candidate name."""

    plans: Mapping[str, PlanSeries]
    curves: Mapping[str, CurveSeries]
    sweep: Mapping[str, list[RatePoint]]
