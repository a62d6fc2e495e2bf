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
from stepsize.errors import InputError
from stepsize.live_page.opening import open_desk

PAGE = (Path(__file__).parents[1] / "docs" / "pytorch.md").read_text(encoding="utf-8")
FIXED = ["constant(0.01)", "cosine(0.02)"]
pytestmark = pytest.mark.usefixtures("series_process")
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
    first, today, both, back, groups = re.findall(r"```python\n(.*?)```", PAGE, re.S)
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
    with pytest.warns(UserWarning, match=r"also cycles betas\[0\]"):
        exec(both, names)
    assert names["one_cycle"].momentum is not None
    exec(back, names)
    assert names["plan"].horizon == 20 * 29
    assert names["result"].answer["study"]["protocol"]["model"] == "make_model (PyTorch)"
    assert names["result"].answer["study"]["protocol"]["optimizer"]["weight_decay"] == 0.01
    assert isinstance(names["scheduler"], TorchScheduler)
    exec(groups, names)
    body, head = names["scheduler"].get_last_lr()
    assert body == pytest.approx(0.1 * head)
    assert min(c["mean"] for c in names["result"].answer["candidates"]) > 0.5


def test_a_last_layer_that_does_not_suit_the_loss_is_warned_of_before_and_after(
    study: dict[str, Any],
) -> None:
    def make_model() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 3), nn.Softmax(1))

    messages: list[str] = []
    problem = ss.Problem(
        make_model, "iris", loss=nn.CrossEntropyLoss(), optimizer=torch.optim.AdamW, epochs=2, name="squashed"
    )
    result = ss.compare(problem, FIXED, 4, engine=study["engine"], on_message=messages.append)
    words = "Model: it ends with softmax, and its loss takes raw outputs"
    assert [text.startswith(words) for text in result.answer["warnings"]].count(True) == 1
    assert not any(text.startswith(words) for text in result.answer["notes"])
    assert any(text.startswith(words) for text in messages)
    assert any(text.startswith("With fewer than 6 seeds, no difference") for text in messages)
    found = ss.find(problem, rates=[0.01, 0.1], seeds=2, engine=study["engine"], quiet=True)
    assert any(text.startswith(words) for text in found.answer["notes"])


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


BRANCHING = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = torch.tanh(self.hidden(x))
        if x.sum() > 0:
            x = 1.1 * x
        return self.last(x)

class Unfolding(Net):
    def forward(self, x):
        x = torch.tanh(self.hidden(x))[:, None, :, None]
        return self.last(nn.functional.unfold(x, (8, 1)).flatten(1))
"""
REASON = r"branching.py, line 12, 'if x.sum\(\) > 0:': the graph depends on its data"
UNFOLDED = r"branching.py, line 19, .*: PyTorch's operation 'im2col' is not supported in a population"


@pytest.fixture
def series(study: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """Return the keys of a study of a model that trains in series."""
    (tmp_path / "branching.py").write_text(BRANCHING)
    keys = {"model": "branching:Net", "loss": "CrossEntropyLoss", "tuning": {"rounds": 0}}
    return {**study, **keys}


def road_of(result: Any, reason: str) -> list[str]:
    pattern = f"Model: trained in PyTorch, one run at a time in a process for each core, because .*{reason}"
    return [note for note in result.answer["notes"] if re.match(pattern, note)]


def test_a_model_that_cannot_be_exported_trains_in_series(series: dict[str, Any]) -> None:
    keys = {**series, "model": "branching:Net", "store": "a.sqlite"}
    whole = ss.compare("iris", FIXED, **keys)
    assert len(road_of(whole, REASON)) == 1
    assert whole.answer["cost"]["layout"].endswith("of one thread")
    assert whole.answer["data"]["references"]
    assert whole.answer["warnings"] == ss.compare("iris", FIXED, **keys).answer["warnings"]
    with sqlite3.connect("a.sqlite") as store:
        store.execute("delete from run where seed > 1")
    resumed = ss.compare("iris", FIXED, **keys)
    assert answers(resumed) == answers(whole)
    assert resumed.answer["cost"] != whole.answer["cost"]
    from_file = ss.compare("a.toml", store="a.sqlite", engine=series["engine"], quiet=True)
    assert from_file.answer["study"]["fingerprint"] == whole.answer["study"]["fingerprint"]


def test_the_answer_of_a_model_in_series_can_be_used(series: dict[str, Any]) -> None:
    result = ss.compare("iris", ["constant(0.01)", "cosine(lr)"], **series)
    assert "torch.optim.AdamW" in result.code("torch")
    trained = result.train(seed=1, candidate="constant(0.01)")
    scores = {each["name"]: each["scores"] for each in result.answer["candidates"]}
    assert trained.score == pytest.approx(scores["constant(0.01)"][1])
    data = ss.problem("iris").data
    right = trained.predict(data.x[trained.validation]) == [
        data.classes[k] for k in data.y[trained.validation]
    ]
    assert right.mean() == pytest.approx(trained.score)
    assert "trained in PyTorch" in Path(result.report("report.html")).read_text()
    assert "trained in PyTorch" in repr(result)


def test_models_of_both_kinds_take_one_road(series: dict[str, Any]) -> None:
    """The training process refuses an operation of the second."""
    result = ss.compare(
        "iris", ["constant(0.01)"], **{**series, "model": ["nets:make_model", "branching:Unfolding"]}
    )
    assert [len(each["scores"]) for each in result.answer["candidates"]] == [4, 4]
    assert len(road_of(result, UNFOLDED)) == 1


def test_other_calls_of_a_model_in_series(series: dict[str, Any]) -> None:
    keys = {key: series[key] for key in ("engine", "quiet", "epochs", "optimizer", "model", "loss")}
    found = ss.find("iris", rates=[0.01, 0.1], seeds=2, **keys)
    assert [note for note in found.answer["notes"] if re.search(REASON, note)]
    law = ss.scale("iris", {"batch_size": [16, 32, 64]}, seeds=2, **keys)
    assert [note for note in law.answer["notes"] if re.search(REASON, note)]
    assert law.answer["noise_scale"] is None
    assert law.answer["seeds"] == 2


@pytest.mark.parametrize(("model", "reason"), [("Net", REASON), ("Unfolding", UNFOLDED)])
def test_a_model_in_series_has_no_live_page(series: dict[str, Any], model: str, reason: str) -> None:
    keys = {"model": f"branching:{model}", "loss": "CrossEntropyLoss", "optimizer": {"name": "sgd"}}
    with pytest.raises(InputError, match=f"made one by one, in PyTorch, because {reason}.*; use compare"):
        open_desk("iris", series["engine"], epochs=2, **keys)


def test_a_model_in_series_on_the_command_line(series: dict[str, Any], command: Any) -> None:
    arguments = (
        "compare", "iris", "--model", "branching:Net", "--loss", "CrossEntropyLoss", "--optimizer", "SGD",
        "--epochs", "2", "--seeds", "4", "-s", FIXED[0], "-s", FIXED[1],
    )  # fmt: skip
    dry = command(*arguments, "--dry-run")
    assert re.search(
        f"8 runs for the verdict; .*; it trains in PyTorch, one run at a time, .*{REASON}", dry.stdout
    )
    assert re.search(REASON, json.loads(command(*arguments, "--dry-run", "--json").stdout)["road"])
    done = command(*arguments, "--json")
    assert done.returncode == 0
    assert re.search(f"Model: it trains in PyTorch, one run at a time, because {REASON}", done.stderr)
    assert any(re.search(REASON, note) for note in json.loads(done.stdout)["notes"])


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
