"""A PyTorch model from the page's own code to its answer, from a command, and after a stop."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import stepsize as ss
from stepsize.adapters.torch import TorchScheduler

PAGE = (Path(__file__).parents[1] / "docs" / "pytorch.md").read_text(encoding="utf-8")
FIXED = ["constant(0.01)", "cosine(0.02)"]
NETS = """
from torch import nn

def make_model():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
"""


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: Any) -> dict[str, Any]:
    """Keep results in an empty folder, and return what the page's first block calls."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    return {"engine": engine, "quiet": True, "epochs": 2, "seeds": 4, "optimizer": {"name": "adamw"}}


def answers(result: Any) -> Any:
    return [(c["name"], c["scores"]) for c in result.answer["candidates"]]


def test_the_page_runs_as_it_stands(study: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    first, today, back = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    compare = ss.compare

    def quick(problem: Any, schedules: Any, seeds: int, baseline: str | None = None) -> Any:
        *others, constant, cosine = schedules
        assert (constant, cosine, seeds) == ("constant(lr)", "warmup(0.1*run) >> cosine(lr)", 10)
        return compare(problem, [*others, *FIXED], 2, baseline=baseline, engine=study["engine"], quiet=True)

    monkeypatch.setattr(ss, "compare", quick)
    names: dict[str, Any] = {"__name__": "page"}
    exec(first.replace("epochs=20", "epochs=2"), names)
    assert names["result"].answer["candidates"][0]["name"] == "constant(0.01)"
    exec(today, names)
    assert names["result"].answer["study"]["protocol"]["baseline"] == "today"
    exec(back, names)
    assert names["plan"].horizon == 20 * 29
    assert names["result"].answer["study"]["protocol"]["model"] == "make_model (PyTorch)"
    assert names["result"].answer["study"]["protocol"]["optimizer"]["weight_decay"] == 0.01
    assert isinstance(names["scheduler"], TorchScheduler)
    assert min(c["mean"] for c in names["result"].answer["candidates"]) > 0.5


def test_a_stopped_study_ends_with_the_same_answer(study: dict[str, Any]) -> None:
    keys = {**study, "model": "nets:make_model", "loss": "CrossEntropyLoss"}
    whole = ss.compare("iris", FIXED, store="a.sqlite", **keys)
    with sqlite3.connect("a.sqlite") as store:
        store.execute("delete from run where seed > 1")
    resumed = ss.compare("iris", FIXED, store="a.sqlite", **keys)
    assert answers(resumed) == answers(whole)
    assert resumed.answer["cost"] != whole.answer["cost"]
    from_file = ss.compare("a.toml", store="a.sqlite", engine=study["engine"], quiet=True)
    assert from_file.answer["study"]["fingerprint"] == whole.answer["study"]["fingerprint"]


def test_on_the_command_line(study: dict[str, Any], command: Any) -> None:
    done = command(
        "compare", "iris", "--model", "nets:make_model", "--loss", "CrossEntropyLoss", "--optimizer",
        "SGD(momentum=0.9)", "--epochs", "2", "--seeds", "4", "-s", FIXED[0], "-s", FIXED[1], "--json", "-q",
    )  # fmt: skip
    answer = json.loads(done.stdout)
    optimizer = answer["study"]["protocol"]["optimizer"]
    assert (optimizer["name"], optimizer["momentum"]) == ("SGD", 0.9)
    assert "torch" in answer["study"]["versions"]


def test_two_outputs_are_scored_on_the_second_class(engine: Any) -> None:
    """A recall over both outputs of a row would be the accuracy."""
    draws = np.random.default_rng(0)
    x = draws.normal(size=(240, 4)).astype(np.float32)
    y = (x[:, 0] + draws.normal(size=240) > 1).astype(int)

    def make_model() -> nn.Module:
        return nn.Linear(4, 2)

    problem = ss.Problem(
        make_model, (x, y), loss=nn.CrossEntropyLoss(), optimizer=torch.optim.SGD, metric="recall", epochs=3
    )
    result = ss.compare(problem, ["constant(0.3)"], 2, store=":memory:", engine=engine, quiet=True)
    trained = result.train(0, "constant(0.3)")
    said = trained.probabilities(x[trained.validation])[:, 1] > 0.5
    right = y[trained.validation] == 1
    assert trained.score == pytest.approx(said[right].mean())
    assert abs(trained.score - (said == right).mean()) > 0.1
    assert result.answer["data"]["sample_value"] == 1 / right.sum()
    assert [each["name"] for each in result.answer["data"]["references"]] == ["logistic regression"]
