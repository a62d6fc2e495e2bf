"""From runs to the answer: the numbers, the recommendation, and the sentences on them."""

import json
import math
import re
from typing import Any

import numpy as np
import pytest

from stepsize.problems.problem import problem
from stepsize.report.view_model import view
from stepsize.study.candidates import Candidate, built_in_candidates
from stepsize.study.protocol import rounds
from stepsize.study.store import Run
from stepsize.study.study import make_study
from stepsize.study.user_functions.training import Training
from stepsize.verdict.formatting import scale_of, settings_text
from stepsize.verdict.picture_data import picture_data
from stepsize.verdict.summary import summarise_study

COST = {"runs": 0, "seconds": 0.0, "runs_per_second": 0.0, "compile_seconds": 0.0}
SEEDS = 12


def falling(job):
    """Return a score that falls as the rate rises."""
    return 0.9 - 0.002 * (math.log10(job.rate or 1.0) + 12) ** 2 + noise(job.seed)


def finish(study, score):
    """Finish a study with the scores that `score(candidate name, seed)` gives; None is a diverged run."""
    runs = {}
    for stage in rounds(study, runs):
        for job in stage.jobs:
            value = score(job.candidate.name, job.seed) if score is not falling else falling(job)
            lost = value is None
            curves = np.full((4, study.epochs), 0.5, np.float32)
            curves[2] = np.nan if lost else value
            curves[3] = job.rate or 0.1
            runs[job.key] = Run(job.candidate.key(job.rate), job.seed, job.rate, 17 if lost else None, curves)
    return runs


def answer_of(candidates, score, seeds=SEEDS, name="ionosphere"):
    study = make_study(problem(name), candidates, seeds)
    return summarise_study(study, finish(study, score), COST)


def noise(seed, size=0.004):
    return size * float(np.random.default_rng(seed).normal())


def by_name(answer):
    return {candidate["name"]: candidate for candidate in answer["candidates"]}


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
    json.dumps(answer, allow_nan=False)


def test_the_lesson_tells_momentum_from_schedules():
    means = {"constant 0.1": 0.953, "drop-based, momentum 0.9": 0.991}

    def score(name, seed):
        return means.get(name, 0.988) + noise(seed, 0.002)

    answer = answer_of(built_in_candidates("lesson-ionosphere"), score, name="lesson-ionosphere")
    assert answer["verdict"]["recommended"] != "constant 0.1"
    first, second, third, validation, splits, *_ = answer["notes"]
    assert first.startswith(
        "Momentum made the difference: constant(0.1) with momentum=0.8 instead of momentum=0.0"
    )
    assert "no schedule is shown to add anything that matters" in second
    assert third.startswith(
        "step_decay(0.1, offset=1*epochs) with momentum=0.9 changes both schedule and settings"
    )
    assert "116 rows, 107 of them of class 'g'" in validation
    assert "92.2 %" in validation
    assert "0.86 points" in validation
    assert splits.endswith("on rows that each seed draws: create the problem with split='stratified'.")
    assert any(
        "class 'g' is 50 % of the training rows and 92 % of the validation rows" in w
        for w in answer["warnings"]
    )


def test_when_settings_change_nothing_the_note_says_so():
    candidates = [Candidate("constant(0.1)"), Candidate("constant(0.1)", momentum=0.5)]
    answer = answer_of(candidates, lambda name, seed: 0.9 + noise(seed))
    assert answer["notes"][0].startswith("Momentum is not shown to make a difference")


def test_a_note_names_the_settings_and_the_words_of_the_table():
    """The baseline's own settings, not the problem's; every candidate; the word of the corrected test."""
    effects = {"plain": 0.0, "half": 0.001, "most": -0.05}

    def score(name, seed):
        return 0.9 + effects[name] + noise(seed) + noise(seed + 1000 * len(name), 0.01)

    candidates = [
        Candidate("constant(0.1)", "plain", momentum=0.0),
        Candidate("constant(0.1)", "half", momentum=0.5),
        Candidate("constant(0.1)", "most", momentum=0.99),
    ]
    answer = answer_of(candidates, score)
    (note, *_), words = answer["notes"], {c["name"]: c["vs_baseline"] for c in answer["candidates"]}
    assert note.startswith(
        "Momentum made a difference: constant(0.1) with momentum=0.5 instead of momentum=0.0"
    )
    for name, value in (("half", 0.5), ("most", 0.99)):
        word = words[name]["verdict"]
        assert re.search(rf"momentum={value} instead of momentum=0\.0 changes [^;]*\({word}\)", note)
    assert words["most"]["verdict"] == "worse"


def test_a_setting_of_the_baseline_alone_is_named_too():
    candidates = [Candidate("constant(0.1)", "plain", batch_size=5, clipnorm=1.0), Candidate("constant(0.1)")]
    answer = answer_of(candidates, lambda name, seed: 0.9 + noise(seed))
    assert "with batch_size=28, clipnorm=default instead of batch_size=5, clipnorm=1.0" in answer["notes"][0]


def test_an_explicit_default_is_not_a_difference():
    candidates = [Candidate("constant(0.1)"), Candidate("constant(0.1)", momentum=0.8)]
    answer = answer_of(candidates, lambda name, seed: 0.9 + noise(seed))
    assert not any("omentum" in note for note in answer["notes"])


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (
            "stepsize compare lesson-ionosphere --split lesson -s 'constant(lr)'",
            "stepsize compare lesson-ionosphere -s 'constant(lr)' --split stratified",
        ),
        (
            "stepsize.compare('lesson-ionosphere', ['constant(lr)'], split='lesson')",
            "stepsize.compare('lesson-ionosphere', ['constant(lr)'], split='stratified')",
        ),
        ("stepsize.compare(problem, ['constant(lr)'])", "create the problem with split='stratified'."),
    ],
)
def test_the_advice_on_splits_can_be_run_as_it_stands(command, advice):
    study = make_study(problem("lesson-ionosphere"), ["constant(0.1)"], 3, command=command)
    answer = summarise_study(study, finish(study, lambda name, seed: 0.9), COST)
    assert any(note.endswith(f"each seed draws: {advice}") for note in answer["notes"])


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


def test_pictures_hold_every_candidate():
    study = make_study(problem("ionosphere"), ["constant(lr)", "cosine(0.1)", "constant(0.1) * plateau()"], 3)
    runs = finish(study, lambda name, seed: None if seed == 0 else 0.9)
    names = [candidate.name for candidate in study.candidates]
    details = picture_data(study, runs, names)
    assert list(details["plans"]) == list(details["curves"]) == names
    assert list(details["sweep"]) == ["constant(lr)"]
    assert details["curves"]["cosine(0.1)"]["metric"]["mean"][-1] == pytest.approx(0.9)
    assert len(details["plans"]["cosine(0.1)"]["lr"]) <= 400
    assert details["plans"]["constant(0.1) * plateau()"]["lr"] == pytest.approx([0.1] * 50)
    json.dumps(details, allow_nan=False)


def test_pictures_of_runs_that_all_diverged():
    study = make_study(problem("ionosphere"), ["constant(0.1)"], 2)
    curves = picture_data(study, finish(study, lambda name, seed: None), ["constant(0.1)"])["curves"][
        "constant(0.1)"
    ]
    assert set(curves["metric"]["mean"]) == {None}
