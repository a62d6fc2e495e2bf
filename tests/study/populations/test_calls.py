"""Calls: jobs that share a program, cut the same way whether or not some of them are finished."""

import numpy as np

from stepsize.engine.planner import Layout
from stepsize.problems.data import Data
from stepsize.problems.problem import Problem
from stepsize.problems.splitting.splits import Split
from stepsize.study.candidates import Candidate
from stepsize.study.jobs import Job
from stepsize.study.populations.calls import Call, groups_of
from stepsize.study.protocol import Round
from stepsize.study.study import make_study

X = np.random.default_rng(0).normal(size=(31, 2)).astype(np.float32)
DATA = Data("folds", X, (np.arange(31) % 2).astype(np.int32), ("a", "b"), "made up", "binary")


def folded(seeds=8):
    """Return a study of two candidates under cross-validation, and the round that compares them."""
    problem = Problem("logistic", DATA, split=Split("kfold", folds=4), epochs=1)
    candidates = [Candidate("constant(0.1)"), Candidate("constant(0.1)", nesterov=True)]
    study = make_study(problem, candidates, seeds=seeds)
    jobs = tuple(Job(candidate, None, seed) for seed in range(seeds) for candidate in candidates)
    return problem, study, Round("comparing", jobs, judge=True)


def test_jobs_are_grouped_by_settings_and_by_the_size_of_their_parts():
    problem, study, stage = folded()
    groups = list(groups_of(problem, study, stage))
    sizes = {seed: tuple(len(rows) for rows in problem.parts(seed)) for seed in range(8)}
    assert len(set(sizes.values())) == 2  # 31 rows in 4 folds
    assert len(groups) == len({group.key for group in groups}) == 4
    for group in groups:
        settings = group.jobs[0].candidate.settings
        assert {sizes[job.seed] for job in group.jobs} == {sizes[group.jobs[0].seed]}
        assert all(job.candidate.settings == settings for job in group.jobs)
        assert (group.candidates, group.seeds) == (1, 8)
        assert group.task.settings == {"optimizer": "sgd", "momentum": 0.9, **settings}
    assert sorted(job.key for group in groups for job in group.jobs) == sorted(job.key for job in stage.jobs)


def test_calls_are_plain_data_cut_into_blocks_of_one_seed():
    problem = Problem("logistic", DATA, epochs=1)
    study = make_study(problem, ["constant(0.1)", "constant(0.2)", "linear(0.1)"], seeds=3)
    jobs = tuple(Job(candidate, None, seed) for seed in range(3) for candidate in study.candidates)
    (group,) = groups_of(problem, study, Round("comparing", jobs, judge=True))
    layout = Layout(devices=1, blocks=4, members=2, segment=1, reason="two at once")
    calls = list(group.calls(layout))
    assert [len(call.blocks) for call in calls] == [4, 2]
    assert [job for call in calls for job in call.jobs] == list(jobs)
    assert all(len({job.seed for job in block}) == 1 for call in calls for block in call.blocks)
    first, second = group.blocks(Call(calls[0].blocks[:2]), layout)
    assert first.rates.shape == second.rates.shape == (2, group.task.updates_per_epoch)
    np.testing.assert_array_equal(first.order, second.order)  # the same seed
    np.testing.assert_array_equal(second.rates[0], second.rates[1])  # the last job fills up the block


def test_candidates_that_differ_in_numbers_share_a_program():
    problem = Problem("logistic", DATA, epochs=1)
    settings = [
        {},
        {"momentum": 0.5},
        {"momentum": 0.0},
        {"momentum": 0.5, "nesterov": True},
        {"momentum": "linear(0.9)"},
        {"momentum": "cosine(0.8)"},
        {"clipnorm": 1.0, "multipliers": {"dense": 0.1}},
        {"clipnorm": 2, "multipliers": {"dense": 1}, "momentum": 0.5},
        {"clipnorm": 0.0, "multipliers": {"dense": 0.1}},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"batch_size": 16},
        {"batch_size": 16, "momentum": 0.3},
    ]
    candidates = [Candidate("constant(0.1)", name=f"c{i}", **each) for i, each in enumerate(settings)]
    study = make_study(problem, candidates, seeds=2)
    jobs = tuple(Job(candidate, None, 0) for candidate in candidates)
    groups = list(groups_of(problem, study, Round("comparing", jobs, judge=True)))
    names = [" ".join(job.candidate.name for job in group.jobs) for group in groups]
    assert names == ["c0 c1 c2", "c3", "c4 c5", "c6 c7", "c8", "c9", "c10 c11"]
    assert [group.candidates for group in groups] == [3, 1, 2, 2, 1, 1, 2]
    assert len({group.key for group in groups}) == len(groups)
    numbers, _, scheduled, layers, *_ = groups
    layout = Layout(devices=1, blocks=1, members=3, segment=1, reason="three at once")
    (block,) = numbers.blocks(next(numbers.calls(layout)), layout)
    np.testing.assert_array_equal(block.settings["momentum"].value, np.float32([0.9, 0.5, 0.0]))
    assert numbers.task.variants == ({"momentum": 0.9}, {"momentum": 0.5}, {"momentum": 0.0})
    (block,) = layers.blocks(next(layers.calls(layout)), layout)
    np.testing.assert_array_equal(block.multipliers["dense"], np.float32([0.1, 1, 1]))
    np.testing.assert_array_equal(block.settings["clipnorm"].value, np.float32([1, 2, 2]))
    (block,) = scheduled.blocks(next(scheduled.calls(layout)), layout)
    assert block.momenta is not None
    np.testing.assert_array_equal(block.momenta[:, 0], np.float32([0.9, 0.8, 0.8]))
    separate = list(groups_of(problem, study, Round("comparing", jobs, judge=True), shared=False))
    assert len(separate) == len(candidates) - 1  # two schedules of the momentum share a program all the same


def test_what_plateau_can_watch_follows_the_metric():
    assert Problem("logistic", DATA).watched == ("val_loss", "val_accuracy", "loss")
    assert Problem("logistic", DATA, metric="auc").watched[1] == "val_auc"
