"""A finished study as trackers get it: one candidate of each kind that matters to them."""

from __future__ import annotations

from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.study import Study, make_study
from stepsize.trackers.study_log import StudyLog, study_log
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, finish, noise

CANDIDATES = [
    "constant(0.1)",
    "multistep(0.1, at=[0.5*run, 0.75*run])",
    Candidate("cosine(lr)", "half/half", momentum=0.5, batch_size=30),
    Candidate("constant(0.1) * plateau(factor=0.5, patience=5)", "plateau", momentum="linear(0.9)"),
    Candidate("constant(5)", "lost"),
]
LEADS = {"half/half": 0.05, "lost": None}


def score(name: str, seed: int) -> float | None:
    lead = LEADS.get(name, 0.0)
    return None if lead is None else 0.9 + lead + noise(seed)


def iris_study(seeds: int = 5) -> Study:
    return make_study(problem("iris"), CANDIDATES, seeds)


def iris_log(seeds: int = 5) -> StudyLog:
    study = iris_study(seeds)
    runs = finish(study, score)
    return study_log(study, runs, summarise_study(study, runs, COST), "a3b2c1d0")
