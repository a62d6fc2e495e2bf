"""A bank of runs: the scores of every schedule at every rate on every seed, recorded once by the engine."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from replay.tables import SCHEDULES, Table, lattice

from stepsize.engine.client import Engine
from stepsize.study.jobs import Job
from stepsize.study.populations.executor import PopulationExecutor
from stepsize.study.protocol import Round
from stepsize.study.study import make_study

CHUNK = 10  # seeds recorded between two savings


@dataclass(frozen=True, eq=False)
class Bank:
    """`scores` [schedules, rates, seeds], nan if diverged, higher is better; `margin` is in their unit."""

    name: str
    rates: np.ndarray
    scores: np.ndarray
    margin: float
    step: float  # the value of one row, 0 where scores can be any number


def recorded(name: str, table: Table, folder: Path) -> Bank:
    """Return the bank of a table from `folder`; record what it lacks first."""
    path, rates = folder / f"{name}.npz", lattice(table)
    scores = _finished(path, rates, table.seeds)
    problem = table.problem()
    study = make_study(problem, SCHEDULES, seeds=table.seeds)
    missing = np.flatnonzero(~np.isfinite(scores).any(axis=(0, 1)))
    with Engine() as engine:
        executor = PopulationExecutor(engine, problem, study)
        for chunk in (missing[i : i + CHUNK].tolist() for i in range(0, len(missing), CHUNK)):
            began = time.perf_counter()
            scores[..., chunk] = _record(executor, study, rates, chunk)
            np.savez(path.with_suffix(".part.npz"), rates=rates, scores=scores)
            path.with_suffix(".part.npz").replace(path)
            speed = len(SCHEDULES) * len(rates) * len(chunk) / (time.perf_counter() - began)
            print(
                f"{name}: {chunk[-1] + 1} of {table.seeds} seeds, {speed:,.0f} runs a second", file=sys.stderr
            )
    scores = study.sign * scores
    finished = np.isfinite(scores[0]).any(axis=-1)
    means = np.full(len(rates), -np.inf)
    means[finished] = np.nanmean(scores[0, finished], axis=-1)
    baseline = study.sign * scores[0, means.argmax()]
    step = study.facts["data"]["sample_value"] if study.facts["protocol"].get("share", True) else 0.0
    return Bank(name, rates, scores, study.margin(baseline), step or 0.0)


def _finished(path: Path, rates: np.ndarray, seeds: int) -> np.ndarray:
    """Return the scores that the file holds, NaN for all others."""
    scores = np.full((len(SCHEDULES), len(rates), seeds), np.nan)
    if path.exists():
        with np.load(path) as file:
            if np.array_equal(file["rates"], rates):
                count = min(seeds, file["scores"].shape[2])
                scores[..., :count] = file["scores"][..., :count]
    return scores


def _record(executor: PopulationExecutor, study, rates: np.ndarray, seeds: list[int]) -> np.ndarray:
    jobs = tuple(
        Job(candidate, float(rate), seed)
        for seed in seeds
        for candidate in study.candidates
        for rate in rates
    )
    runs = {}
    for fresh in executor.execute(Round("recording", jobs, judge=True), {}, lambda done: None):
        runs.update({(run.candidate, run.seed): run.score for run in fresh})
    values = [runs[job.key] for job in jobs]
    values = np.array([np.nan if value is None else value for value in values], float)
    return values.reshape(len(seeds), len(study.candidates), len(rates)).transpose(1, 2, 0)
