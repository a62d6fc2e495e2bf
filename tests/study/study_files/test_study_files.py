"""Study files: checked key by key, and overridden by flags."""

from __future__ import annotations

import subprocess
import sys

import pytest

import stepsize as ss
from stepsize.errors import InputError, ProblemError, StudyError
from stepsize.study.study_files.description import (
    describe_study,
    make_problem,
    plan_study,
    write_resolved_study,
)
from stepsize.study.study_files.keys import StudyKeys
from stepsize.study.study_files.toml_reader import StudyFile, read_study_file
from stepsize.study.user_functions.training import Training
from tests.support.study_files import FILE, planned


def test_a_file_says_everything(file):
    _, problem, study = planned(file)
    assert (problem.name, problem.epochs, problem.batch_size) == ("mine", 2, 10)
    assert dict(problem.settings) == {"optimizer": "sgd", "momentum": 0.5}
    assert (problem.split.kind, problem.split.validation) == ("stratified", 0.4)
    assert [(c.name, dict(c.settings)) for c in study.candidates] == [
        ("constant(lr)", {}),
        ("fast", {"momentum": 0.8}),
    ]
    assert study.seeds == tuple(range(6))
    assert study.baseline == "fast"
    assert study.margin(0.5) == 0.03
    assert study.tuning.rates == (0.01, 0.1)
    assert len(study.tuning.fine_seeds) == 20  # as usual for six seeds
    assert study.tuning.seeds == (1_000_000, 1_000_001)


def test_flags_override_the_file(file):
    flags = {"epochs": 3, "candidates": ["linear(0.1)"], "baseline": None, "validation": 0.25, "seeds": 7}
    options = {key: value for key, value in flags.items() if value is not None}
    description = describe_study(file, options)
    assert description["split"] == {"kind": "stratified", "validation": 0.25}
    description.pop("baseline")
    study = plan_study(description, make_problem(description))
    assert [c.name for c in study.candidates] == ["linear(0.1)"]
    assert len(study.seeds) == 7
    assert study.epochs == 3


@pytest.mark.parametrize(
    "name",
    ["../notes", "/tmp/notes", "a/b", "a\\\\b", "a\\u0000b", "a\\nb", "x" * 300, "", " ", "wine ", ".", ".."],
)
def test_a_name_is_not_a_path(file, name):
    file.write_text(FILE.replace('"mine"', f'"{name}"'))
    with pytest.raises(StudyError, match=r"name=.* cannot name a study and its files; write at most 200"):
        planned(file)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("epochss = 3", "unknown key 'epochss'; did you mean 'epochs'"),
        ("epochs = '3'", "epochs='3' cannot be used"),
        ("epochs = '3'", "write for example epochs = 50"),
        ("epochs = 2.5", "epochs=2.5"),
        ("seeds = true", "seeds=True"),
        ("candidates = 'cosine(lr)'", 'candidates = \\["constant\\(lr\\)"'),
        ("candidates = [3]", "candidates="),
        ("candidates = [{ momentum = 0.8 }]", "has no schedule"),
        ("candidates = ['cosin(lr)']", "did you mean 'cosine'"),
        ("tuning = { rats = [0.1] }", "unknown key in tuning 'rats'; did you mean 'rates'"),
        ("tuning = { rates = [0.1] }", "two or more different positive"),
        ("tuning = { rounds = -1 }", "rounds=-1"),
        ("split = { kid = 'lesson' }", "unknown key in split 'kid'; did you mean 'kind'"),
        ("split = 'leson'", "did you mean 'lesson'"),
        ("mode = 'up'", "mode='up'"),
        ("margin = -1", "margin=-1"),
        ("optimizer = 'sgd'", "optimizer = {"),
        ("problem = 'iris'", "must have one of problem, data and train; it has problem and data"),
        ("updates_per_epoch = 3", "for a training function"),
        ("seeds = 3 3", "is not TOML"),
    ],
)
def test_bad_files_are_one_line(file, line, words):
    key = line.partition(" ")[0]
    kept = [each for each in FILE.splitlines() if not each.startswith(f"{key} =")]
    file.write_text("\n".join([*kept, line]))
    with pytest.raises(InputError, match=words) as caught:
        planned(file)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there():
    with pytest.raises(StudyError, match="does not exist"):
        read_study_file("missing.toml")


def test_a_file_that_names_no_data(tmp_path):
    (tmp_path / "s.toml").write_text("epochs = 3\n")
    with pytest.raises(StudyError, match="it has none of them"):
        read_study_file(tmp_path / "s.toml")


def test_data_that_is_not_there_is_looked_for_beside_the_file(file):
    file.write_text(FILE.replace("tables/t.csv", "tables/u.csv"))
    with pytest.raises(ProblemError, match=r"studies/tables/u\.csv"):
        planned(file)


def test_a_training_function_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "my_trainer.py").write_text("def train(schedule, seed, report):\n    report(0.5)\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = 'train = "my_trainer:train"\nepochs = 3\nupdates_per_epoch = 2\nmetric = "gain"\nmode = "min"\n'
    (tmp_path / "s.toml").write_text(text)
    _, training, study = planned(tmp_path / "s.toml", seeds=6)
    assert isinstance(training, Training)
    assert training.higher_is_better is False
    assert study.facts["protocol"]["horizon"] == 6
    with pytest.raises(StudyError, match="a training function needs epochs"):
        planned("my_trainer:train", updates_per_epoch=2)
    with pytest.raises(StudyError, match="unknown mode 'up'"):
        planned("my_trainer:train", epochs=3, updates_per_epoch=1, mode="up")
    with pytest.raises(StudyError, match="batch_size=3 is not for a training function"):
        planned("my_trainer:train", epochs=3, updates_per_epoch=1, batch_size=3)


def test_compare_takes_a_file_too(file, engine):
    file.write_text(FILE.replace('"constant(lr)"', '"constant(0.1)"'))
    answer = ss.compare(str(file), seeds=2, store=":memory:", quiet=True, engine=engine).answer
    assert answer["study"]["seeds"] == [0, 1]
    assert [c["name"] for c in answer["candidates"]] == ["constant(0.1)", "fast"]


def test_a_built_in_study_does_not_wait_for_the_checker_of_files():
    code = (
        "import sys; from stepsize.study.study_files.description import *;"
        "description = describe_study('ionosphere'); problem = make_problem(description);"
        "resolve_study(description, problem, plan_study(description, problem));"
        "print('pydantic' in sys.modules);"
        "import stepsize.study.study_files.toml_reader; print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_arguments_of_compare_are_the_keys_of_a_study_file():
    sources, split = {"problem", "data", "train"}, {"validation", "folds", "rows"}
    assert set(StudyKeys.__annotations__) - split == set(StudyFile.model_fields) - sources - {"seeds"}


def test_columns_by_number_in_a_file(tmp_path):
    rows = "".join(f"{i}.5,{i % 3},{i % 7},{'xy'[i % 2]}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(rows)
    path = tmp_path / "s.toml"
    path.write_text('data = "t.csv"\ntarget = -1\nheader = false\ndrop = [0, "1"]\nseeds = 6\n')
    description, problem, study = planned(str(path))
    assert (problem.data.classes, problem.data.x.shape) == (("x", "y"), (40, 1))
    resolved = tmp_path / "resolved.toml"
    assert write_resolved_study(resolved, str(path), description, problem, study)
    assert planned(str(resolved))[2].fingerprint == study.fingerprint
    path.write_text('data = "t.csv"\nheader = "no"\n')
    with pytest.raises(StudyError, match=r"header='no' cannot be used .* write for example header = false"):
        read_study_file(path)
