"""A study in the offline files of Weights & Biases, read as its own records."""

from __future__ import annotations

import json
import struct
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from stepsize.trackers.wandb import write

pytest.importorskip("wandb")
pytestmark = pytest.mark.filterwarnings("ignore")  # of its own modules


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_DIR", raising=False)


def records_of(folder: Path) -> list[Any]:
    """Return the records of an offline run: pieces with a header each, in blocks of 32 KiB."""
    wandb_internal_pb2: Any = import_module("wandb.proto.wandb_internal_pb2")
    (path,) = folder.glob("*.wandb")
    data, position, whole, records = path.read_bytes(), 7, b"", []
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:  # too short for a header
            position += left
            continue
        length, kind = struct.unpack("<HB", data[position + 4 : position + 7])
        whole += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # the only piece, or the last one
            records.append(wandb_internal_pb2.Record.FromString(whole))
            whole = b""
    return records


def test_a_study_is_a_group_with_a_run_for_each_candidate(log, longer_log) -> None:
    assert write(log, "schedules") is True
    folders = {path.name: path for path in Path("wandb").glob("offline-run-*")}
    assert len(folders) == 6

    by_name = {}
    for folder in folders.values():
        records = records_of(folder)
        run, *_ = [record.run for record in records if record.WhichOneof("record_type") == "run"]
        assert run.run_group == "iris a3b2c1d0, 5 seeds"
        assert run.project == "schedules"
        by_name[run.display_name] = (run, records)
    assert set(by_name) == {log.title, *(each.name for each in log.candidates)}
    for each in log.candidates:
        run, records = by_name[each.name]
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert config.items() >= {**log.config, **each.config}.items()
        rows = [
            {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            for record in records
            if record.WhichOneof("record_type") == "history"
        ]
        for name in ("accuracy/mean", "learning_rate"):
            logged = [(row["_step"], row[name]) for row in rows if name in row]
            assert logged == [(one.step, one.values[name]) for one in each.points if name in one.values]

    assert write(log, "schedules") is False
    assert {path.name for path in Path("wandb").glob("offline-run-*")} == set(folders)

    stopped = next(folder for folder in folders.values() if by_name[log.title][0].run_id in folder.name)
    (stopped / "written-by-stepsize").unlink()
    assert write(log, "schedules") is True
    assert len(list(Path("wandb").glob("offline-run-*"))) == 6
