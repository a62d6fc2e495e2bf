"""The warnings of an answer: scores that are all the same, and rates at an edge."""

import pytest

from stepsize.problems.problem import problem
from stepsize.study.study import make_study
from stepsize.study.user_functions.training import Training
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, SEEDS, answer_of, by_name, falling, finish, noise


def test_warnings_of_a_constant_metric_and_of_the_majority():
    answer = answer_of(["constant(0.1)", "linear(0.1)"], lambda name, seed: 0.5)
    assert any("is the same for every seed and candidate" in warning for warning in answer["warnings"])
    perfect = answer_of(["constant(0.1)", "linear(0.1)"], lambda name, seed: 1.0)
    assert any(warning.startswith("Every run has 100 % accuracy") for warning in perfect["warnings"])
    assert any("column gives the answer away" in warning for warning in perfect["warnings"])
    for candidates, seeds, words in (
        (["constant(0.1)", "linear(0.1)"], 1, "for every candidate:"),
        (["constant(0.1)"], 3, "for every seed:"),
        (["constant(0.1)"], 1, None),
    ):
        warnings = answer_of(candidates, lambda name, seed: 0.5, seeds)["warnings"]
        same = [warning for warning in warnings if "is the same for every" in warning]
        assert len(same) == (words is not None)
        assert words is None or words in same[0]
    answer = answer_of(["constant(0.1)", "linear(0.1)"], lambda name, seed: 0.5 + noise(seed))
    assert any(
        "No candidate beats always giving the most common answer (63.8 %)" in warning
        for warning in answer["warnings"]
    )


@pytest.mark.parametrize("trains", [True, False], ids=["function", "model"])
def test_scores_of_a_function_that_do_not_depend_on_seed_or_schedule_are_reported(trains):
    def warnings(score):
        studied = Training(lambda schedule, seed, report: None, 8, 9) if trains else problem("ionosphere")
        study = make_study(studied, ["constant(0.1)", "linear(0.1)"], SEEDS)
        return " ".join(summarise_study(study, finish(study, score), COST)["warnings"])

    lead = {"constant(0.1)": 0.0, "linear(0.1)": 0.05}
    assert ("does not seem to use its seed" in warnings(lambda name, seed: 0.8 + lead[name])) == trains
    unused = warnings(lambda name, seed: 0.8 + noise(seed))
    assert ("do not seem to reach the training" in unused) == trains
    assert "seem to" not in warnings(lambda name, seed: 0.8 + lead[name] + noise(seed))


@pytest.mark.parametrize("gap", [0.001, 0.2])
@pytest.mark.parametrize("trains", [True, False], ids=["function", "model"])
def test_seeds_that_repeat_one_run_show_nothing(trains, gap):
    studied = Training(lambda schedule, seed, report: None, 8, 9) if trains else problem("ionosphere")
    study = make_study(studied, ["constant(0.1)", "linear(0.1)"], SEEDS)
    runs = finish(study, lambda name, seed: 0.7 + gap * (name == "linear(0.1)"))
    answer = summarise_study(study, runs, COST)
    compared = by_name(answer)["linear(0.1)"]["vs_baseline"]
    assert (compared["verdict"] == "not shown") == trains
    assert (compared["ci95"] is None) == trains
    assert answer["study"]["looks"] == [len(answer["study"]["seeds"])]
    assert not trains or not any("More seeds" in note or "enough" in note for note in answer["notes"])
    assert not any("fewer than" in warning for warning in answer["warnings"])


def test_rates_at_the_edge_are_reported():
    answer = answer_of(["constant(lr)"], falling)
    assert by_name(answer)["constant(lr)"]["lr_at_edge"]
    assert any("is at the edge of the rates tried" in warning for warning in answer["warnings"])


def test_a_rate_at_the_limit_of_its_schedule_is_reported_as_such():
    answer = answer_of(["cosine(lr, floor=0.02)", "constant(0.1)"], falling)
    cosine = by_name(answer)["cosine(lr, floor=0.02)"]
    assert (cosine["lr_at_edge"], cosine["lr_at_limit"]) == (True, True)
    assert 0.02 == cosine["lr_range"][0] <= cosine["lr"] < 0.03
    assert any("is the last that its other parameters allow" in warning for warning in answer["warnings"])
