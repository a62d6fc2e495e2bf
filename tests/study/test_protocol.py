"""The protocol: equal budgets, widening, refinement; a function of the finished runs and of nothing else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.errors import StudyError
from stepsize.problems.problem import problem
from stepsize.problems.splitting.splits import Split
from stepsize.study.candidates import Candidate
from stepsize.study.protocol import (
    finished_runs,
    rounds,
    total_runs,
    tuned_candidates,
)
from stepsize.study.study import Study, make_study
from stepsize.study.study_files.options import study_options
from stepsize.study.tuning import Tuning, usual_tuning
from tests.support.scored_rates import near, run_of, train

SCHEDULES = ["constant(lr)", "linear(lr)", "cosine(0.1)"]


@pytest.fixture(scope="module")
def study():
    return make_study(problem("ionosphere"), SCHEDULES, seeds=6)


def test_every_tuned_candidate_gets_the_same_number_of_runs(study):
    runs, stages = train(study, near(0.02))
    assert [stage.judge for stage in stages] == [False, False, False, True]
    assert len(runs) == total_runs(study) == total_runs(study, runs) == finished_runs(study, runs)
    for candidate in study.tuned:
        assert len({job.rate for job in stages[0].jobs if job.candidate == candidate}) == 7
        for fine in stages[1:3]:
            assert len({job.rate for job in fine.jobs if job.candidate == candidate}) == 5


def test_rates_beyond_the_edge_are_counted_once_they_are_needed(study):
    runs, stages = train(study, near(1e-4))
    beyond = [stage for stage in stages if "beyond" in stage.name]
    assert beyond
    assert finished_runs(study, runs) == len(runs) == total_runs(study, runs)
    assert total_runs(study, runs) == total_runs(study) + sum(len(stage.jobs) for stage in beyond)


def test_verdict_seeds_are_never_tuned_on(study):
    _, stages = train(study, near(0.02))
    coarse, fine, finer, verdict = ({job.seed for job in stage.jobs} for stage in stages)
    assert (coarse, fine | finer) == (set(study.tuning.seeds), set(study.tuning.fine_seeds))
    assert not coarse & fine
    assert not (coarse | fine) & finer
    assert verdict == set(range(6))
    assert not (coarse | fine | finer) & verdict


def test_more_seeds_of_the_verdict_are_tuned_on_more_seeds():
    trained = problem("ionosphere")
    sizes = [len(usual_tuning(trained, seeds).fine_seeds) for seeds in (6, 30, 100, 1000)]
    assert sizes == [20, 44, 80, 253]


@given(exponent=st.floats(-8.4, 5.4))
@settings(max_examples=20, deadline=None)
def test_tuning_finds_the_best_rate_also_beyond_the_grid(study, exponent):
    best = 10**exponent
    runs, _ = train(study, near(best))
    for candidate in study.tuned:
        found = tuned_candidates(study, runs)[candidate.name]
        assert abs(np.log10(found.chosen / best)) < 0.2
        assert not found.at_edge or not 1e-8 < best < 1e5
        low, high = found.within(0.05)
        assert low <= found.chosen <= high


def test_the_edge_is_reported_when_widening_did_not_help(study):
    runs, _ = train(study, near(1e9))
    found = tuned_candidates(study, runs)[study.candidates[0].name]
    assert 4e5 < found.chosen <= 1e6
    assert found.at_edge


def test_a_rate_that_diverged_loses_to_one_that_never_did(study):
    def score(job):
        return None if job.rate and job.rate > 0.5 and job.seed % 5 == 0 else near(1.0)(job)

    runs, _ = train(study, score)
    assert tuned_candidates(study, runs)[study.candidates[0].name].chosen <= 0.5


def test_when_every_rate_diverges_lower_ones_are_tried(study):
    runs, _ = train(study, lambda job: None if job.rate else 0.9)
    assert min(tuned_candidates(study, runs)[study.candidates[0].name].tried) < 1e-4


def test_a_candidate_more_changes_no_rate(study):
    few, _ = train(study, near(0.03))
    wide = make_study(problem("ionosphere"), ["wsd(lr)", *reversed(SCHEDULES)], seeds=6)
    many, _ = train(wide, near(0.03))
    for candidate in study.tuned:
        assert (
            tuned_candidates(study, few)[candidate.name].chosen
            == tuned_candidates(wide, many)[candidate.name].chosen
        )


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


@pytest.mark.parametrize("changes", [{"candidates": 3}, {"tuning": None}, {"seeds": 3}])
def test_a_definition_of_another_form_is_refused(study, changes):
    with pytest.raises(StudyError, match="is not one that this version reads"):
        Study.from_definition({**study.definition(), **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"candidates": []}, "give at least one"),
        ({"candidates": ["constant(0.1)"] * 2}, "two candidates are called"),
        ({"seeds": 0}, "seeds=0"),
        ({"seeds": True}, "seeds=True"),
        ({"seeds": [1, 1]}, "different"),
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


def test_numpy_numbers_are_numbers():
    """A study is kept as JSON, which knows only Python's own."""
    numbers = {"seeds": np.arange(4), "margin": np.float32(0.5), "budget": np.int64(900)}
    tuning = Tuning.of(np.array([0.5, 1], np.float32), np.int64(2), np.int64(3), np.int64(4))
    split = Split("kfold", validation=np.float32(0.5), folds=np.int64(2))
    changed = {"epochs": np.int64(3), "batch_size": np.int32(16), "split": split}
    changed["settings"] = {"momentum": np.float32(0.5)}
    study = make_study(problem("ionosphere", **changed), SCHEDULES, tuning=tuning, **numbers)
    usual = {"epochs": 3, "batch_size": 16, "split": Split("kfold", 0.5, 2), "settings": {"momentum": 0.5}}
    plain = make_study(
        problem("ionosphere", **usual),
        SCHEDULES,
        4,
        tuning=Tuning.of([0.5, 1.0], 2, 3, 4),
        margin=0.5,
        budget=900,
    )
    assert json.dumps(study.definition()) == json.dumps(plain.definition())


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


