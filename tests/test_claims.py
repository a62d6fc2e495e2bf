"""The claims of the lessons: their studies, the page made from stored answers, and one claim trained."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import stepsize as ss
from stepsize.cli import app
from stepsize.errors import SpecError, StudyError
from stepsize.problems.built_in import BUILT_IN, built_in_study
from stepsize.problems.rare_features import COMMON, rare_features
from stepsize.study.candidates import read_candidates
from tests.support.study_files import planned

DOCS = Path(__file__).parents[1] / "docs"
LONGEST = 29  # letters of a name that fit beside a picture
CLAIMS = [name for name in BUILT_IN if name.startswith("claim-")]


def script(name: str) -> ModuleType:
    """Load a script of the docs as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        return importlib.import_module(name)


claims = script("make_claims")


@pytest.fixture
def document() -> dict[str, Any]:
    return claims.answers.read()


def test_the_page_and_its_pictures_are_made_from_the_stored_answers(document: Mapping[str, Any]) -> None:
    assert (DOCS / "claims.md").read_text(encoding="utf-8") == claims.page(document)
    drawn = claims.drawn(document)
    assert set(drawn) == set(claims.IMAGES.iterdir())
    for path, text in drawn.items():
        assert path.read_text(encoding="utf-8") == text, path.name


def test_the_answers_are_those_of_the_studies(document: Mapping[str, Any]) -> None:
    assert {each["claim"] for each in document["comparisons"]} == set(CLAIMS)
    for each in document["comparisons"]:
        names = [candidate.name for candidate in read_candidates([each["claim"]])]
        assert [row["name"] for row in each["candidates"]] == names
        assert each["candidates"][0]["word"] == "baseline"
        assert max(map(len, names)) <= LONGEST


@pytest.mark.parametrize(
    ("words", "always", "verdict"),
    [
        ("so so", False, "Shown"),
        ("so otherwise", False, "Shown in part"),
        ("so open", False, "Shown in part"),
        ("otherwise otherwise", False, "Contradicted"),
        ("otherwise open", False, "Not shown"),
        ("open", False, "Not shown"),
        ("so otherwise open", True, "Contradicted"),
        ("so open", True, "Not shown"),
    ],
)
def test_a_verdict_needs_all_that_counts(words: str, always: bool, verdict: str) -> None:
    outcomes = [{"open": "cannot tell"}.get(each, each) for each in words.split()]
    assert claims.counts.verdict(outcomes, always) == verdict


@pytest.mark.parametrize(
    ("key", "verdicts"),  # if every candidate is better, equivalent, worse, or not shown to be any of these
    [
        ("decay", ["Shown", "Shown", "Contradicted", "Not shown"]),
        ("smaller-steps", ["Shown", "Contradicted", "Contradicted", "Not shown"]),
        ("plateau", ["Contradicted", "Contradicted", "Shown", "Not shown"]),
        (
            "rare-features",
            ["Shown in part", "Shown in part", "Shown in part", "Not shown"],
        ),  # one is momentum
        ("summed-loss", ["Shown in part", "Shown in part", "Shown in part", "Not shown"]),
    ],
)
def test_a_verdict_follows_its_answers(document: dict[str, Any], key: str, verdicts: list[str]) -> None:
    claim = next(each for each in claims.CLAIMS if each.key == key)
    for word, verdict in zip(("better", "equivalent", "worse", "not shown"), verdicts, strict=True):
        changed = copy.deepcopy(document)
        for each in changed["comparisons"]:
            for row in each["candidates"][1:]:
                row["word"] = word
        assert claim.verdict(changed) == verdict, word
        assert claims.page(changed) != claims.page(document)


def test_what_does_not_count_is_pale_and_changes_no_verdict(document: dict[str, Any]) -> None:
    claim = next(each for each in claims.CLAIMS if each.key == "accuracy")
    assert len(claim.outcomes(document)) == 6
    assert claim.picture(document).count('<g class="pale">') == 6
    for each in document["comparisons"]:
        for row in each["candidates"]:
            if row["name"] in ("halve if loss stalls", "linear, watches nothing"):
                row["word"] = "better"
    assert claim.verdict(document) == "Contradicted"


def test_the_summed_loss_needs_a_smaller_rate(engine: Any) -> None:
    answer = ss.compare("claim-summed-loss", seeds=20, store=":memory:", quiet=True, engine=engine).answer
    words = {each["name"]: (each["vs_baseline"] or {}).get("verdict") for each in answer["candidates"]}
    assert words["sum, 0.1"] == "worse"
    assert words["sum, 0.1/32"] != "worse"


def test_each_study_says_what_it_is_about() -> None:
    done = CliRunner().invoke(app, ["studies"])
    assert done.exit_code == 0
    listed = " ".join(done.output.split())
    for name in BUILT_IN:
        assert f"{name} {built_in_study(name)['about']}" in listed


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_stands_for_its_candidates_on_other_data(name: str) -> None:
    _, _, study = planned("breast-cancer", candidates=["constant(0.3)", name.upper()])
    assert study.candidates[1:] == read_candidates(built_in_study(name)["candidates"])
    assert study.name == "breast-cancer"


def test_other_words_are_no_candidates() -> None:
    with pytest.raises(StudyError, match="did you mean 'claim-decay'"):
        read_candidates(["claim-deca"])
    with pytest.raises(SpecError, match="cosine is a schedule; write its arguments"):
        read_candidates(["cosine"])


def test_features_are_rare_where_they_should_be() -> None:
    data = rare_features()
    shares = np.asarray(data.x).mean(axis=0)
    assert 0.48 < shares[0] < 0.52
    assert (shares[:COMMON] > 0.03).all()
    assert (shares[COMMON:] < 0.07).all()
    assert 0.4 < data.y.mean() < 0.6
    np.testing.assert_array_equal(data.x, rare_features().x)
