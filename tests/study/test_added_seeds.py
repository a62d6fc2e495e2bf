"""Which seeds are added to the searches for a rate where scores are noisy."""

from dataclasses import replace

import numpy as np
import pytest

from stepsize.problems.problem import problem
from stepsize.study.jobs import Job
from stepsize.study.protocol import finished_runs, total_runs, tuned_candidates
from stepsize.study.study import make_study
from stepsize.study.tuning import EXTRA_SEEDS, TUNING_SEEDS, Tuning
from tests.support.scored_rates import near, train

SCHEDULES = ["constant(lr)", "linear(lr)", "cosine(0.1)"]


def noisy(best, noise):
    """Score rates as `near`, with so much chance of the seed's own at every rate."""
    random = np.random.default_rng(0)
    return lambda job: near(best)(job) + noise * float(random.standard_normal())


@pytest.mark.parametrize(("noise", "added", "extra"), [(0.001, 0, 0), (0.017, 0, 1), (0.2, 16, 2)])
def test_noisy_rates_are_tuned_on_more_seeds(noise, added, extra):
    study = make_study(problem("ionosphere"), SCHEDULES, seeds=30)
    runs, stages = train(study, noisy(0.02, noise))
    assert [stage.name for stage in stages].count("tuning rates, the likeliest rates") == extra
    assert finished_runs(study, runs) == len(runs) == total_runs(study, runs)
    assert total_runs(study, extra=extra) == len(runs) - 14 * added
    chosen = tuned_candidates(study, runs)["constant(lr)"]
    coarse, *others = (tuple(seeds) for _, seeds in chosen.searches)
    assert coarse == (
        *range(TUNING_SEEDS, TUNING_SEEDS + 8),
        *range(EXTRA_SEEDS, EXTRA_SEEDS + added),
    )
    assert sum(others, ()) == (*range(TUNING_SEEDS + 8, TUNING_SEEDS + 52 + 29 * extra),)
    assert {job.seed for stage in stages if not stage.judge for job in stage.jobs} == set(chosen.seeds)
    tuned = "tuning rates, coarse search, more seeds"
    assert [len(stage.jobs) for stage in stages if stage.name == tuned] == [14 * added] * bool(added)


def test_the_added_rounds_run_at_both_places_where_the_best_rate_may_lie():
    random = np.random.default_rng(0)

    def score(job):
        drop = min(abs(np.log10((job.rate or 1.0) / peak)) for peak in (0.01, 0.316))
        return 0.9 - 0.1 * min(drop, 0.3) + 0.03 * float(random.standard_normal())

    study = make_study(problem("ionosphere"), SCHEDULES, seeds=30)
    runs, stages = train(study, score)
    added = next(stage for stage in stages if "likeliest" in stage.name)
    rates = {job.rate for job in added.jobs if job.candidate.name == "constant(lr)"}
    assert len(rates) == 5
    finer, extra = (tried for tried, _ in tuned_candidates(study, runs)["constant(lr)"].searches[2:])
    assert set(extra) == rates
    assert max(finer) < 0.05
    assert min(rates) < 0.02
    assert max(rates) > 0.15


def test_rates_beyond_the_edge_run_on_the_added_seeds_too():
    study = make_study(problem("ionosphere"), SCHEDULES, seeds=30)
    _, stages = train(study, noisy(4.0, 0.2))
    beyond = [stage for stage in stages if "beyond" in stage.name]
    coarse = {*study.tuning.seeds, *study.tuning.extra_coarse_seeds}
    assert beyond
    assert all({job.seed for job in stage.jobs} == coarse for stage in beyond)


def test_a_study_without_a_finer_search_adds_seeds_to_the_coarse_one_alone():
    tuning = Tuning.of([0.01, 0.1, 1.0], 2, 3, 8, extra_rounds=2)
    study = make_study(problem("ionosphere"), SCHEDULES, seeds=30, tuning=tuning)
    runs, stages = train(study, noisy(0.02, 0.2))
    assert [stage.name for stage in stages if "more seeds" in stage.name] == [
        "tuning rates, coarse search, more seeds"
    ]
    assert len(runs) == total_runs(study, runs)


def test_runs_of_other_studies_at_the_same_rates_change_nothing():
    study = make_study(problem("ionosphere"), SCHEDULES, seeds=30)
    runs, _ = train(study, noisy(0.02, 0.02))
    alone = tuned_candidates(study, runs)["constant(lr)"]
    chosen = dict(runs)
    for rate in alone.tried:
        for seed in alone.seeds:
            job = Job(alone.candidate, rate, seed)
            other = runs[min(runs)]
            chosen.setdefault(job.key, replace(other, candidate=job.name, seed=seed, rate=rate))
    assert len(chosen) > len(runs)
    beside = tuned_candidates(study, chosen)["constant(lr)"]
    assert beside.scores(chosen).tolist() == alone.scores(runs).tolist()
    assert all(beside.runs_at(rate, chosen) == alone.runs_at(rate, runs) for rate in alone.tried)


def test_no_seeds_are_added_without_extra_rounds():
    tuning = Tuning.of([0.01, 0.1, 1.0], 2, 8, 44)
    study = make_study(problem("ionosphere"), SCHEDULES, seeds=30, tuning=tuning)
    _, stages = train(study, noisy(0.02, 0.2))
    assert not any("more seeds" in stage.name for stage in stages)
