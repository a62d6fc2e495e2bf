"""Settings of a candidate: checked early, kept as JSON, paired with the others."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import stepsize as ss
from stepsize.comparison import stored_result
from stepsize.errors import InputError, StudyError
from stepsize.problems.problem import problem
from stepsize.result import Result
from stepsize.study.candidate_settings import large_batch_notes, split_settings
from stepsize.study.candidates import Candidate
from stepsize.study.stores.store import Store
from stepsize.study.study import Study, make_study
from stepsize.study.study_files.options import call_text, study_options
from stepsize.verdict.summary import summarise_study
from tests.support.finished_studies import COST, finish, noise


def test_settings_are_json_values():
    candidate = Candidate(
        "one_cycle(lr)",
        momentum=ss.one_cycle_momentum(0.95),
        batch_size=np.int64(64),
        multipliers={"output": 1, "dense": np.float32(0.5)},
        weight_decay=0.01,
    )
    definition = json.loads(json.dumps(candidate.definition()))
    assert definition["settings"]["momentum"] == "one_cycle_momentum(0.95)"
    assert definition["settings"]["multipliers"] == {"dense": 0.5, "output": 1.0}
    again = Candidate.from_definition(definition)
    assert again == candidate
    assert again.key(0.1) == candidate.key(0.1)
    assert again.momentum == ss.one_cycle_momentum(0.95)


@pytest.mark.parametrize("betas", [(0.8, 0.95), [0.8, 0.95], (0.8, np.float64(0.95))])
def test_a_tuple_is_stored_and_found_again_as_a_list(betas):
    candidate = Candidate("constant(0.1)", betas=betas, shape={"a": ((1, 2), np.float32(3))})
    assert candidate.settings["betas"] == [0.8, 0.95]
    assert json.loads(json.dumps(dict(candidate.settings))) == candidate.settings
    again = Candidate("constant(0.1)", **json.loads(json.dumps(dict(candidate.settings))))
    assert again.key(None) == candidate.key(None)


def test_the_order_of_settings_does_not_matter_to_the_store():
    a = Candidate("constant(0.1)", multipliers={"a": 1, "b": 2}, momentum=0.5)
    b = Candidate("constant(0.1)", momentum=0.5, multipliers={"b": 2, "a": 1})
    assert a.key(None) == b.key(None)


def test_settings_are_parted_into_the_optimizers_and_ours():
    scheduled = {"momentum": "linear(0.9)", "batch_size": 8, "nesterov": True}
    assert split_settings(scheduled) == ({"nesterov": True}, {"batch_size": 8, "momentum": "linear(0.9)"})
    assert split_settings({"momentum": 0.9}) == ({"momentum": 0.9}, {})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"batch_size": True}, "batch_size is True"),
        ({"momentum": "lineer(0.9)"}, "did you mean 'linear'"),
        ({"momentum": "linear(lr)"}, "has a free knob"),
        ({"momentum": "constant(0.5) * plateau()"}, "follows a metric"),
        ({"momentum": "linear(1.5)"}, "reaches 1.5; it must stay below 1"),
        ({"momentum": "warmup(9*epochs) >> constant(0.9)"}, "longer than the run"),
        ({"multipliers": {}}, "must name layers"),
        ({"multipliers": 0.1}, "must name layers"),
        ({"multipliers": {"dense": -1}}, "must map the name of a layer"),
        ({"multipliers": {"dense": "slow"}}, "must map the name of a layer"),
    ],
)
def test_refusals_come_before_training(settings, words):
    with pytest.raises(InputError, match=words) as caught:
        make_study(ss.problem("iris", epochs=4), [Candidate("constant(0.1)", **settings)], 3)
    assert "\n" not in str(caught.value)


def test_a_schedule_must_fit_the_updates_of_its_own_batch_size():
    problem = ss.problem("iris", epochs=1)  # 112 rows to train on: 7 updates, or 2
    make_study(problem, [Candidate("multistep(0.1, at=[4*updates])")], 3)
    study = make_study(problem, ["constant(0.1)", Candidate("constant(0.1)", batch_size=60)], 3)
    assert [study.updates_per_epoch(candidate) for candidate in study.candidates] == [7, 2]
    assert Study.from_definition(study.definition()).updates_per_epoch(study.candidates[1]) == 2
    long = Candidate("warmup(4*updates) >> constant(0.1)", batch_size=60)
    with pytest.raises(InputError, match="longer than the run of 2 updates"):
        make_study(problem, [long], 3)


@pytest.mark.slow
def test_a_batch_size_of_its_own_is_that_of_a_problem(engine):
    schedules = ["constant(0.1)", Candidate("cosine(0.1)", batch_size=40)]
    mixed = ss.compare(
        ss.problem("iris", epochs=3), schedules, seeds=6, store=":memory:", quiet=True, engine=engine
    )
    alone = ss.compare(
        ss.problem("iris", epochs=3, batch_size=40),
        ["cosine(0.1)"],
        seeds=6,
        store=":memory:",
        quiet=True,
        engine=engine,
    )
    other = mixed.answer["candidates"][1]
    assert other["settings"] == {"batch_size": 40}
    assert other["scores"] == pytest.approx(alone.answer["candidates"][0]["scores"])
    assert len(mixed.details["plans"][other["name"]]["lr"]) == 3 * 3


@pytest.mark.parametrize("margin", [0, -1, float("nan"), "much", True])
def test_a_margin_must_be_a_positive_number(margin):
    with pytest.raises(InputError, match="margin="):
        make_study(ss.problem("iris"), ["constant(0.1)"], 3, margin=margin)


def test_the_margin_of_a_study_beats_that_of_its_problem():
    problem = ss.problem("iris", margin=0.1)
    assert make_study(problem, ["constant(0.1)"], 3).margin(0.5) == 0.1
    assert make_study(problem, ["constant(0.1)"], 3, margin=0.2).margin(0.5) == 0.2
    assert make_study(ss.problem("iris"), ["constant(0.1)"], 3).margin(0.5) == pytest.approx(1 / 38)
    assert ss.problem("iris").digest == problem.digest


def test_a_candidate_is_a_schedule_or_its_text():
    with pytest.raises(StudyError, match="got int"):
        Candidate(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings", [{"metric": "auc"}, {"data": "iris"}, {"class_weight": "balanced"}, {"split": "kfold"}]
)
def test_what_all_candidates_share_cannot_be_a_setting(settings):
    (key,) = settings
    with pytest.raises(StudyError, match=f"{key}=.* cannot differ between .* one study for each {key}"):
        make_study(problem("ionosphere"), [Candidate("constant(0.1)", **settings)])


def test_what_is_trained_may_differ_and_stays_paired(engine, tmp_path):
    quick = {"quiet": True, "engine": engine}
    candidates = [
        ss.Candidate("constant(0.1)"),
        ss.Candidate("constant(0.1)", width=8, activation="tanh", batch_size=60, name="small"),
        ss.Candidate("linear(0.1)", epochs=5, prepare=False, name="longer"),
    ]
    result = ss.compare("iris", candidates, 6, epochs=3, store=tmp_path / "iris.sqlite", **quick)
    own = [each["protocol"] for each in result.answer["candidates"]]
    sizes = {"batch_size": 60, "updates_per_epoch": 2, "horizon": 6}
    small = {"model": 'mlp(8, activation="tanh")', **sizes}
    assert own == [{}, small, {"epochs": 5, "horizon": 35, "scaled": []}]
    other = ss.problem("iris", epochs=5, prepare=False)
    (alone,) = ss.compare(other, ["linear(0.1)"], 6, store=":memory:", **quick).answer["candidates"]
    assert result.answer["candidates"][2]["scores"] == alone["scores"]
    assert [len(result.details["curves"][each.name]["epoch"]) for each in candidates] == [3, 3, 5]

    trained = result.train(1, "small", engine=engine)
    assert trained.score == result.answer["candidates"][1]["scores"][1]
    assert trained.problem.model == 'mlp(8, activation="tanh")'
    again = ss.compare(tmp_path / "iris.toml", store=tmp_path / "iris.sqlite", **quick)
    assert again.answer["cost"]["runs"] == 0
    assert again.answer["verdict"] == result.answer["verdict"]
    with Store(tmp_path / "iris.sqlite") as store:
        assert stored_result(store).answer["candidates"] == result.answer["candidates"]


def test_the_model_of_the_recommended_candidate_is_handed_over():
    problem = ss.problem("iris", epochs=2)
    candidates = [Candidate("constant(0.1)"), Candidate("linear(0.1)", width=8, epochs=4, prepare=False)]
    study = make_study(problem, candidates, 20)
    runs = finish(study, lambda name, seed: (0.9 if "linear" in name else 0.7) + noise(seed))
    answer = summarise_study(study, runs, COST)
    result = Result(answer, {}, planned=study, problem=problem)  # type: ignore[arg-type]
    assert result.settings["model"] == "mlp(8)"
    assert result.plan is not None
    assert result.plan.horizon == 28
    code = result.code("keras")
    assert "# The study trained this with the model mlp(8).\n" in code
    assert "epochs=4" in code
    assert "scaled" not in code
    assert answer["verdict"]["headline"].startswith(
        "Use linear(0.1) with width=8, epochs=4, prepare=False: it is better"
    )
    assert "scaled" not in answer["verdict"]["sentence"]


def test_of_equals_the_smaller_model_and_the_shorter_run_are_recommended():
    problem = ss.problem("iris", epochs=2)
    for settings, smaller in (({"width": 8}, 1), ({"epochs": 3}, 0)):
        other = Candidate("constant(0.1)", **settings)
        study = make_study(problem, [Candidate("constant(0.1)"), other], 20)
        answer = summarise_study(study, finish(study, lambda name, seed: 0.9), COST)
        assert answer["verdict"]["recommended"] == study.candidates[smaller].name


def test_runs_are_found_whatever_other_models_are_compared():
    problem = ss.problem("iris", epochs=2)
    first = make_study(problem, ["constant(lr)"], 3)
    both = make_study(problem, ["constant(lr)", Candidate("constant(lr)", model="logistic")], 3)
    assert first.fingerprint == both.fingerprint
    assert "variants" not in first.facts
    assert Study.from_definition(both.definition()).own_facts(both.candidates[1])["model"] == "logistic"


def test_the_call_in_a_report_makes_the_same_study():
    candidates = [
        "constant(0.1)",
        Candidate("cosine(lr)", name="fast", momentum=0.5),
        Candidate("linear(lr)"),
    ]
    options = {"candidates": candidates, "split": {"kind": "kfold", "folds": 5}, "epochs": 3}
    text = call_text("ionosphere", options)
    calls = []
    eval(
        text, {"stepsize": SimpleNamespace(compare=lambda *a, **k: calls.append((a, k)), Candidate=Candidate)}
    )
    ((source, schedules), keys), = calls  # fmt: skip
    assert (source, keys) == ("ionosphere", {"split": {"kind": "kfold", "folds": 5}, "epochs": 3})
    assert [Candidate.of(each) for each in schedules] == [Candidate.of(each) for each in candidates]
    assert call_text("iris", {}) == "stepsize.compare('iris')"
    assert call_text((1, 2), {"seeds": 3}) == "stepsize.compare(problem, seeds=3)"


def test_a_call_in_a_report_is_complete():
    options = study_options({"epochs": np.int64(3)}, None, np.arange(2))
    arguments = {
        "settings": [{"momentum": ss.linear(0.9)}, {"betas": (0.9,), "weight_decay": np.float64(0.1)}, {}],
        "rates": [0.1, 0.3],
        "along": None,
        "store": Path("my runs") / "a.sqlite",
    }
    text = call_text("iris", options, "find", **arguments)
    calls = []
    eval(text, {"stepsize": SimpleNamespace(find=lambda *a, **k: calls.append((a, k)))})
    settings = [{"momentum": "linear(0.9)"}, {"betas": (0.9,), "weight_decay": 0.1}, {}]
    keys = {"settings": settings, "rates": [0.1, 0.3], "epochs": 3, "seeds": [0, 1]}
    assert calls == [(("iris",), {**keys, "store": str(arguments["store"])})]


@pytest.mark.parametrize("value", [np.array([0.5, 0.6]), print, {1: {2}}, {1: 2}])
def test_a_setting_that_cannot_be_stored_is_refused_at_once(value):
    with pytest.raises(StudyError, match="cannot be stored; a setting is a number"):
        ss.Candidate("constant(0.1)", width=value)


def test_a_batch_of_more_rows_than_there_are_is_named():
    facts = {"data": {"parts": {"train": {"rows": 100}}}, "protocol": {"batch_size": 101}}
    settings = [{}, {"batch_size": 100}, {"batch_size": 200}, {"batch_size": 200, "momentum": 0.5}]
    assert large_batch_notes(facts, settings) == [
        f"batch_size={size} is more than the 100 training rows, so each update takes all of them."
        for size in (101, 200)
    ]
    assert large_batch_notes({"data": {}, "protocol": {}}, [{}]) == []
