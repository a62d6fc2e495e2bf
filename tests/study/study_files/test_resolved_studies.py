"""Resolved studies: written out so that they run again as the same study."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import stepsize as ss
from stepsize.problems.built_in import BUILT_IN, built_in_study
from stepsize.problems.splitting.splits import KINDS
from stepsize.study.candidates import built_in_candidates, usual_seeds
from stepsize.study.study_files.description import (
    resolve_study,
    write_resolved_study,
)
from stepsize.study.study_files.toml_reader import StudyFile
from stepsize.study.study_files.toml_writer import write_study_file
from tests.support.study_files import FILE, planned


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


SPLITS = {
    "stratified": {},
    "random": {},
    "lesson": {"validation": 0.3},
    "test": {"part": "part"},
    "groups": {"groups": "group"},
    "time": {"order": "day"},
    "column": {"part": "part"},
    "kfold": {"folds": 3},
}


@pytest.mark.parametrize(("kind", "keys"), SPLITS.items())
def test_a_study_with_any_split_is_written_so_that_it_is_read(kind, keys, tmp_path):
    assert {*SPLITS, "auto", "given"} == set(KINDS)
    rows = [f"{k % 7},{'ab'[k % 2]},{k % 5},{k},{['train', 'valid', 'test'][k % 3]}" for k in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,group,day,part", *rows]))
    lines = [f"{key} = {value!r}" for key, value in keys.items() if key not in ("folds", "validation")]
    sizes = "".join(f", {key} = {keys[key]}" for key in ("folds", "validation") if key in keys)
    split = f"split = {{ kind = '{kind}'{sizes} }}"
    (tmp_path / "s.toml").write_text("\n".join(["data = 't.csv'", "target = 'y'", split, *lines]))
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


def test_a_study_that_a_file_cannot_hold_is_not_written(tmp_path):
    rows = ss.Split.given(range(100), range(100, 150))
    description, problem, study = planned("iris", split=rows)
    assert not write_resolved_study(tmp_path / "r.toml", "iris", description, problem, study)
    assert not (tmp_path / "r.toml").exists()
