"""Study files: checked key by key, overridden by flags, and written out so that they run again."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import stepsize as ss
from stepsize.errors import InputError, ProblemError, StudyError
from stepsize.problems.built_in import BUILT_IN, built_in_study
from stepsize.study.candidates import built_in_candidates, usual_seeds
from stepsize.study.study_files.description import (
    describe_study,
    make_problem,
    plan_study,
    resolve_study,
    write_resolved_study,
)
from stepsize.study.study_files.keys import StudyKeys
from stepsize.study.study_files.toml_reader import StudyFile, read_study_file
from stepsize.study.study_files.toml_writer import write_study_file
from stepsize.study.user_functions.training import Training

TABLE = "a,b,kind\n" + "".join(f"{i},{i % 3},{'xy'[i % 2]}\n" for i in range(40))
FILE = """
name = "mine"
data = "tables/t.csv"
target = "kind"
model = "mlp(4)"
optimizer = { name = "sgd", momentum = 0.5 }
epochs = 2
batch_size = 10
split = { kind = "stratified", validation = 0.4 }
candidates = ["constant(lr)", { schedule = "cosine(0.1)", momentum = 0.8, name = "fast" }]
seeds = 6
baseline = "fast"
margin = 0.03
tuning = { rates = [0.01, 0.1], rounds = 1, seeds = 2 }
"""


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "studies"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "t.csv").write_text(TABLE)
    (folder / "s.toml").write_text(FILE)
    return folder / "s.toml"


def planned(source, **flags):
    """Plan the study of a file or name."""
    description = describe_study(source, flags)
    problem = make_problem(description)
    return description, problem, plan_study(description, problem)


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
    assert len(study.tuning.fine_seeds) == 17  # as usual for six seeds
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


def assert_same_study(first, second):
    """Compare all that decides about runs and verdict."""
    for name in ("name", "seeds", "baseline", "tuning", "fingerprint"):
        assert getattr(first, name) == getattr(second, name)
    assert [c.definition() for c in first.candidates] == [c.definition() for c in second.candidates]
    assert first.margin(0.5) == second.margin(0.5)


def test_the_resolved_study_is_the_same_study_wherever_it_lies(file, tmp_path):
    description, problem, study = planned(file)
    path = tmp_path / "results" / "mine.toml"
    path.parent.mkdir()
    assert write_resolved_study(path, file, description, problem, study)
    assert tomllib.loads(path.read_text())["data"] == "../studies/tables/t.csv"
    *_, again = planned(path)
    assert_same_study(study, again)
    with pytest.raises(AssertionError):
        assert_same_study(study, planned(file, epochs=3)[2])


@pytest.mark.parametrize(
    ("key", "name"),
    [("data", "ionosphere"), ("data", "iris"), ("data", "Wine"), ("problem", "lesson-ionosphere")],
)
@pytest.mark.parametrize(
    "more", ["", "epochs = 3\nmodel = 'mlp(5)'\nsplit = { folds = 5, kind = 'kfold' }\n"]
)
def test_the_resolved_study_of_a_name_is_the_same_study(key, name, more, tmp_path):
    (tmp_path / "s.toml").write_text(f"{key} = '{name}'\n{more}")
    description, problem, study = planned(tmp_path / "s.toml")
    write_study_file(tmp_path / "r.toml", resolve_study(description, problem, study))
    assert_same_study(study, planned(tmp_path / "r.toml")[2])


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - {"fashion-mnist", "lesson-fashion-mnist"}))
def test_built_in_studies_are_study_files(name, tmp_path):
    StudyFile(**built_in_study(name))
    description, problem, study = planned(name)
    assert problem.digest == ss.problem(name).digest
    assert study.candidates == built_in_candidates(name)
    assert len(study.seeds) == usual_seeds(name)
    write_study_file(tmp_path / "r.toml", resolve_study(description, problem, study))
    assert_same_study(study, planned(tmp_path / "r.toml")[2])


def test_all_built_in_files_are_known_and_right():
    folder = Path(ss.__file__).parent / "problems" / "studies"
    assert {path.stem for path in folder.glob("*.toml")} == set(BUILT_IN)
    for name in BUILT_IN:
        StudyFile(**built_in_study(name))


# What these studies were before they were files: a store of then continues now.
DIGESTS = {
    "ionosphere": "6d2769562504e293",
    "lesson-ionosphere": "f0ca3bbbecea8a57",
    "iris": "6eae4ffd65c25e26",
    "digits": "5acd1b01a99afc23",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_built_in_problems_have_not_changed(name):
    assert ss.problem(name).digest == DIGESTS[name]


def test_the_users_own_file_is_never_overwritten(file):
    description, problem, study = planned(file)
    assert not write_resolved_study(file, file, description, problem, study)
    assert file.read_text() == FILE


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


def test_the_command_runs_a_file_and_what_it_resolved_to(file, command):
    file.write_text(FILE.replace('"constant(lr)"', '"constant(0.1)"'))

    def run(*arguments):
        done = command("compare", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    first = run(file)
    again = run("stepsize-results/mine.toml")
    assert again["cost"]["runs"] == 0
    assert again["candidates"] == first["candidates"]
    assert again["study"]["fingerprint"] == first["study"]["fingerprint"]
    assert first["study"]["protocol"]["margin"] == 0.03


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
    sources, split = {"problem", "data", "train"}, {"validation", "folds"}
    assert set(StudyKeys.__annotations__) - split == set(StudyFile.model_fields) - sources - {"seeds"}


def test_a_study_that_a_file_cannot_hold_is_not_written(tmp_path):
    rows = ss.Split.given(range(100), range(100, 150))
    description, problem, study = planned("iris", split=rows)
    assert not write_resolved_study(tmp_path / "r.toml", "iris", description, problem, study)
    assert not (tmp_path / "r.toml").exists()


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
