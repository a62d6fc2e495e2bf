"""A pair of candidates, judged by the rule of every study: difference, interval, word, scores and curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stepsize.number_format import Interval
from stepsize.stats import summarise
from stepsize.study.stores.store import Run
from stepsize.study.study import Study
from stepsize.verdict.answer import VersusBaseline
from stepsize.verdict.picture_data import learning_curves
from stepsize.verdict.recommendation import judge_step, versus
from stepsize.verdict.series import CurveSeries


@dataclass(frozen=True, eq=False)
class Side:
    """One candidate of a pair: its spec and settings, the scores of its runs (nan if lost) and its curves.

    `mean` is over the `replicates`: the seeds that finished, or the whole repeats of a cross-validation.
    """

    name: str
    scores: np.ndarray
    mean: float | None
    ci95: Interval
    replicates: int
    diverged: int
    curves: CurveSeries


@dataclass(frozen=True, eq=False)
class Pair:
    """A schedule and a baseline on the same seeds.

    `versus` is what `compare` says of the schedule against the baseline if it has no other candidates; None
    if both are the same. `by_losses` says that its word rests on lost runs. `margin` is the smallest
    difference that matters.
    """

    chosen: Side
    baseline: Side
    versus: VersusBaseline | None
    by_losses: bool
    margin: float
    study: Study


def judge_pair(study: Study, runs: Mapping[tuple[str, int], Run], chosen: str) -> Pair:
    """Return what the runs of a study of two candidates show, or of one that is both."""
    scores, decision = judge_step(study, runs, ())
    step = study.facts["data"]["sample_value"]

    def side(name: str) -> Side:
        whole = summarise(study.sign * scores.replicates[name], sample_value=step)
        curves = learning_curves(scores.runs[name])
        lost = scores.diverged(name)
        return Side(name, scores.by_run[name], whole.mean, whole.ci95, whole.n, lost, curves)

    comparison = decision.vs_baseline.get(chosen)
    return Pair(
        chosen=side(chosen),
        baseline=side(study.baseline),
        versus=None if comparison is None else versus(study.sign, comparison),
        by_losses=comparison is not None and comparison.basis == "lost runs",
        margin=decision.margin,
        study=study,
    )
