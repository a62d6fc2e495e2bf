"""Several models or optimizers: every candidate with each, in Python, in a file, on the command line."""

from __future__ import annotations

import pytest

import stepsize as ss
from stepsize.errors import StudyError
from stepsize.study.candidates import Candidate, built_in_candidates
from stepsize.study.study_files.description import describe_study, make_problem
from stepsize.study.study_files.several import with_each

MODELS = ["mlp(8)", "logistic"]


def names(source, **options):
    study = with_each(describe_study(source, options))
    return [each.name for each in study["candidates"]]


def test_models_alone_are_compared_at_their_best_constant_rates():
    assert names("iris", model=MODELS) == ["constant(lr), model='mlp(8)'", "constant(lr), model='logistic'"]
    assert len(names("claim-decay", model=MODELS)) == 2 * len(built_in_candidates("claim-decay"))


def test_every_candidate_gets_each_and_keeps_its_own():
    candidates = [Candidate("cosine(lr)", name="falling"), Candidate("linear(lr)", model="mlp(4)")]
    options = {"model": MODELS, "candidates": candidates, "baseline": "falling"}
    study = with_each(describe_study("iris", options))
    assert [each.name for each in study["candidates"]] == [
        "falling, model='mlp(8)'",
        "falling, model='logistic'",
        "linear(lr), model='mlp(4)'",
    ]
    assert (study["model"], study["baseline"]) == ("mlp(8)", "falling, model='mlp(8)'")


def test_an_optimizer_gets_nothing_from_another():
    optimizers = [{"name": "sgd", "momentum": 0.9}, {"name": "sgd"}, {"name": "adam", "beta_1": 0.8}]
    study = with_each(describe_study("iris", {"optimizer": optimizers}))
    assert make_problem(study).settings == {"optimizer": "sgd"}
    settings = [dict(each.settings) for each in study["candidates"]]
    assert settings[:2] == [{"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "sgd"}]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"model": []}, r"model=\[\] is empty"),
        ({"model": ["logistic", "logistic"]}, "has the same value twice"),
        ({"optimizer": ["sgd", "adam"]}, "optimizer='sgd' is not a table"),
    ],
)
def test_bad_lists_are_refused(keys, message):
    with pytest.raises(StudyError, match=message):
        with_each(describe_study("iris", keys))


def test_only_compare_takes_several():
    with pytest.raises(StudyError, match=r"model=.* are several, which only compare takes; give one model"):
        ss.find("iris", model=MODELS)
    with pytest.raises(StudyError, match="belongs to the Problem, which exists already"):
        ss.compare(ss.problem("iris"), model=MODELS)


def test_a_file_and_the_command_line_name_several(tmp_path, command):
    (tmp_path / "s.toml").write_text('data = "iris"\nmodel = ["mlp(8)", "logistic"]\n')
    assert names("s.toml") == names("iris", model=MODELS)
    done = command("compare", "iris", "--model", "mlp(8)", "--model", "logistic", "--seeds", "3", "--dry-run")
    assert done.returncode == 0
    assert "6 runs for the verdict" in done.stdout
