"""The answer has exactly the declared fields, whatever was trained, and the docs describe every one."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import stepsize as ss
from stepsize.problems.loading.catalog import load
from stepsize.problems.problem import Problem, problem
from stepsize.study.protocol import rounds
from stepsize.study.runner import Cost
from stepsize.study.stores.store import Run
from stepsize.study.study import make_study
from stepsize.verdict.answer import Answer
from stepsize.verdict.picture_data import picture_data
from stepsize.verdict.series import Details
from stepsize.verdict.summary import summarise_study
from tests.support.answers import assert_declared, recorded_answer

DOCS = Path(__file__).parents[2] / "docs"
X = np.random.default_rng(0).normal(size=(200, 2))


def train(schedule: Any, seed: int, report: Any) -> None:
    """Stand for a training function; the runs of these tests are not trained."""


def labels() -> Any:
    return np.random.default_rng(0).integers(0, 2, (200, 3))


PROBLEMS: dict[str, Any] = {
    "binary": lambda: Problem("mlp(3)", load((X, np.arange(200) % 2))),
    "multilabel": lambda: Problem("mlp(3)", load((X, labels()))),
    "regression": lambda: Problem("mlp(3)", load((X, X[:, 0]))),
    "cross-validation": lambda: problem("iris", folds=5),
    "lesson": lambda: problem("lesson-ionosphere"),
    "function": lambda: ss.Training(train, epochs=3, updates_per_epoch=4, metric="val_loss"),
}


def documents(name: str, seeds: int) -> tuple[Answer, Details]:
    """Return answer and details of a problem whose runs score at random and sometimes diverge."""
    study = make_study(PROBLEMS[name](), ["constant(lr)", "cosine(0.1)", "constant(0.1) * plateau()"], seeds)
    rng, runs = np.random.default_rng(0), {}
    for stage in rounds(study, runs):
        for job in stage.jobs:
            curves = rng.uniform(0.2, 0.8, (4, study.epochs)).astype(np.float32)
            diverged_at = 3 if rng.random() < 0.1 else None
            runs[job.key] = Run(job.candidate.key(job.rate), job.seed, job.rate, diverged_at, curves)
    names = [candidate.name for candidate in study.candidates]
    return summarise_study(study, runs, asdict(Cost())), picture_data(study, runs, names)


def test_the_recorded_answer_has_exactly_the_declared_keys() -> None:
    assert_declared(recorded_answer(), Answer)


@pytest.mark.parametrize("seeds", [1, 30])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_answer_has_exactly_the_declared_keys(name: str, seeds: int) -> None:
    if name == "cross-validation":
        seeds *= 5
    answer, details = documents(name, seeds)
    assert_declared(answer, Answer)
    assert_declared(json.loads(json.dumps(answer, allow_nan=False)), Answer)
    assert_declared(details, Details)
    json.dumps(details, allow_nan=False)


def vary(path: str, value: object) -> Answer:
    """Return the recorded answer with another value at `path`, or without that key for None."""
    answer: Any = recorded_answer()
    *parents, key = path.split(".")
    inner = answer
    for each in parents:
        inner = inner[int(each) if each.isdigit() else each]
    if value is None:
        del inner[key]
    else:
        inner[key] = value
    return answer


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("verdict.reason", None, r"answer.verdict lacks \['reason'\]"),
        ("candidates.1.extra", 1, r"answer.candidates\[1\] .* undeclared \['extra'\]"),
        ("data.parts.train.rows", "many", "answer.data.parts.train.rows is not a int"),
        ("candidates.0.lr_at_edge", 1, r"answer.candidates\[0\].lr_at_edge is not a bool"),
        ("verdict.status", "won", "answer.verdict.status is 'won'"),
        ("study.protocol.tuning.seeds", [0.5], r"tuning.seeds\[0\] is not a int"),
    ],
)
def test_the_check_of_keys_can_fail(path: str, value: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_declared(vary(path, value), Answer)


@pytest.fixture
def make_answer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script of the docs as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("make_answer")


def test_the_pages_on_the_answer_are_up_to_date(make_answer: ModuleType) -> None:
    assert (DOCS / "answer.md").read_text(encoding="utf-8") == make_answer.page()
    assert (DOCS / "verdict.md").read_text(encoding="utf-8") == make_answer.verdict_page()
    assert (DOCS / "rates.md").read_text(encoding="utf-8") == make_answer.rates_page()
