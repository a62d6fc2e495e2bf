"""The notes of an answer: what made the difference, and advice on the split."""

import re

import numpy as np
import pytest

from stepsize.problems.loading.catalog import load
from stepsize.problems.problem import Problem, problem
from stepsize.problems.splitting.splits import Split
from stepsize.study.candidates import Candidate, built_in_candidates
from stepsize.study.study import make_study
from stepsize.verdict.findings import _tuning_notes
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, answer_of, finish, noise


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


def test_models_and_epochs_are_told_from_schedules():
    candidates = [Candidate("constant(0.1)"), Candidate("constant(0.1)", epochs=60), Candidate("cosine(0.1)")]
    notes = answer_of(candidates, lambda name, seed: 0.8 + noise(seed))["notes"]
    words = (
        "Epochs are not shown to make a difference: constant(0.1) with epochs=60 instead of epochs=50 changes"
    )
    assert any(each.startswith(words) for each in notes)
    candidates[1] = Candidate("constant(0.1)", model="logistic")
    answer = answer_of(candidates, lambda name, seed: 0.8 + 0.1 * ("logistic" in name) + noise(seed))
    words = "Model made the difference: constant(0.1) with model=logistic instead of model=mlp(34"
    assert any(each.startswith(words) for each in answer["notes"])
    assert answer["verdict"]["headline"].startswith("Use constant(0.1) with model=logistic: it is better")


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


X, Y = np.arange(80, dtype=np.float32).reshape(40, 2), np.arange(40) % 2


@pytest.mark.parametrize(
    ("chosen", "which"),
    [
        (
            Problem("logistic", {"train": (X[:20], Y[:20]), "valid": (X[20:], Y[20:])}),
            "your own validation part",
        ),
        (
            Problem("logistic", (X, Y), split=Split.given(range(20), range(20, 40))),
            "your own validation rows",
        ),
        (Problem("logistic", load((X, Y), order=np.arange(40))), "the latest rows"),
        (Problem("logistic", (X, Y), split="lesson"), "the last rows of the table"),
    ],
)
def test_rows_that_are_the_same_for_tuning_and_verdict_are_named(chosen: Problem, which: str) -> None:
    beginning = f"Rates were chosen and are judged on the same rows: {which}, whatever the seed."
    for candidate, expected in (("constant(lr)", True), ("constant(0.1)", False)):
        study = make_study(chosen, [candidate], 3)
        answer = summarise_study(study, finish(study, lambda name, seed: 0.9), COST)
        assert any(note.startswith(beginning) for note in answer["notes"]) == expected


@pytest.mark.parametrize(
    ("fine", "extra", "sentence"),
    [
        (0, 0, "7 rates on 8 tuning seeds"),
        (9, 0, "7 rates on 8 tuning seeds, and 5 rates around the best on 9 more"),
        (
            44,
            0,
            "7 rates on 8 tuning seeds, 5 rates around the best on 15 more, and 5 closer to it on another 29",
        ),
        (
            44,
            58,
            "7 rates on 8 tuning seeds, 5 rates around the best on 15 more, 5 closer to it on another 29, "
            "and because these left much open, 5 likely ones on 58 more",
        ),
    ],
)
def test_a_note_says_on_how_many_seeds_rates_were_tuned(fine, extra, sentence):
    answer = answer_of(["constant(0.1)", "linear(0.2)"], lambda name, seed: 0.9 + noise(seed, 0.01))
    tuning = {"seeds": [], "first_rates": [0.1] * 7, "first_seeds": 8, "fine_rates": 5 if fine else 0}
    tuning |= {"fine_seeds": fine, "extra_seeds": extra}
    (note,) = _tuning_notes({**answer["study"]["protocol"], "tuning": tuning})
    assert (
        note
        == f"Each free lr is chosen from a smooth curve through {sentence}; the verdict uses fresh seeds."
    )
