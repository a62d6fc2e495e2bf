"""Studies that search several knobs, from a study file to the trained model."""

from __future__ import annotations

from pathlib import Path

import pytest

import stepsize as ss
from stepsize.comparison import stored_result
from stepsize.study.stores.store import Store
from stepsize.verdict.answer import Answer
from tests.support.answers import assert_declared

STUDY = """
problem = "iris"
epochs = 2
seeds = 6
candidates = [
  { schedule = "constant(lr)", name = "rate alone", batch_size = 16 },
  { schedule = "warmup(w*run) >> cosine(lr, floor=f*lr)", momentum = "m", batch_size = "b", name = "five" },
]
knobs = { w = [0, 0.3], f = [0.001, 1, "log"], m = [0, 0.9], b = [8, 16] }
tuning = { rates = [0.01, 0.1], rounds = 0, seeds = 4, fine_seeds = 8 }
"""
FUNCTION = "tests.support.training_functions:quick"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("knobs")
    (path / "study.toml").write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def result(folder, engine) -> ss.Result:
    return ss.compare(folder / "study.toml", store=folder / "runs.sqlite", quiet=True, engine=engine)


def test_the_answer_shows_what_was_chosen_promised_and_held(result) -> None:
    assert_declared(result.answer, Answer)
    alone, five = result.answer["candidates"]
    assert (alone["knobs"], alone["promised"]) == (None, None)
    chosen = five["knobs"]
    assert sorted(chosen) == ["b", "f", "lr", "m", "w"]
    assert chosen["b"] in (8, 16)
    assert five["settings"] == {"momentum": chosen["m"], "batch_size": chosen["b"]}
    assert ss.parse(five["spec"]) == ss.parse("warmup(w*run) >> cosine(lr, floor=f*lr)").bind(
        **{name: chosen[name] for name in ("w", "lr", "f")}
    )
    assert five["lr"] == chosen["lr"]
    assert 0 <= five["promised"] <= 1
    said = " ".join(result.answer["notes"])
    assert "the search promised" in said
    assert "6 fresh seeds held" in said
    assert "about the values that were chosen, not about the best ones" in said
    assert result.answer["study"]["protocol"]["knobs"]["ranges"]["lr"] == [0.01, 0.1, "log"]
    assert "were chosen together" in repr(result).replace("\n  ", " ")


def test_a_chosen_run_is_made_again(result, engine) -> None:
    model = result.train(seed=2, candidate="five", engine=engine)
    assert model.score == pytest.approx(result.answer["candidates"][1]["scores"][2], abs=1e-6)


def test_the_study_is_kept_with_its_ranges(result, folder, engine) -> None:
    again = ss.compare(folder / "runs.toml", store=folder / "runs.sqlite", quiet=True, engine=engine)
    assert again.answer["cost"]["runs"] == 0
    assert again.answer["candidates"] == result.answer["candidates"]
    with Store(folder / "runs.sqlite") as store:
        assert stored_result(store).answer["candidates"] == result.answer["candidates"]
    page = result.report(folder / "answer.html").read_text()
    assert "proposals of Optuna" in page


def test_the_settings_of_a_training_function_are_knobs_too(tmp_path) -> None:
    training = ss.Training(FUNCTION, epochs=4, updates_per_epoch=2, metric="gain", higher_is_better=True)
    steep = ss.Candidate("constant(lr)", "steep", slope="s")
    tuning = {"rates": [0.01, 1], "seeds": 4, "fine_seeds": 8, "rounds": 0}
    knobs = {"s": [0.5, 2], "lr": [0.05, 0.5, "log"]}
    result = ss.compare(
        training, [steep], 6, knobs=knobs, tuning=tuning, store=tmp_path / "runs.sqlite", quiet=True
    )
    (found,) = result.answer["candidates"]
    assert found["settings"] == {"slope": found["knobs"]["s"]}
    assert found["mean"] == pytest.approx(0.9 - found["knobs"]["s"] * abs(found["lr"] - 0.1), abs=0.01)


def test_the_command_says_how_to_type_a_range(command) -> None:
    refused = command("compare", "iris", "-s", "cosine(lr, floor=f*lr)")
    assert refused.returncode == 2
    assert "f is free and has no range" in refused.stderr
    assert "such as --knob f=0,1" in refused.stderr
