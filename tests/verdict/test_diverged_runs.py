"""What an answer says of diverged runs in a cross-validation: a repeat that lost one has no score."""

import json
from dataclasses import replace

import numpy as np
import pytest

from stepsize.errors import StudyError
from stepsize.problems.problem import problem
from stepsize.problems.references import references, target_spreads
from stepsize.report import html, markdown
from stepsize.report.terminal import answer as terminal
from stepsize.result import Result
from stepsize.study.study import make_study
from stepsize.verdict.picture_data import picture_data
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, by_name, finish, noise

FOLDS = 5
CANDIDATES = ["constant(0.1)", "cosine(0.1)"]


def finished(lost, repeats, data="diabetes", candidates=CANDIDATES):
    """Return a study and its runs, in which the candidates lose the repeats that `lost` names, by one run."""

    def score(name, seed):
        repeat, fold = divmod(seed, FOLDS)
        if repeat in lost.get(name, ()):
            return None if fold == 0 else 0.1
        return 0.4 + 0.01 * (name == "cosine(0.1)") + noise(seed)

    study = with_references(problem(data, folds=FOLDS), candidates, FOLDS * repeats)
    return study, finish(study, score)


def with_references(studied, candidates, seeds):
    """Return a study with simple models beside it, as `compare` makes it."""
    study = make_study(studied, candidates, seeds)
    more = {
        "references": references(studied, study.seeds),
        "target_spreads": target_spreads(studied, study.seeds),
    }
    return replace(study, facts={**study.facts, "data": {**study.facts["data"], **more}})


def answer(lost, repeats, **more):
    return summarise_study(*finished(lost, repeats, **more), COST)


def test_means_differences_and_errors_are_over_whole_repeats():
    found = answer(
        {"constant(0.1)": (0, 1), "cosine(0.1)": (1, 2, 3)}, 8, candidates=[*CANDIDATES, "linear(0.1)"]
    )
    cosine, whole = by_name(found)["cosine(0.1)"], by_name(found)["linear(0.1)"]
    kept = [seed for seed in range(8 * FOLDS) if seed // FOLDS not in (1, 2, 3)]
    assert (cosine["n"], cosine["diverged"], cosine["replicates"]) == (40, 3, 5)
    scores, spreads = np.array(cosine["scores"], float), np.array(found["data"]["target_spreads"])
    assert cosine["mean"] == pytest.approx(scores[kept].mean())
    assert cosine["error"] == pytest.approx(np.mean(spreads[kept] * np.sqrt(1 - scores[kept])), rel=1e-6)
    low, high = cosine["ci95_new_rows"]
    assert (low + high) / 2 == pytest.approx(cosine["mean"])
    assert whole["replicates"] == 8
    warning = next(each for each in found["warnings"] if each.startswith("cosine(0.1)"))
    assert "3 of 40 runs diverged" in warning
    assert "5 of its 8 repeats finished whole, and the others rank below every whole one" in warning


def test_the_basis_of_a_number_is_counted_in_repeats():
    found = answer({"constant(0.1)": (1, 2, 3), "cosine(0.1)": (0,)}, 8)
    assert "over the 7 of 8 repeats that finished whole)" in found["verdict"]["sentence"]
    assert found["verdict"]["reason"] == "others that may be the best lost a run in more repeats"
    backwards = summarise_study(*_with_baseline("cosine(0.1)", {"cosine(0.1)": (1, 2, 3)}), COST)
    assert "points on 5 of 8 repeats (" in backwards["verdict"]["sentence"]
    assert "over 8 × 5-fold cross-validation" in backwards["verdict"]["sentence"]


def _with_baseline(baseline, lost):
    def score(name, seed):
        return None if seed in [FOLDS * repeat for repeat in lost.get(name, ())] else 0.9 + noise(seed)

    study = make_study(problem("iris", folds=FOLDS), CANDIDATES, FOLDS * 8, baseline=baseline)
    return study, finish(study, score)


def test_a_candidate_without_a_whole_repeat_is_not_said_to_have_lost_all_its_runs():
    found = summarise_study(*_with_baseline("cosine(0.1)", {"cosine(0.1)": range(8)}), COST)
    verdict = found["verdict"]
    assert by_name(found)["cosine(0.1)"]["mean"] is None
    assert verdict["recommended"] == "constant(0.1)"
    few = answer({"cosine(0.1)": range(2)}, 2, data="iris")
    assert few["verdict"]["headline"] == (
        "Use constant(0.1): the others that are not behind lost a run in every repeat."
    )
    assert few["verdict"]["reason"] == "no repeat of the others that are not behind finished whole"
    assert "unknown amount, since no repeat finished whole with both" in verdict["sentence"]


LOST_BOTH = {name: range(2) for name in CANDIDATES}


class TestNoWholeRepeat:
    def test_it_is_said_and_nothing_is_compared(self):
        found = answer(LOST_BOTH, 2)
        verdict = found["verdict"]
        assert (verdict["status"], verdict["recommended"], verdict["best_set"]) == (
            "no_whole_repeat",
            None,
            [],
        )
        assert verdict["headline"] == "No repeat finished whole; try lower learning rates."
        assert verdict["sentence"].startswith(
            "No repeat of the 5-fold cross-validation finished whole, so nothing can be compared: 4 of 20 "
            "runs diverged, at least one in every repeat of every candidate, even of constant(0.1)"
        )
        assert verdict["sentence"].endswith("; try lower learning rates.")
        assert "Every run" not in " ".join([verdict["sentence"], *found["warnings"]])
        assert not any("the best candidate" in warning for warning in found["warnings"])  # it has no mean
        assert any("none of its 2 repeats finished whole" in warning for warning in found["warnings"])
        for each in found["candidates"]:
            assert [each[key] for key in ("mean", "sd", "ci95", "error", "ci95_new_rows")] == [None] * 5
        json.dumps(found, allow_nan=False)

    def test_runs_that_all_diverged_are_another_case(self):
        study = make_study(problem("iris", folds=FOLDS), CANDIDATES, 10)
        found = summarise_study(study, finish(study, lambda name, seed: None), COST)
        assert found["verdict"]["status"] == "all_diverged"

    def test_it_is_shown_and_nothing_is_trained(self):
        study, runs = finished(LOST_BOTH, 2)
        found, details = summarise_study(study, runs, COST), picture_data(study, runs, CANDIDATES)
        for text in (markdown.render(found, details), terminal.render(found, details, width=200)):
            assert "4/5" not in text
            assert "8/10" in text
        assert "finished whole" in html.render(found, details)
        result = Result(found, details, planned=study, problem=problem("diabetes", folds=FOLDS))
        with pytest.raises(StudyError, match="no repeat of the cross-validation finished whole, so no"):
            result.train()
        with pytest.raises(StudyError, match="no repeat of the cross-validation finished whole, so no"):
            result.code("torch")


def test_a_simple_model_is_scored_on_the_repeats_of_the_candidates():
    """Thirty scores of a simple model are four repeats of seven folds, and two runs more."""
    study = with_references(problem("diabetes", folds=7), ["constant(0.1)"], 42)
    found = summarise_study(study, finish(study, lambda name, seed: None if seed in (0, 35) else 0.2), COST)
    scores = found["data"]["references"][0]["scores"]
    assert len(scores) == 30
    for_scale = found["verdict"]["for_scale"][-1]
    assert f"scores {np.mean(scores[:28]):.4f}" in for_scale
    assert "on the same 4 repeats" in for_scale
    assert any("the best candidate 0.2" in warning for warning in found["warnings"])
