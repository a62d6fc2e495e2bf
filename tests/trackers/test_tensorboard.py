"""A study in TensorBoard, read by TensorBoard's own reader."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stepsize.trackers.tensorboard import write

pytest.importorskip("tensorboard")


@pytest.fixture
def read(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))  # do not load TensorFlow
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read_folder(folder: Path) -> Any:
        found = EventAccumulator(str(folder), {"scalars": 0, "tensors": 0})
        return found.Reload()

    return read_folder


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def text(found: Any, tag: str) -> str:
    (event,) = found.Tensors(tag)
    return event.tensor_proto.string_val[0].decode()


def test_there_is_a_folder_for_each_candidate(log, read) -> None:
    metadata: Any = import_module("tensorboard.plugins.hparams.metadata")
    assert write(log, "runs") is True
    study = Path("runs", "iris a3b2c1d0")
    folders = sorted(path.name for path in study.iterdir() if path.is_dir())
    assert len(folders) == len(log.candidates) == 5
    assert "half_half bb0122" in folders  # its name has a slash

    for each in log.candidates:
        if "/" in each.name:
            continue
        found = read(study / each.name)
        for tag in {name for point in each.points for name in point.values}:
            logged = [(event.step, event.value) for event in found.Scalars(tag)]
            expected = [(point.step, point.values[tag]) for point in each.points if tag in point.values]
            assert logged == [(step, pytest.approx(value)) for step, value in expected]
        summary = found.SummaryMetadata("_hparams_/session_start_info")
        settings = metadata.parse_session_start_info_plugin_data(summary.plugin_data.content).hparams
        assert settings["schedule"].string_value == each.config["schedule"]
        assert settings["verdict"].string_value == each.summary["verdict"]
        assert "optimizer" not in settings  # the same for all
    (result,) = read(study / "lost").Scalars("result/diverged")
    assert (result.step, result.value) == (350, 5)

    whole = read(study)
    assert text(whole, "study").startswith(log.sentence.split("(")[0])
    assert log.csv in text(whole, "seeds")


def test_logging_twice_changes_nothing(log) -> None:
    write(log, "runs")
    before = content(Path("runs"))
    assert write(log, "runs") is False
    assert content(Path("runs")) == before


def test_more_seeds_replace_what_was_logged(log, longer_log, read) -> None:
    write(log, "runs")
    own = Path("runs", "iris a3b2c1d0", "events.out.tfevents.mine")
    own.touch()
    assert write(longer_log, "runs") is True
    assert own.exists()
    assert len(content(Path("runs"))) == 7
    points = read(Path("runs", "iris a3b2c1d0", "constant(0.1)")).Scalars("accuracy/mean")
    assert len(points) == 50
