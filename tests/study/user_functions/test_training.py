"""Training functions: the same protocol, store and verdict as for populations, in processes of their own."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

import stepsize as ss
from stepsize.errors import InputError, ProblemError, ScheduleError, StudyError
from stepsize.study.user_functions.executor import FunctionExecutor
from stepsize.study.user_functions.training import Training
from tests.support.function_studies import SCHEDULES, compare, training

EXAMPLES = Path(__file__).parents[3] / "examples"


def by_name(result):
    return {candidate["name"]: candidate for candidate in result.answer["candidates"]}


def test_a_function_gets_the_verdict_of_everyone():
    result = compare("quick", seeds=8)
    constant, linear, driven = result.answer["candidates"]
    assert constant["scores"] == pytest.approx([0.9 + 0.001 * (seed % 7) for seed in range(8)])
    assert linear["vs_baseline"]["mean"] == pytest.approx(-0.0875)  # its last update uses 0.1 / 8
    assert linear["vs_baseline"]["verdict"] == "worse"
    assert driven["mean"] == pytest.approx(0.902625 - 0.1)  # val_loss: 0.4 twice, then 0.2 twice
    assert result.details["curves"][driven["name"]]["val_loss"]["mean"] == pytest.approx([0.4, 0.4, 0.2, 0.2])
    assert result.verdict["recommended"] == "constant(0.1)"
    assert result.answer["data"]["parts"] == {}
    assert "train" in result.answer["study"]["protocol"]["model"]
    assert "<table" in result._repr_html_()


def test_a_free_rate_is_tuned_as_everywhere():
    result = compare("quick", ["constant(lr)"])
    (candidate,) = result.answer["candidates"]
    low, high = candidate["lr_range"]
    assert low <= candidate["lr"] <= high
    assert candidate["lr"] == pytest.approx(0.1, rel=0.3)
    assert result.answer["cost"]["runs"] == 7 * 3 + 5 * 4 + 7 + 1  # one is made twice


def test_a_lower_metric_can_be_the_better_one():
    result = compare("loses", ["constant(0.5)", "constant(0.1)"], metric="val_loss")
    _, near = result.answer["candidates"]
    assert near["mean"] == pytest.approx(1 + 0.01 * 11 / 7)
    assert near["vs_baseline"]["mean"] == pytest.approx(-0.4)
    assert near["vs_baseline"]["verdict"] == "better"
    assert near["vs_baseline"]["p_better"] == 1
    assert near["vs_baseline"]["ci95"][0] <= near["vs_baseline"]["ci95"][1]
    assert result.verdict["recommended"] == near["name"]
    assert result.answer["study"]["protocol"]["margin"] == pytest.approx(0.01 * 1.41)  # of the median
    tuned = compare("loses", ["constant(lr)"], metric="val_loss")
    assert tuned.answer["candidates"][0]["lr"] == pytest.approx(0.1, rel=0.3)


def test_the_margin_can_be_given():
    assert compare("quick", margin=0.2).answer["study"]["protocol"]["margin"] == 0.2
    assert by_name(compare("quick", margin=0.2))["linear(0.1)"]["vs_baseline"]["verdict"] == "equivalent"


def test_settings_of_a_candidate_are_arguments():
    candidates = ["constant(0.2)", ss.Candidate("constant(0.2)", slope=2.0)]
    plain, steep = compare("quick", candidates).answer["candidates"]
    assert steep["mean"] - plain["mean"] == pytest.approx(-0.1)
    with pytest.raises(StudyError, match="did you mean 'slope'"):
        compare("quick", [ss.Candidate("constant(0.2)", slop=2.0)])


def test_a_number_that_is_not_finite_is_a_diverged_run():
    answer = compare("diverges", ["constant(0.1)", "constant(2)"]).answer
    calm, wild = answer["candidates"]
    lost = (
        "constant(2): 7 of 7 runs diverged, the first at update 5 (rates up to 2)"  # the third epoch's last
    )
    assert any(lost in warning for warning in answer["warnings"])
    assert (calm["diverged"], wild["diverged"]) == (0, 7)
    assert (wild["mean"], wild["scores"], wild["in_best_set"]) == (None, [None] * 7, False)


def test_a_diverged_run_ranks_below_every_finished_run_for_every_metric():
    result = compare("diverges", ["constant(2)", "constant(0.1)"], metric="gain", higher_is_better=True)
    assert result.answer["candidates"][0]["scores"] == [None] * 7
    assert result.verdict["recommended"] == "constant(0.1)"
    assert any("each ranks below every finished run" in warning for warning in result.answer["warnings"])


def test_scores_keep_the_digits_that_float32_would_round(tmp_path):
    for _ in range(2):  # the second time, from the store
        result = compare(
            "far_from_zero", ["constant(0.1)", "constant(0.5)"], metric="val_loss", margin=0.01,
            store=tmp_path / "far.sqlite",
        )  # fmt: skip
        near, far = result.answer["candidates"]
        assert near["scores"] == [1e9 + 0.001 * (seed % 5) for seed in range(7)]
        assert far["vs_baseline"]["mean"] == pytest.approx(0.4, abs=1e-6)
        assert far["vs_baseline"]["verdict"] == "worse"
        assert not any("is the same for every" in text for text in result.answer["warnings"])
        assert "1000000000.0016 ±" in str(result)


def test_a_report_of_numbers_near_zero(tmp_path):
    result = compare("tiny", ["constant(0.1)", "constant(0.5)"], metric="mae")
    assert result.answer["candidates"][1]["vs_baseline"]["verdict"] == "worse"
    result.report(tmp_path / "tiny.html")


@pytest.mark.parametrize("metric", ["r2", "val_r2", "r2_score", "pearson_correlation"])
def test_a_metric_that_may_be_below_zero(metric):
    result = compare("below_zero", ["constant(0.1)"], metric=metric)
    (candidate,) = result.answer["candidates"]
    assert candidate["mean"] == pytest.approx(-3 + 0.01 * 11 / 7)
    assert "%" not in result.verdict["sentence"].replace("(95 %)", "")
    with pytest.raises(StudyError, match=f"{metric}=1.4 is not a share; report a number at most 1"):
        compare("loses", ["constant(0.5)"], metric=metric)


def test_the_sign_of_a_metric_is_read():
    result = compare("below_zero", ["constant(0.5)", "constant(0.1)"], metric="neg_mean_squared_error")
    assert result.verdict["recommended"] == "constant(0.1)"
    with pytest.raises(ProblemError, match="metric='accuracy_gap' does not imply which way is better"):
        compare("quick", metric="accuracy_gap")


def test_too_few_seeds_need_no_p():
    result = compare("quick", ["constant(0.1)", "constant(0.5)"], seeds=3)
    assert not any("at most 0" in note for note in result.answer["notes"])
    assert any(
        "no difference between 2 candidates can be shown" in text for text in result.answer["warnings"]
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("forgets_the_schedule", "without using schedule"),
        ("stops_early", "reported 1 of 4 epochs"),
        ("goes_on", "more than once an epoch; the run has epochs=4"),
        ("in_percent", "is not a share"),
        ("says_nothing", "is not a number"),
    ],
)
def test_misuse_is_one_line(name, words):
    with pytest.raises(StudyError, match=words) as caught:
        compare(name, ["constant(0.1)"], seeds=1)
    assert "seed 0" in str(caught.value)


def test_a_schedule_that_a_metric_drives_has_no_values_beforehand():
    assert compare("follows_values", ["constant(0.1)"]).answer["candidates"][0]["mean"] == pytest.approx(0.51)
    with pytest.raises(ScheduleError, match=r"call schedule\(t\)"):
        compare("follows_values", SCHEDULES[2:])


def test_a_factor_needs_the_metric_that_it_follows():
    with pytest.raises(StudyError, match="follows 'val_loss'"):
        compare("loses", SCHEDULES[2:], metric="gain", higher_is_better=False)
    with pytest.raises(StudyError, match="a study measures"):
        compare("quick", ['constant(0.1) * plateau(metric="val_auc")'])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train": "tests.support.training_functions:quik"}, "did you mean 'quick'"),
        ({"train": "no_such_module:train"}, "raised ModuleNotFoundError"),
        ({"train": 3}, "got int"),
        ({"train": lambda schedule: None}, r"must take \(schedule, seed, report\)"),
        ({"epochs": 0}, "epochs=0"),
        ({"updates_per_epoch": True}, "updates_per_epoch=True"),
        ({"metric": "reward"}, "pass higher_is_better=True or"),
        ({"higher_is_better": False}, "metric='accuracy' is better high, so higher_is_better=False would"),
        ({"metric": "val_loss", "higher_is_better": True}, "metric='val_loss' is better low"),
        ({"margin": 0}, "margin=0"),
    ],
)
def test_refusals(changes, words):
    with pytest.raises(ProblemError, match=words):
        Training(
            **{
                "train": "tests.support.training_functions:quick",
                "epochs": 4,
                "updates_per_epoch": 2,
                **changes,
            }
        )


def test_a_function_of_a_notebook_travels_as_its_code():
    best = 0.25

    def train(schedule, seed, report):
        for epoch in range(3):
            report(0.8 - abs(schedule(epoch) - best) + 0.01 * (seed % 3))

    result = ss.compare(Training(train, 3, 1), ["constant(0.25)"], seeds=6, store=":memory:", quiet=True)
    assert result.answer["candidates"][0]["mean"] == pytest.approx(0.81)


def test_what_cannot_travel_is_refused(tmp_path):
    with (tmp_path / "log").open("w") as log:

        def train(schedule, seed, report):
            log.write("x")

        with pytest.raises(InputError, match="cannot be sent to another process"):
            FunctionExecutor(Training(train, 3, 1))


def test_another_function_is_another_fingerprint():
    def made(best, text="x = {best}"):
        names = {}
        source = f"BEST = {best}\ndef helper(): return BEST\ndef train(schedule, seed, report): helper()\n"
        exec(source, names)
        return Training(names["train"], 3, 1).digest

    assert made(0.1) == made(0.1)
    assert made(0.1) != made(0.2)
    changed = dataclasses.replace(training("quick"), epochs=5)
    assert len({training("quick").digest, training("loses").digest, changed.digest}) == 3


def test_the_same_call_again_trains_nothing(tmp_path):
    first = compare("quick", store=tmp_path / "s.sqlite")
    again = compare("quick", store=tmp_path / "s.sqlite")
    assert again.answer["cost"]["runs"] == 0
    assert json.loads(again.to_json())["candidates"] == json.loads(first.to_json())["candidates"]


@pytest.mark.slow
def test_a_pytorch_loop_over_five_schedules_and_ten_seeds(monkeypatch, one_process):
    """The example, as it stands in examples/."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(EXAMPLES)
    problem = Training("pytorch_training:train", epochs=20, updates_per_epoch=4)
    schedules = [
        "constant(0.1)",
        "cosine(0.1)",
        "warmup(3*epochs) >> cosine(0.1)",
        "step_decay(0.1, factor=0.5, every=5*epochs)",
        "constant(0.1) * plateau(factor=0.5, patience=2)",
    ]
    answer = ss.compare(problem, schedules, seeds=10, store=":memory:", quiet=True).answer
    assert answer["cost"]["runs"] == 51
    assert all(candidate["n"] == 10 and candidate["mean"] > 0.9 for candidate in answer["candidates"])
    assert answer["verdict"]["status"] in ("tied", "one_best")
    assert all(math.isfinite(candidate["sd"]) for candidate in answer["candidates"])
    assert answer["study"]["versions"]["torch"]
