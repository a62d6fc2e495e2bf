"""A study in MLflow, read by MLflow's own client."""

from __future__ import annotations

from typing import Any

import pytest

from stepsize.trackers.mlflow import write

mlflow = pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow's own modules

PLACE = "sqlite:///mlflow.db"


def runs_of(client: Any, name: str) -> dict[str, Any]:
    experiment = client.get_experiment_by_name(name).experiment_id
    return {run.info.run_name: run for run in client.search_runs([experiment])}


def test_a_study_is_an_experiment_with_a_run_for_each_candidate(log, longer_log, tmp_path) -> None:
    assert write(log, PLACE) is True
    client = mlflow.MlflowClient(tracking_uri=PLACE)
    runs = runs_of(client, "iris")
    parent = runs.pop(log.title)
    assert parent.data.tags["mlflow.note.content"] == log.sentence
    path = client.download_artifacts(parent.info.run_id, "seeds.csv", str(tmp_path))
    with open(path, encoding="utf-8") as file:
        assert file.read() == log.csv

    assert set(runs) == {each.name for each in log.candidates}
    for each in log.candidates:
        run = runs[each.name]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["result/verdict"] == each.summary["verdict"]
        assert run.data.params == {name: str(value) for name, value in {**log.config, **each.config}.items()}
        for name in ("accuracy/mean", "learning_rate"):
            logged = [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]
            assert logged == [(one.step, one.values[name]) for one in each.points if name in one.values]
        assert run.data.metrics.get("result/mean") == each.summary.get("mean")

    assert write(log, PLACE) is False
    again = runs_of(client, "iris")
    assert {name: run.info.run_id for name, run in again.items() if name != log.title} == {
        name: run.info.run_id for name, run in runs.items()
    }
    assert write(longer_log, PLACE) is True
    replaced = runs_of(client, "iris")
    assert set(replaced) == set(again)
    assert len(client.search_runs([parent.info.experiment_id])) == 6