def test_where_runs_diverge_close_to_the_best_the_fine_rates_run_twice(study):
    def score(job):
        return None if job.rate and job.rate > 0.15 and job.seed % 3 == 0 else near(0.1)(job)

    _, stages = train(study, score)
    fine, *finer = ({job.rate for job in stage.jobs} for stage in stages if "fine" in stage.name)
    assert finer
    assert all(rates == fine for rates in finer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra_rounds": -1}, "extra_rounds=-1 in tuning must be a whole number of at least 0"),
        ({"fine_seeds": -3}, "fine_seeds=-3 in tuning must be a whole number of at least 0"),
        ({"rounds": 2.5}, "rounds=2.5 in tuning must be a whole number"),
        ({"seeds": True}, "seeds=True in tuning must be a whole number"),
        ({"seeds": 10**60}, "in tuning is too many; write at most 1000000"),
        ({"fine_seeds": 10**400}, "in tuning is too many; write at most 1000000"),
        ({"rates": "abc"}, "rates='abc' in tuning must be a list of numbers"),
        ({"rates": [0.1, "1"]}, "in tuning must be a list of numbers"),
    ],
)
def test_a_tuning_that_cannot_be_used_is_refused(change, message):
    with pytest.raises(StudyError, match=message):
        Tuning.of(**{"rates": [0.1, 1.0], "rounds": 2, "seeds": 3, "fine_seeds": 4} | change)


@pytest.mark.parametrize("seeds", [2.0, "5", True, {1, 2}])
def test_seeds_are_a_number_or_a_list(seeds):
    with pytest.raises(StudyError, match="must be a positive whole number or a list of seeds"):
        study_options({}, None, seeds)
    assert study_options({}, None, np.int64(5)) == {"seeds": 5}
