"""The plain headline: what to use, and no surer than the verdict."""

from __future__ import annotations

import numpy as np
import pytest

from stepsize.problems.problem import problem
from stepsize.stats import decide
from stepsize.study.candidates import Candidate
from stepsize.study.study import make_study
from stepsize.verdict.headline import headline
from stepsize.verdict.summary import summarise_study
from tests.support.answers import recorded_answer
from tests.support.finished_studies import COST, answer_of, finish, noise

SEEDS = 40


def head(means, spread=0.002, lost=(), settings=None, baseline=0, seeds=SEEDS):
    """Return the headline of candidates a, b, ... with these means, the first the simplest."""
    rng = np.random.default_rng(1)
    names = [chr(ord("a") + number) for number in range(len(means))]
    scores = np.array([mean + rng.normal(0, spread, seeds) for mean in means])
    for number in lost:
        scores[number] = np.nan
    decision = decide(
        scores, names=names, baseline=names[baseline], margin=0.005, simplicity=list(range(len(names)))
    )
    answer = recorded_answer()
    first = answer["candidates"][0]
    answer["study"]["protocol"]["baseline"] = names[baseline]
    answer["candidates"] = [
        {**first, "name": name, "mean": None if number in lost else float(scores[number].mean()),
         "spec": f"constant({number})", "settings": dict(settings or {}),
         "vs_baseline": None if number == baseline else {
             "verdict": decision.word(name, names[baseline]), "mean": 0.0, "ci95": None, "p": 1.0,
             "p_holm": 1.0, "p_better": 0.5}}
        for number, name in enumerate(names)
    ]  # fmt: skip
    answer["verdict"].update(best_set=list(decision.best_set), recommended=decision.recommended)
    return headline(answer, decision, None)


def test_what_learned_nothing_will_not_do():
    constant = recorded_answer()["data"]["majority_baseline"]
    assert constant is not None
    for means in ([constant - 0.1], [constant - 0.1, constant - 0.1], [constant - 0.2, constant - 0.1]):
        assert head(means) == "No candidate beats a constant answer; look at the model and the data first."
    assert head([constant - 0.1, constant + 0.1]) == "Use constant(1): it is better than the other candidate."


def test_equals_will_do():
    assert head([0.9, 0.9]) == "Either of these will do; keep it simple: constant(0)."
    assert head([0.9, 0.9, 0.9]) == "Any of these will do; keep it simple: constant(0)."
    assert head([0.9, 0.9, 0.8]) == "2 of these 3 will do; keep it simple: constant(0)."


def test_what_these_seeds_cannot_tell_apart_is_not_said_to_do():
    assert head([0.9, 0.9], spread=0.05) == "These two cannot be told apart; keep it simple: constant(0)."
    assert head([0.9] * 3, spread=0.05) == "These 3 cannot be told apart; keep it simple: constant(0)."


def test_what_may_be_better_by_too_little_says_so():
    small = "Use constant(1): it is better than the other candidate, perhaps by too little to matter."
    assert head([0.9, 0.905]) == small
    text = head([0.9, 0.905, 0.905])
    assert text.startswith("Use constant(1): it is better than a by 0.0")
    assert text.endswith(" points, which may or may not matter; another one is as good.")


def test_the_best_one_is_better():
    assert head([0.8, 0.9]) == "Use constant(1): it is better than the other candidate."
    assert head([0.8, 0.7, 0.9]) == "Use constant(2): it is better than every other candidate."
    assert head([0.8, 0.9, 0.9]) == "Use constant(1): it is better than a; another one is as good."
    assert head([0.8, 0.9, 0.9, 0.9]) == "Use constant(1): it is better than a; 2 others are as good."


def test_settings_belong_to_what_is_used():
    assert head([0.9, 0.9], settings={"momentum": 0.8}).endswith("constant(0) with momentum=0.8.")


def test_one_candidate_and_none():
    assert head([0.9]) == "Use constant(0); it was the only candidate."
    assert "lost all their runs" in head([0.9, 0.9], lost=(0,), seeds=4)
    assert head([0.9, 0.9], lost=(0, 1)) == "Every run diverged; try lower learning rates."


@pytest.mark.parametrize("means", [[0.9, 0.895], [0.9, 0.88, 0.9], [0.85, 0.9, 0.897, 0.9]])
def test_it_is_one_plain_sentence_without_numbers(means):
    text = head(means, spread=0.01)
    assert text.endswith(".")
    assert "±" not in text
    assert "%" not in text


def test_settings_alone_are_named_as_the_reason():
    scores = {"plain": 0.8, "more": 0.9, "cosine": 0.9}
    study = make_study(
        problem("ionosphere"),
        [Candidate("constant(0.1)", "plain", momentum=0.0), Candidate("constant(0.1)", "more", momentum=0.8),
         Candidate("cosine(0.1)", "cosine", momentum=0.8)],
        12,
    )  # fmt: skip
    answer = summarise_study(study, finish(study, lambda name, seed: scores[name] + noise(seed, 0.001)), COST)
    assert answer["verdict"]["headline"] == (
        "Use constant(0.1) with momentum=0.8: it is better than plain, because of its momentum; another one "
        "is as good."
    )


LEADS = {"constant(0.5)": 0.02, "linear(0.1)": 0.0, "cosine(0.1)": 0.001, "exponential(0.1)": 0.0}


def after_losses(names, leads=LEADS, seeds=60):
    """Return the verdict of candidates, of which each constant one loses every third run."""

    def score(name, seed):
        if name.startswith("constant") and seed % 3 == 0:
            return None
        return 0.8 + leads[name] + noise(seed, 0.02) + noise(seed + 1000 * len(name), 0.002)

    return answer_of(names, score, seeds)["verdict"]


def test_what_is_better_by_the_runs_that_the_other_lost_says_so():
    """Over the seeds that both finished, constant(0.5) is two points ahead."""
    verdict = after_losses(["constant(0.5)", "cosine(0.1)", "linear(0.1)"])
    lost = "constant(0.5), which lost 20 of 60 runs; another one is as good."
    assert verdict["headline"] == f"Use linear(0.1): it is better than {lost}"
    assert "points on 40 of 60 seeds (better: constant(0.5) lost 20 of 60 runs)." in verdict["sentence"]
    verdict = after_losses(["constant(0.5)", "linear(0.1)"])
    assert verdict["headline"] == (
        "Use linear(0.1): it is better than the other candidate, which lost 20 of 60 runs."
    )
    assert verdict["sentence"].endswith("seeds (better: constant(0.5) lost 20 of 60 runs).")


def test_the_only_one_names_who_lost_runs():
    leads = {"constant(0.5)": 0.02, "constant(0.4)": 0.02, "linear(0.1)": 0.0, "cosine(0.1)": -0.1}
    headline = after_losses(["constant(0.5)", "linear(0.1)", "cosine(0.1)"], leads)["headline"]
    every = "Use linear(0.1): it is better than every other candidate"
    assert headline == f"{every}; constant(0.5) lost 20 of 60 runs."
    headline = after_losses(["constant(0.5)", "constant(0.4)", "linear(0.1)", "cosine(0.1)"], leads)[
        "headline"
    ]
    assert headline == f"{every}; 2 of them lost more runs."
    headline = after_losses(["constant(0.5)", "constant(0.4)", "linear(0.1)"], leads)["headline"]
    assert headline == f"{every}; all of them lost more runs."
