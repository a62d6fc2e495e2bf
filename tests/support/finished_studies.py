"""Studies that are finished with scores from a formula, and their answers."""

import math

import numpy as np

from stepsize.problems.problem import Problem, problem
from stepsize.study.protocol import rounds
from stepsize.study.stores.store import Run
from stepsize.study.study import make_study
from stepsize.verdict.summary import summarise_study

COST = {"runs": 0, "seconds": 0.0, "runs_per_second": 0.0, "compile_seconds": 0.0}
SEEDS = 12


def falling(job):
    """Return a score that falls as the rate rises."""
    return 0.9 - 0.002 * (math.log10(job.rate or 1.0) + 12) ** 2 + noise(job.seed)


def finish(study, score, by_job=False):
    """Finish a study with the scores that `score(candidate name, seed)` gives; None is a diverged run.

    With `by_job`, as for `falling`, it gets the job, which has the rate, too.
    """
    runs = {}
    for stage in rounds(study, runs):
        for job in stage.jobs:
            value = score(job) if by_job or score is falling else score(job.candidate.name, job.seed)
            lost = value is None
            curves = np.full((4, study.epochs_of(job.candidate)), 0.5, np.float32)
            curves[2] = np.nan if lost else value
            curves[3] = job.rate or 0.1
            runs[job.key] = Run(job.candidate.key(job.rate), job.seed, job.rate, 17 if lost else None, curves)
    return runs


def answer_of(candidates, score, seeds=SEEDS, name="ionosphere"):
    study = make_study(problem(name), candidates, seeds)
    return summarise_study(study, finish(study, score), COST)


def gaps(lead, error, seeds=30, draw=7):
    """Return differences of so many seeds with exactly this mean and this standard error."""
    drawn = np.random.default_rng(draw).normal(size=seeds)
    return lead + error * seeds**0.5 * (drawn - drawn.mean()) / drawn.std(ddof=1)


def answer_with_gaps(gaps_of, margin=0.005, lost=(), baseline="constant(0.1)"):
    """Return the answer of an R2, which has no steps: constant(0.1), and others by their gaps from it."""
    lost = dict(lost)

    def score(name, seed):
        if seed in lost.get(name, ()):
            return None
        return 0.8 + noise(seed) + (gaps_of[name][seed] if name in gaps_of else 0.0)

    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    chosen = Problem("linear", (rows, rows[:, 0]), metric="r2")
    names = ["constant(0.1)", *gaps_of]
    study = make_study(chosen, names, len(next(iter(gaps_of.values()))), baseline, margin=margin)
    return summarise_study(study, finish(study, score), COST)


def noise(seed, size=0.004):
    return size * float(np.random.default_rng(seed).normal())


def by_name(answer):
    return {candidate["name"]: candidate for candidate in answer["candidates"]}
