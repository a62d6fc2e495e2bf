"""Studies that are finished with scores from a formula, and their answers."""

import math

import numpy as np

from stepsize.problems.problem import problem
from stepsize.study.protocol import rounds
from stepsize.study.stores.store import Run
from stepsize.study.study import make_study
from stepsize.verdict.summary import summarise_study

COST = {"runs": 0, "seconds": 0.0, "runs_per_second": 0.0, "compile_seconds": 0.0}
SEEDS = 12


def falling(job):
    """Return a score that falls as the rate rises."""
    return 0.9 - 0.002 * (math.log10(job.rate or 1.0) + 12) ** 2 + noise(job.seed)


def finish(study, score):
    """Finish a study with the scores that `score(candidate name, seed)` gives; None is a diverged run."""
    runs = {}
    for stage in rounds(study, runs):
        for job in stage.jobs:
            value = score(job.candidate.name, job.seed) if score is not falling else falling(job)
            lost = value is None
            curves = np.full((4, study.epochs_of(job.candidate)), 0.5, np.float32)
            curves[2] = np.nan if lost else value
            curves[3] = job.rate or 0.1
            runs[job.key] = Run(job.candidate.key(job.rate), job.seed, job.rate, 17 if lost else None, curves)
    return runs


def answer_of(candidates, score, seeds=SEEDS, name="ionosphere"):
    study = make_study(problem(name), candidates, seeds)
    return summarise_study(study, finish(study, score), COST)


def noise(seed, size=0.004):
    return size * float(np.random.default_rng(seed).normal())


def by_name(answer):
    return {candidate["name"]: candidate for candidate in answer["candidates"]}
