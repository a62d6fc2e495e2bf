"""A study in trackio's local database, read by trackio's own API."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from stepsize.trackers.trackio import write


@pytest.fixture
def trackio(monkeypatch, tmp_path):
    trackio = pytest.importorskip("trackio")
    for module in (import_module("trackio.utils"), import_module("trackio.sqlite_storage")):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
    return trackio


def test_a_study_is_a_group_with_a_run_for_each_candidate(log, longer_log, trackio, capsys) -> None:
    storage: Any = import_module("trackio.sqlite_storage")
    assert write(log, "schedules") is True
    assert capsys.readouterr().out == ""
    runs = {run.name: run for run in trackio.Api().runs("schedules")}
    about = runs.pop(log.title)
    assert about.config["sentence"] == log.sentence
    (row,) = storage.SQLiteStorage.get_logs("schedules", about.name, run_id=about.id)
    assert [list(each.values()) for each in row["seeds"]["_value"]] == log.rows
    assert [each["candidate"] for each in row["candidates"]["_value"]] == [
        each.name for each in log.candidates
    ]

    assert set(runs) == {f"{each.name} (a3b2c1d0)" for each in log.candidates}
    for each in log.candidates:
        run = runs[f"{each.name} (a3b2c1d0)"]
        assert run.config.items() >= {**log.config, **each.config, "_Group": log.title}.items()
        assert run.config["result/verdict"] == each.summary["verdict"]
        rows = storage.SQLiteStorage.get_logs("schedules", run.name, run_id=run.id)
        for name in ("accuracy/mean", "learning_rate"):
            logged = [(row["step"], row[name]) for row in rows if name in row]
            assert logged == [(one.step, one.values[name]) for one in each.points if name in one.values]

    before = {run.id for run in trackio.Api().runs("schedules")}
    assert write(log, "schedules") is False
    assert {run.id for run in trackio.Api().runs("schedules")} == before
    assert write(longer_log, "schedules") is True
    assert len(trackio.Api().runs("schedules")) == 6
