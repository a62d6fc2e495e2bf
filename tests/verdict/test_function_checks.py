"""Warnings about a training function: unseeded, without effect, or with other updates than planned."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.study.candidates import Candidate
from stepsize.study.protocol import checked_jobs, rounds
from stepsize.study.stores.store import Run
from stepsize.study.study import make_study
from stepsize.study.user_functions.training import Training
from stepsize.verdict.summary import summarise_study
from tests.support.torch_problems import toy

COST = {"runs": 0, "seconds": 0.0, "runs_per_second": 0.0, "compile_seconds": 0.0}
EPOCHS = 4


def train(schedule, seed, report):
    """Be a training function that is never called."""


def warnings_of(
    curve, again=None, updates=(9, 18, 27, 36), asked=(9, 18, 27, 36), part="warnings", **changes
):
    """Return the warnings on runs whose metric is `curve(seed)`, and `again(seed)` in the repeated run."""
    training = Training(train, **{"epochs": EPOCHS, "updates_per_epoch": 9, **changes})
    study = make_study(training, ["constant(0.1)", "cosine(0.1)"], 8)
    runs, repeated = {}, checked_jobs(study)[1].key
    for stage in rounds(study, runs):
        for job in stage.jobs:
            curves = np.full((4, EPOCHS), 0.5, np.float32)
            curves[2] = (again or curve)(job.seed) if job.key == repeated else curve(job.seed)
            if job.key == repeated:
                curves[:2] = updates, asked
            if job.candidate.name == "cosine(0.1)" and job.key != repeated:
                curves[2] += 0.0001 * (job.seed % 3)
            runs[job.key] = Run(job.name, job.seed, job.rate, None, curves)
    return " ".join(summarise_study(study, runs, COST)[part])


def learns(seed):
    return np.array([0.5, 0.6, 0.7, 0.8]) + 0.01 * (seed % 5)


def test_a_function_that_learns_and_is_seeded_has_no_warnings():
    assert warnings_of(learns) == ""
    assert "one rate an epoch" not in warnings_of(learns, part="notes")


def test_two_runs_of_one_seed_must_be_equal():
    text = warnings_of(learns, lambda seed: learns(seed) - [0, 0, 0.07, 0.012])
    assert "run twice with seed 0, gave accuracy 70 and 63 % after 3 epochs" in text
    assert "torch.manual_seed(seed)" in text
    assert warnings_of(learns, lambda seed: learns(seed) - 0.001) == ""  # far below the margin


def test_a_metric_that_stays_where_it_began_is_reported():
    text = warnings_of(lambda seed: np.array([2.78, 2.79, 2.785, 2.775]) + 0.001 * seed, metric="val_loss")
    assert "has hardly learned: its val loss is" in text
    assert "after the last, which is not better by the margin of" in text
    text = warnings_of(lambda seed: 0.9 - learns(seed))
    assert "has hardly learned: its accuracy is 38.4 % after the first epoch and 8.4 % after the last" in text
    assert "has hardly learned" not in warnings_of(lambda seed: 0.9 - learns(seed), metric="val_loss")


@pytest.mark.parametrize(("updates", "where"), [((10, 20, 30, 40), "before"), ((9, 17, 25, 33), "after")])
def test_a_few_more_or_fewer_updates_are_reported(updates, where):
    text = warnings_of(learns, updates=updates)
    assert (
        f"so its schedules end {where} its last update; give updates_per_epoch={updates[1] - updates[0]}"
        in text
    )
    assert "cannot be counted" in warnings_of(learns, updates=(np.nan,) * 4)


@pytest.mark.parametrize("settings", [{"batch_size": 16}, {"batch_size": 40}, {"epochs": 6}])
def test_a_model_in_series_makes_the_updates_of_its_own_batches_and_epochs(settings):
    """They are planned for the candidate whose run is repeated, not for the study."""
    problem = toy(batch_size=4, epochs=EPOCHS).in_series("-")
    study = make_study(problem, [Candidate("cosine(0.1)", **settings), "constant(0.1)"], 8)
    checked, runs = checked_jobs(study), {}
    for stage in rounds(study, runs):
        for job in stage.jobs:
            epochs, per_epoch = study.epochs_of(job.candidate), study.updates_per_epoch(job.candidate)
            curves = np.full((4, epochs), 0.5 + 0.01 * job.seed, np.float32)
            if job.key == checked[1].key:
                curves[:2] = per_epoch * np.arange(1, epochs + 1)
            runs[job.key] = Run(job.name, job.seed, job.rate, None, curves)
    answer = summarise_study(study, runs, COST)
    assert "The function" not in " ".join([*answer["warnings"], *answer["notes"]])


def test_one_rate_an_epoch_is_noted():
    text = warnings_of(learns, asked=(1, 2, 3, 4), part="notes")
    assert "asks for one rate an epoch, so it uses 4 of the 36 planned rates" in text
