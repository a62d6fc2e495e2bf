"""The protocol: equal budgets, widening, refinement; a function of the finished runs and of nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.errors import StudyError
from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.protocol import (
    Job,
    best_rate,
    finished_runs,
    rounds,
    total_runs,
    tuned,
)
from stepsize.study.store import Run
from stepsize.study.study import Study, make_study

SCHEDULES = ["constant(lr)", "linear(lr)", "cosine(0.1)"]


@pytest.fixture(scope="module")
def study():
    return make_study(problem("ionosphere"), SCHEDULES, seeds=4)


def run_of(job, score, loss=0.5):
    """Make the run that `job` would leave behind; a score of None is a diverged run."""
    value = np.nan if score is None else score
    curves = np.array([[loss], [loss], [value], [0.1]], np.float32)
    return Run(job.candidate.key(job.rate), job.seed, job.rate, 3 if score is None else None, curves)


def train(study, score):
    """Finish a study with the scores that `score(job)` gives; give its runs and its rounds."""
    runs, stages = {}, []
    for stage in rounds(study, runs):
        stages.append(stage)
        runs.update({job.key: run_of(job, score(job)) for job in stage.jobs})
    return runs, stages


def near(best):
    """Score rates by their distance to `best` on a log scale; seeds shift all alike."""
    return lambda job: 0.9 - 0.1 * abs(np.log10((job.rate or best) / best)) + 1e-4 * (job.seed % 7)


def test_every_tuned_candidate_gets_the_same_number_of_runs(study):
    runs, stages = train(study, near(0.02))
    assert [stage.judge for stage in stages] == [False, False, False, True]
    assert len(runs) == total_runs(study) == finished_runs(study, runs)
    for candidate in study.tuned:
        rates = tuned(study, candidate, runs).tried
        assert len(rates) == len(set(rates)) == study.tuning.rates_per_candidate == 11


def test_verdict_seeds_are_never_tuned_on(study):
    _, stages = train(study, near(0.02))
    tuning = {job.seed for stage in stages[:-1] for job in stage.jobs}
    assert tuning == set(study.tuning.seeds)
    assert not tuning & {job.seed for job in stages[-1].jobs}
    assert {job.seed for job in stages[-1].jobs} == {0, 1, 2, 3}


@given(exponent=st.floats(-4.4, 1.4))
@settings(max_examples=40, deadline=None)
def test_tuning_finds_the_best_rate_also_beyond_the_grid(study, exponent):
    best = 10**exponent
    runs, _ = train(study, near(best))
    for candidate in study.tuned:
        assert abs(np.log10(tuned(study, candidate, runs).chosen / best)) < 0.51
        assert not tuned(study, candidate, runs).at_edge or not 1e-4 < best < 10


def test_the_edge_is_reported_when_widening_did_not_help(study):
    runs, _ = train(study, near(1e6))
    candidate = study.candidates[0]
    assert tuned(study, candidate, runs).chosen == 100.0
    assert tuned(study, candidate, runs).at_edge


def test_a_rate_that_diverged_once_loses_to_one_that_never_did(study):
    def score(job):
        return None if job.rate and job.rate > 0.5 and job.seed % 5 == 0 else near(1.0)(job)

    runs, _ = train(study, score)
    assert tuned(study, study.candidates[0], runs).chosen <= 0.5


def test_when_every_rate_diverges_lower_ones_are_tried(study):
    runs, _ = train(study, lambda job: None if job.rate else 0.9)
    assert min(tuned(study, study.candidates[0], runs).tried) < 1e-4


def test_ties_go_to_the_lower_loss_then_to_the_lower_rate(study):
    candidate = study.candidates[0]
    losses = {0.1: 0.3, 0.2: 0.2, 0.3: 0.2}
    jobs = [Job(candidate, rate, seed) for rate in losses for seed in study.tuning.seeds]
    runs = {job.key: run_of(job, 0.9, losses[job.rate]) for job in jobs}
    assert best_rate(study, candidate, [0.1, 0.2, 0.3], runs) == 0.2


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_any_subset_of_finished_runs_leads_to_the_same_end(study, data):
    whole, _ = train(study, near(0.05))
    keys = sorted(whole)
    kept = data.draw(st.sets(st.sampled_from(keys)))
    runs = {key: whole[key] for key in kept}
    for stage in rounds(study, runs):
        runs.update({job.key: run_of(job, near(0.05)(job)) for job in stage.jobs if job.key not in runs})
    needed = {job.key for job in next_jobs(study, runs)}
    assert needed <= set(whole)


def next_jobs(study, runs):
    return [job for stage in rounds(study, runs) for job in stage.jobs]


def test_definition_round_trip(study):
    again = Study.from_definition(study.definition())
    assert again.definition() == study.definition()
    assert [c.schedule for c in again.candidates] == [c.schedule for c in study.candidates]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"candidates": []}, "give at least one"),
        ({"candidates": ["constant(0.1)"] * 2}, "two candidates are called"),
        ({"seeds": 0}, "seeds=0"),
        ({"seeds": True}, "seeds=True"),
        ({"seeds": [1, 1]}, "distinct"),
        ({"seeds": [-1]}, "from 0 to"),
        ({"seeds": [2_000_000]}, "from 0 to"),
        ({"baseline": "constnt(lr)"}, "did you mean 'constant(lr)'"),
        ({"candidates": [3]}, "got int"),
    ],
)
def test_refusals(changes, words):
    arguments = {"candidates": SCHEDULES, "seeds": 4, **changes}
    with pytest.raises(StudyError) as caught:
        make_study(problem("ionosphere"), **arguments)
    assert words in str(caught.value)


def test_candidates_are_named_by_spec_and_settings():
    assert Candidate("cosine(lr)").name == "cosine(lr)"
    assert Candidate("cosine(lr)", momentum=0.8).name == "cosine(lr), momentum=0.8"
    assert Candidate("cosine(lr)", "mine", momentum=0.8).name == "mine"
    assert Candidate("cosine(lr)", momentum=0.8).key(0.1) == "cosine(0.1), momentum=0.8"


def test_simplicity_orders_by_pieces_then_by_family():
    specs = [
        "constant(0.1)",
        "cosine(0.1)",
        "wsd(0.1)",
        "constant(0.1) * plateau()",
        "warmup(0.1*run) >> cosine(0.1)",
    ]
    order = [Candidate(spec).simplicity() for spec in specs]
    assert order == sorted(order)
