"""A finished study in an Optuna storage: the same numbers, once, and beside what others wrote."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pytest

from stepsize.comparison import stored_result
from stepsize.errors import OutputError
from stepsize.optuna_storage import COMPLETE, WRITER, export_to_optuna
from stepsize.problems.problem import problem
from stepsize.study.candidates import Candidate
from stepsize.study.stores.store import Store
from stepsize.study.study import make_study
from tests.support.finished_studies import COST, finish, noise

CANDIDATES = [
    "constant(lr)",
    Candidate("cosine(lr)", "both", momentum="m"),
    "linear(0.1)",
    Candidate("constant(5)", "lost"),
]
LEADS = {"both": 0.01, "lost": None}


def score(name: str, seed: int) -> float | None:
    lead = LEADS.get(name, 0.0)
    return None if lead is None else 0.9 + lead + noise(seed)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    study = make_study(problem("iris"), CANDIDATES, 6, knobs={"m": [0, 0.9]})
    with Store(tmp_path_factory.mktemp("store") / "runs.sqlite") as opened:
        opened.add(study.fingerprint, finish(study, score).values())
        opened.save_study(study.definition(), COST)
        yield opened


@pytest.fixture(scope="module")
def written(store, tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "study.db"
    return path, export_to_optuna(store, path)


@pytest.fixture
def path(written, tmp_path) -> Path:
    """Give a copy of the storage, to change."""
    return Path(shutil.copy(written[0], tmp_path))


def studies(path: Path) -> dict[str, optuna.Study]:
    storage = f"sqlite:///{path}"
    names = optuna.get_all_study_names(storage)
    return {name: optuna.load_study(study_name=name, storage=storage) for name in names}


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def test_trials_have_the_numbers_of_the_answer(store, written) -> None:
    verdict, tuning = (studies(written[0])[name] for name in written[1])
    answer = stored_result(store).answer
    assert verdict.user_attrs["sentence"] == answer["verdict"]["sentence"]
    assert verdict.direction == optuna.study.StudyDirection.MAXIMIZE
    for trial, candidate in zip(verdict.trials, answer["candidates"], strict=True):
        assert trial.params["candidate"] == candidate["name"]
        assert trial.user_attrs["seeds"] == list(range(6))
        assert trial.user_attrs["ci95"] == candidate["ci95"]
        assert trial.user_attrs["vs_baseline"] == candidate["vs_baseline"]
        assert trial.value == (None if candidate["mean"] is None else pytest.approx(candidate["mean"]))
    both, lost = verdict.trials[1], verdict.trials[3]
    assert {name: both.params[name] for name in ("lr", "m")} == answer["candidates"][1]["knobs"]
    assert list(both.intermediate_values) == list(range(1, 51))
    assert lost.state == optuna.trial.TrialState.FAIL
    assert lost.user_attrs["diverged"] == 6
    assert verdict.best_trial.params["candidate"] == "both"

    rates = [trial for trial in tuning.trials if trial.params["candidate"] == "constant(lr)"]
    assert len({trial.params["lr"] for trial in rates}) == len(rates) >= 12
    searched = [trial for trial in tuning.trials if "m" in trial.params]
    assert max(len(trial.user_attrs["seeds"]) for trial in searched) > 3  # the leading ones
    for trial in searched:
        assert trial.value == pytest.approx(np.mean(trial.user_attrs["scores"]))


def test_with_folds_a_trial_has_the_mean_of_the_whole_repeats(tmp_path) -> None:
    lost = {"constant(0.1)": (0,), "cosine(0.1)": (0, 7)}
    study = make_study(problem("iris", folds=5), [*lost], 10)
    runs = finish(study, lambda name, seed: None if seed in lost[name] else 0.8 + 0.01 * seed)
    with Store(tmp_path / "folds.sqlite") as opened:
        opened.add(study.fingerprint, runs.values())
        opened.save_study(study.definition(), COST)
        names = export_to_optuna(opened, tmp_path / "study.db")
        answer = stored_result(opened).answer
    whole, none = studies(tmp_path / "study.db")[names[0]].trials
    assert whole.value == pytest.approx(answer["candidates"][0]["mean"]) == pytest.approx(0.87)
    assert whole.intermediate_values[50] == pytest.approx(whole.value)
    assert whole.user_attrs["diverged"] == 1
    assert none.state == optuna.trial.TrialState.FAIL
    assert none.user_attrs["diverged"] == 2


def test_doing_it_twice_changes_nothing(store, path) -> None:
    before = content(path)
    assert export_to_optuna(store, path) == []
    assert content(path) == before


def test_what_was_interrupted_is_written_again(store, path, written) -> None:
    name, _ = written[1]
    studies(path)[name].set_user_attr(COMPLETE, False)
    assert export_to_optuna(store, path) == [name]
    assert len(studies(path)[name].trials) == 4


def test_what_others_wrote_stays(store, path, written) -> None:
    name, _ = written[1]
    optuna.delete_study(study_name=name, storage=f"sqlite:///{path}")
    own = optuna.create_study(storage=f"sqlite:///{path}", study_name="own")
    own.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert export_to_optuna(store, path) == [name]
    assert set(studies(path)) == {"own", *written[1]}
    assert len(studies(path)["own"].trials) == 2
    studies(path)[name].set_user_attr(WRITER, "me")
    with pytest.raises(OutputError, match="that stepsize did not write; choose another file"):
        export_to_optuna(store, path)


def test_a_file_of_another_kind_is_refused(store, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for other in (tmp_path / "notes.txt", store.path):
        before = other.read_bytes()
        with pytest.raises(OutputError, match="is not an Optuna storage; choose another file"):
            export_to_optuna(store, other)
        assert other.read_bytes() == before
    with pytest.raises(OutputError, match="does not exist"):
        export_to_optuna(store, tmp_path / "none" / "study.db")
