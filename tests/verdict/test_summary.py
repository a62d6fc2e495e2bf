"""From runs to the answer: the numbers, the recommendation, and the sentences on them."""

import json
from typing import Any

import pytest

from stepsize.problems.problem import problem
from stepsize.report.view_model import view
from stepsize.study.candidates import Candidate
from stepsize.study.study import make_study
from stepsize.verdict.formatting import scale_of, settings_text
from stepsize.verdict.picture_data import picture_data
from tests.support.finished_studies import SEEDS, answer_of, by_name, finish, noise


def test_one_clear_winner():
    lead = {"constant(0.1)": 0.0, "linear(0.1)": 0.0, "cosine(0.1)": 0.05}
    answer = answer_of(
        lead, lambda name, seed: 0.8 + lead[name] + noise(seed) + noise(seed + 1000 * len(name))
    )
    assert answer["verdict"]["status"] == "one_best"
    assert answer["verdict"]["best_set"] == ["cosine(0.1)"] == [answer["verdict"]["recommended"]]
    assert "it is shown to be better than both other candidates" in answer["verdict"]["sentence"]
    candidates = by_name(answer)
    assert candidates["cosine(0.1)"]["vs_baseline"]["verdict"] == "better"
    assert candidates["linear(0.1)"]["vs_baseline"]["verdict"] in ("equivalent", "not shown")
    assert candidates["constant(0.1)"]["vs_baseline"] is None


def test_two_candidates_that_tie_are_both_meant():
    answer = answer_of(["constant(0.1)", "cosine(0.1)"], lambda name, seed: 0.8 + noise(seed))
    assert "both candidates may be the best" in answer["verdict"]["sentence"]


def test_settings_have_no_digits_of_binary_fractions():
    settings = {"momentum": 0.1 + 0.2, "multipliers": {"head": 1 - 0.9}, "nesterov": True}
    assert settings_text(settings) == "momentum=0.3, multipliers={'head': 0.1}, nesterov=True"


def test_the_sentence_and_the_table_write_a_score_alike():
    answer = answer_of(["constant(0.1)", "cosine(0.1)"], lambda name, seed: 0.8 + noise(seed, 0.05))
    details: Any = {"plans": {}, "curves": {}, "sweep": {}}
    shown = view(answer, details)
    assert shown.recommended is not None
    assert f"accuracy {shown.recommended.score} %" in answer["verdict"]["sentence"]
    assert shown.scale == scale_of(answer)


def test_a_tie_recommends_the_simplest():
    specs = ["cosine(0.1)", "warmup(1*epochs) >> constant(0.1)", "constant(0.1)"]
    answer = answer_of(specs, lambda name, seed: 0.8 + noise(seed) + noise(seed + 100 * len(name), 1e-4))
    assert answer["verdict"]["status"] == "tied"
    assert answer["verdict"]["recommended"] == "constant(0.1)"
    assert (
        "no candidate is shown to be better; all 3 candidates may be the best"
        in answer["verdict"]["sentence"]
    )
    assert "it is the simplest of them" in answer["verdict"]["sentence"]
    assert {c["vs_baseline"]["verdict"] for c in answer["candidates"][:2]} == {"equivalent"}


def test_few_seeds_do_not_recommend_what_looks_far_worse():
    lead = {"constant(0.1)": 0.65, "constant(0.01)": 0.867, "constant(0.001)": 0.848}
    answer = answer_of(lead, lambda name, seed: lead[name] + noise(seed), seeds=3)
    assert answer["verdict"]["best_set"] == list(lead)
    assert answer["verdict"]["recommended"] == "constant(0.01)"
    assert any("fewer than 8 seeds" in warning for warning in answer["warnings"])
    assert {c["vs_baseline"]["verdict"] for c in answer["candidates"][1:]} == {"not shown"}


def test_a_difference_within_the_margin_does_not_pass_over_the_simplest():
    lead = {"constant(0.1)": 0.9, "one_cycle(0.1)": 0.9012}
    answer = answer_of(lead, lambda name, seed: lead[name] + noise(seed), seeds=3)
    assert answer["verdict"]["best_set"] == list(lead)
    assert answer["candidates"][1]["vs_baseline"]["ci95"][0] > 0
    assert answer["verdict"]["recommended"] == "constant(0.1)"


