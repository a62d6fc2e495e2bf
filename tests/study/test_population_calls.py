"""Calls: jobs that share a program, cut the same way whether or not some of them are finished."""

import numpy as np

from stepsize.problems.data import Data
from stepsize.problems.problem import Problem
from stepsize.problems.splitting.splits import Split
from stepsize.study.candidates import Candidate
from stepsize.study.population_calls import split_jobs, watched
from stepsize.study.protocol import Job, Round

X = np.random.default_rng(0).normal(size=(31, 2)).astype(np.float32)
DATA = Data("folds", X, (np.arange(31) % 2).astype(np.int32), ("a", "b"), "made up", "binary")


def test_jobs_are_grouped_by_settings_and_by_the_size_of_their_parts():
    problem = Problem("logistic", DATA, split=Split("kfold", folds=4), epochs=1)
    candidates = [Candidate("constant(0.1)"), Candidate("constant(0.1)", momentum=0.5)]
    jobs = tuple(Job(candidate, None, seed) for seed in range(8) for candidate in candidates)
    groups = split_jobs(problem, Round("comparing", jobs, judge=True))
    sizes = {seed: tuple(len(rows) for rows in problem.parts(seed)) for seed in range(8)}
    assert len(set(sizes.values())) == 2  # 31 rows in 4 folds
    assert len(groups) == 4
    for settings, own in groups:
        assert {sizes[job.seed] for job in own} == {sizes[own[0].seed]}
        assert all(dict(job.candidate.settings) == settings for job in own)
    assert sorted(job.key for _, own in groups for job in own) == sorted(job.key for job in jobs)


def test_what_plateau_can_watch_follows_the_metric():
    assert watched(Problem("logistic", DATA)) == ("val_loss", "val_accuracy", "loss")
    assert watched(Problem("logistic", DATA, metric="auc"))[1] == "val_auc"
