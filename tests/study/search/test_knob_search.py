"""Several knobs searched together: equal budgets, fresh seeds, a function of the finished runs alone."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.knobs.proposals import BATCH, proposals
from stepsize.study.more_seeds import with_more_seeds
from stepsize.study.protocol import finished_runs, rounds, total_runs
from stepsize.study.search.chosen_rates import tuned_candidates
from stepsize.study.search.knob_search import LEADING, KnobSearch, knob_budget
from stepsize.study.stores.store import Run
from stepsize.study.study import Study, make_study
from stepsize.verdict.recommendation import judge_step

KNOBS = {"m": [0, 0.95], "wd": [1e-6, 1e-2, "log"]}
ALONE = Candidate("constant(lr)", "rate alone")
BOTH = Candidate("constant(lr)", "both", momentum="m", weight_decay="wd")
ONE = Candidate("cosine(0.1)", "one", momentum="m")


def study_of(candidates=(ALONE, BOTH, ONE), seeds: int = 6, **more) -> Study:
    return make_study(problem("iris"), candidates, seeds, knobs=KNOBS, **more)


def bowl(job) -> float:
    """Score highest at a momentum of 0.6, a weight decay of 1e-4 and a rate of 0.1; a seed shifts all."""
    settings = job.candidate.settings
    lr = job.rate or getattr(job.candidate.schedule, "value", 0.1)
    cost = 0.05 * np.log10(lr / 0.1) ** 2 + 0.2 * (settings.get("momentum", 0.6) - 0.6) ** 2
    cost += 0.01 * np.log10(settings.get("weight_decay", 1e-4) / 1e-4) ** 2
    return 0.9 - cost + 1e-3 * (job.seed % 7)


def noisy(job) -> float:
    return (
        bowl(job)
        + 0.02 * np.random.default_rng([job.seed, len(job.name), zlib.crc32(job.name.encode())]).normal()
    )


def run_of(job, score) -> Run:
    curves = np.array([[0.5], [0.5], [np.nan if score is None else score], [0.1]], np.float32)
    return Run(job.name, job.seed, job.rate, 3 if score is None else None, curves)


def train(study: Study, score=bowl, runs=None, most: float = np.inf):
    """Finish a study, or make at most so many runs; give its runs and its rounds."""
    runs, stages, made = {} if runs is None else runs, [], 0
    for stage in rounds(study, runs):
        stages.append(stage)
        for job in stage.jobs:
            if job.key not in runs and made < most:
                runs[job.key] = run_of(job, score(job))
                made += 1
    return runs, stages


@pytest.fixture(scope="module")
def study() -> Study:
    return study_of()


@pytest.fixture(scope="module")
def finished(study):
    return train(study)


def test_every_candidate_gets_about_the_runs_of_the_search_for_a_rate(study, finished):
    runs, stages = finished
    made = {name: 0 for name in ("rate alone", "both", "one")}
    for stage in stages[:-1]:
        assert not stage.judge
        for job in stage.jobs:
            made[job.candidate.name] += 1
    assert made["both"] == made["one"] == knob_budget(study.tuning).runs
    assert 0.95 < made["both"] / made["rate alone"] <= 1
    jobs = sum(len(stage.jobs) for stage in stages)  # two proposals may be the same, and share their runs
    assert jobs == finished_runs(study, runs) == total_runs(study, runs) == total_runs(study)


def test_the_leading_proposals_run_on_other_seeds_and_the_verdict_on_fresh_ones(study, finished):
    _, stages = finished
    batches = [stage for stage in stages if "batch" in stage.name]
    (leading,) = (stage for stage in stages if "leading" in stage.name)
    tried = {job.seed for stage in batches for job in stage.jobs}
    assert len(batches) == knob_budget(study.tuning).batches
    assert all(len({job.name for job in each.jobs}) == 2 * BATCH for each in batches)  # a population at once
    assert not tried & {job.seed for job in leading.jobs}
    assert {job.seed for job in stages[-1].jobs} == set(range(6))


def test_it_finds_good_values_and_binds_the_candidate_to_them(study, finished):
    found = tuned_candidates(study, finished[0])[BOTH.name]
    assert found.knobs is not None
    assert found.candidate.settings["momentum"] == found.knobs.values["m"]
    assert found.candidate.schedule.knobs == frozenset()
    assert found.candidate.name == "both"
    job = found.job(0)
    drawn = next(KnobSearch(study, BOTH).batches({}))
    assert 0.9 - bowl(job) < 0.3 * np.median([0.9 - bowl(job._replace(candidate=each)) for each in drawn])
    assert found.knobs.promised == pytest.approx(bowl(job), abs=0.005)
    assert tuned_candidates(study, finished[0])[ALONE.name].knobs is None


def test_a_study_that_was_stopped_anywhere_resumes_to_the_same_answer(study):
    whole, _ = train(study, noisy)
    for most in (1, 30, 250, 500, len(whole) - 1):
        runs, _ = train(study, noisy, most=most)
        proposals.cache_clear()
        resumed, _ = train(study_of(), noisy, runs)  # new objects, as in a new process
        assert resumed.keys() == whole.keys()
        assert all(np.array_equal(resumed[key].curves, whole[key].curves) for key in whole)


def test_the_order_of_candidates_changes_nothing(study):
    turned = study_of((ONE, BOTH, ALONE), baseline="rate alone")
    first, second = train(study, noisy)[0], train(turned, noisy)[0]
    assert first.keys() == second.keys()
    for each in (ALONE, BOTH, ONE):
        assert tuned_candidates(study, first)[each.name].job(0) == tuned_candidates(turned, second)[
            each.name
        ].job(0)
    assert train(study_of((BOTH,)), noisy)[0].keys() <= first.keys()  # nor do other candidates


def test_the_lucky_scores_of_the_search_do_not_choose(study):
    few = set(knob_budget(study.tuning).seeds)
    search = KnobSearch(study, BOTH)

    def lucky(job):  # on the seeds of the proposals, luck alone decides
        is_proposal = job.seed in few and "momentum" in job.candidate.settings
        return 1.0 + zlib.crc32(job.name.encode()) / 2**32 if is_proposal else bowl(job)

    runs, _ = train(study, lucky)
    leading, chosen = search.leading(runs), search.finish(runs)
    assert len(leading) == LEADING
    scores = {
        each.key(None): bowl(tuned_candidates(study, runs)[BOTH.name].job(0)._replace(candidate=each))
        for each in leading
    }
    assert chosen.candidate.key(None) == max(scores, key=lambda key: scores[key])
    assert chosen.candidate is not leading[0]
    assert chosen.promised is not None
    assert chosen.promised < 0.91  # and not what it scored by luck


def test_values_at_which_runs_diverge_are_not_chosen(study):
    runs, _ = train(study, lambda job: None if job.candidate.settings.get("momentum", 0) > 0.5 else bowl(job))
    found = tuned_candidates(study, runs)[BOTH.name].knobs
    assert found is not None
    assert found.values["m"] <= 0.5


def test_a_value_at_the_end_of_its_range_is_said(study):
    runs, _ = train(study, lambda job: 0.9 - 0.3 * (0.95 - job.candidate.settings.get("momentum", 0)))
    found = tuned_candidates(study, runs)[BOTH.name].knobs
    assert found is not None
    assert "m" in found.at_edge


def test_more_seeds_continue_the_search(study):
    runs, _ = train(study, noisy)
    more = replace(with_more_seeds(study), previous=study)
    batches = {each.key(None) for batch in KnobSearch(study, BOTH).batches(runs) for each in batch}
    again, _ = train(more, noisy, dict(runs))
    further = {each.key(None) for batch in KnobSearch(more, BOTH).batches(again) for each in batch}
    assert batches < further


def test_intervals_are_those_of_the_chosen_values():
    study = study_of((BOTH, ONE), seeds=12)
    runs, _ = train(study, noisy)
    scores, decision = judge_step(study, runs, ())
    found = decision.between("both", "one").ci95
    plain = ttest_1samp(scores.replicates["both"] - scores.replicates["one"], 0).confidence_interval(0.95)
    assert found == pytest.approx(tuple(plain))  # nothing is added for what the search may have missed


def test_a_study_comes_back_from_its_definition(study):
    again = Study.from_definition(study.definition())
    assert again.definition() == study.definition()
    assert (again.knobs, again.joint) == (study.knobs, study.joint)
    assert set(study.knobs) == {"lr", "m", "wd"}  # with the usual range of lr
    assert "knobs" not in make_study(problem("iris"), [ALONE], 6).definition()


def test_equal_proposals_run_once():
    sizes = Candidate("constant(0.1)", "sizes", batch_size="b")
    study = make_study(problem("iris"), [sizes], 6, knobs={"b": [8, 32]})
    runs, stages = train(study, lambda job: 0.9 - 0.01 * abs(job.candidate.settings["batch_size"] - 16))
    assert all(len({job.key for job in stage.jobs}) == len(stage.jobs) for stage in stages)
    assert {key[0] for key in runs} == {f"constant(0.1), batch_size={size}" for size in (8, 16, 32)}
    assert tuned_candidates(study, runs)[sizes.name].candidate.settings == {"batch_size": 16}
