"""What trackers get of a study: the numbers of the answer, at the right updates."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.study import make_study
from stepsize.trackers.study_log import Point, study_log
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, finish, noise
from tests.support.logged_studies import score


def test_a_run_has_the_settings_and_the_figures_of_its_candidate(log) -> None:
    constant, _, half, plateau, lost = log.candidates
    assert constant.config == {
        "schedule": "constant(0.1)",
        "batch_size": 16,
        "optimizer": "sgd",
        "momentum": 0.9,
        "updates_per_epoch": 7,
        "seeds": 5,
    }
    assert (half.config["batch_size"], half.config["momentum"]) == (30, 0.5)
    assert half.config["schedule"] == f"cosine({half.config['lr']})"
    assert plateau.config["momentum"] == "linear(0.9)"
    assert (log.config["model"], log.config["metric"]) == ("mlp(16)", "accuracy")

    assert half.summary["difference"] == pytest.approx(0.05, abs=1e-6)
    assert half.summary["difference_ci95_low"] < 0.05 < half.summary["difference_ci95_high"]
    assert constant.summary["verdict"] == "baseline"
    assert "difference" not in constant.summary
    assert (lost.summary["verdict"], lost.summary["diverged"]) == ("diverged", 5)
    assert "mean" not in lost.summary
    assert [each.summary["in_best_set"] for each in log.candidates] == [True] * 4 + [False]
    assert sum(each.summary["recommended"] for each in log.candidates) == 1


def test_curves_are_by_update_with_the_batch_size_of_the_candidate(log) -> None:
    constant, multistep, half, plateau, lost = log.candidates
    for each, per_epoch in ((constant, 7), (half, 4), (plateau, 7)):
        scored = [point for point in each.points if "accuracy/mean" in point.values]
        assert [point.step for point in scored] == [per_epoch * epoch for epoch in range(1, 51)]
        assert [point.epoch for point in scored] == list(range(1, 51))
    assert scored[-1].values["accuracy/mean"] == pytest.approx(plateau.summary["mean"])
    rates = {point.step: point.values.get("learning_rate") for point in multistep.points}
    assert (rates[0], rates[174], rates[175]) == (0.1, 0.1, pytest.approx(0.01))
    assert not any("accuracy/mean" in point.values for point in lost.points)


def test_the_rate_that_a_metric_drives_goes_on_after_lost_runs() -> None:
    study = make_study(problem("iris"), ["cosine(0.1)", "cosine(0.1) * plateau(patience=100)"], 5)
    runs = finish(study, score)
    plan = study.candidates[0].schedule.plan(epochs=50, updates_per_epoch=7)
    for (_, seed), run in runs.items():
        run.curves[3] = plan.values[6::7]
        if seed == 3:
            run.curves[2, 30:], run.curves[:, 31:] = math.nan, math.nan
    lost = {key: replace(run, diverged_at=210) if run.seed == 3 else run for key, run in runs.items()}
    plain, driven = study_log(study, lost, summarise_study(study, lost, COST), "a3b2c1d0").candidates
    assert _rates(driven.points) == _rates(plain.points)
    assert driven.points[-1].step == 350


def _rates(points: Sequence[Point]) -> dict[int, float]:
    return {point.step: point.values["learning_rate"] for point in points if "learning_rate" in point.values}


def test_seeds_are_one_table(log) -> None:
    heading, *rows = csv.reader(log.csv.splitlines())
    assert heading == ["seed", *(each.name for each in log.candidates)]
    assert [int(row[0]) for row in rows] == log.seeds
    for seed, row in zip(log.seeds, rows, strict=True):
        assert float(row[1]) == pytest.approx(0.9 + noise(seed))
        assert row[-1] == ""  # it diverged


def test_a_batch_size_that_was_searched_is_the_one_that_was_chosen() -> None:
    candidates = ["constant(0.1)", Candidate("constant(lr)", "searched", batch_size="b")]
    study = make_study(problem("iris"), candidates, 5, knobs={"b": [8, 60]})
    runs = finish(study, score)
    log = study_log(study, runs, summarise_study(study, runs, COST), "a3b2c1d0")
    config = log.candidates[1].config
    assert config["batch_size"] == config["b"]
    assert config["updates_per_epoch"] == math.ceil(112 / config["b"])
    assert log.candidates[1].points[-1].step == 50 * config["updates_per_epoch"]


def test_the_digest_changes_with_what_is_logged(log, longer_log) -> None:
    assert log.title == longer_log.title
    assert log.digest != longer_log.digest