def test_diverged_runs_count_and_are_reported():
    def score(name, seed):
        return None if name == "cosine(0.1)" and seed < 4 else 0.9 + noise(seed)

    answer = answer_of(["constant(0.1)", "cosine(0.1)"], score)
    cosine = by_name(answer)["cosine(0.1)"]
    assert (cosine["n"], cosine["diverged"]) == (SEEDS, 4)
    assert cosine["mean"] == pytest.approx(0.9, abs=0.01)  # of the runs that finished
    assert cosine["scores"][:4] == [None] * 4
    assert answer["verdict"]["recommended"] == "constant(0.1)"
    assert any("cosine(0.1): 4 of 12 runs diverged, the first at update 17" in w for w in answer["warnings"])


def test_a_difference_that_few_seeds_or_none_show_is_not_given_as_if_all_did():
    candidates = [Candidate("constant(0.1)", "lost"), Candidate("constant(0.1)", clipnorm=1.0)]
    for survivors, size in ((1, "+80.00 points on 1 of 12 seeds"), (0, "an unknown amount, since no seed")):
        answer = answer_of(
            candidates,
            lambda name, seed, survivors=survivors: (
                0.9 if name != "lost" else 0.1 if seed < survivors else None
            ),
        )
        assert f"it differs from the baseline by {size}" in answer["verdict"]["sentence"]
        assert size in answer["notes"][0]


def test_all_diverged():
    answer = answer_of(["constant(0.1)", "cosine(0.1)"], lambda name, seed: None)
    assert answer["verdict"]["status"] == "all_diverged"
    assert "first diverged at update 17" in answer["verdict"]["sentence"]
    for candidate in answer["candidates"]:
        assert (candidate["mean"], candidate["ci95"], candidate["sd"]) == (None, None, None)
    difference = answer["candidates"][1]["vs_baseline"]
    assert (difference["mean"], difference["ci95"], difference["verdict"]) == (None, None, "not shown")
    json.dumps(answer, allow_nan=False)


def test_rates_are_those_up_to_the_divergence():
    answer = answer_of(["constant(700)", "exponential(2000, floor=0.001)"], lambda name, seed: None)
    sentence, warnings = answer["verdict"]["sentence"], answer["warnings"]
    assert "even constant(700), which has the lowest rates (up to 700)" in sentence
    assert any("the first at update 17 (rates up to 2e3)" in warning for warning in warnings)


def test_pictures_hold_every_candidate():
    study = make_study(problem("ionosphere"), ["constant(lr)", "cosine(0.1)", "constant(0.1) * plateau()"], 3)
    runs = finish(study, lambda name, seed: None if seed == 0 else 0.9)
    names = [candidate.name for candidate in study.candidates]
    details = picture_data(study, runs, names)
    assert list(details["plans"]) == list(details["curves"]) == names
    assert list(details["sweep"]) == ["constant(lr)"]
    assert details["curves"]["cosine(0.1)"]["metric"]["mean"][-1] == pytest.approx(0.9)
    assert len(details["plans"]["cosine(0.1)"]["lr"]) <= 400
    assert details["plans"]["constant(0.1) * plateau()"]["lr"] == pytest.approx([0.1] * 400)
    json.dumps(details, allow_nan=False)


def test_the_rates_that_a_metric_drives_end_with_the_last_run():
    spec = "cosine(0.1) * plateau()"
    study = make_study(problem("ionosphere", epochs=4), [spec], 2)
    runs = finish(study, lambda name, seed: None if seed == 0 else 0.9)
    planned = study.candidates[0].schedule.plan(epochs=4, updates_per_epoch=9).values.tolist()
    for run in runs.values():
        run.curves[3] = planned[8::9]
    assert picture_data(study, runs, [spec])["plans"][spec]["lr"] == planned
    runs = finish(study, lambda name, seed: None)
    plan = picture_data(study, runs, [spec])["plans"][spec]
    assert (len(plan["lr"]), plan["epoch"][-1]) == (9, pytest.approx(8 / 9))


def test_pictures_of_runs_that_all_diverged():
    study = make_study(problem("ionosphere"), ["constant(0.1)"], 2)
    curves = picture_data(study, finish(study, lambda name, seed: None), ["constant(0.1)"])["curves"][
        "constant(0.1)"
    ]
    assert set(curves["metric"]["mean"]) == {None}
