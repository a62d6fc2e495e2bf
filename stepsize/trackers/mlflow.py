"""MLflow: an experiment named like the study; in it a run for the study, and one below it per candidate."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from stepsize.trackers.study_log import CandidateLog, StudyLog

STUDY, DIGEST = "stepsize_study", "stepsize_digest"  # tags; the second is set when everything is written
AT_ONCE = 1000  # metrics that a server takes in one call


def write(study: StudyLog, place: str) -> bool:
    """Write a study to the tracking server or database `place`; return whether it was missing."""
    mlflow: Any = import_module("mlflow")
    client = mlflow.MlflowClient(tracking_uri=place or None)
    found = client.get_experiment_by_name(study.name)
    experiment = found.experiment_id if found else client.create_experiment(study.name)
    earlier = client.search_runs([experiment], f"tags.`{STUDY}` = '{study.id}'", max_results=5000)
    if any(run.data.tags.get(DIGEST) == study.digest for run in earlier):
        return False
    for run in earlier:
        client.delete_run(run.info.run_id)
    parent = _new_run(client, experiment, study, study.title, {"mlflow.note.content": study.sentence})
    for each in study.candidates:
        _write_candidate(client, experiment, study, each, parent)
    client.log_text(parent, study.csv, "seeds.csv")
    client.log_text(parent, "\n".join([study.sentence, *study.notes]) + "\n", "study.txt")
    client.set_tag(parent, DIGEST, study.digest)
    client.set_terminated(parent)
    return True


def _write_candidate(client: Any, experiment: str, study: StudyLog, each: CandidateLog, parent: str) -> None:
    entities: Any = import_module("mlflow.entities")
    run = _new_run(client, experiment, study, each.name, {"mlflow.parentRunId": parent})
    now, last = _now(), each.points[-1].step if each.points else 0
    results = {f"result/{name}": value for name, value in each.summary.items()}
    words = {name: value for name, value in results.items() if isinstance(value, bool | str)}
    metrics = [
        entities.Metric(_name(name), value, now, point.step)
        for point in each.points
        for name, value in point.values.items()
    ]
    metrics += [
        entities.Metric(name, value, now, last) for name, value in results.items() if name not in words
    ]
    client.log_batch(
        run,
        params=[
            entities.Param(_name(name), str(value)) for name, value in {**study.config, **each.config}.items()
        ],
        tags=[entities.RunTag(name, str(value)) for name, value in words.items()],
    )
    for start in range(0, len(metrics), AT_ONCE):
        client.log_batch(run, metrics=metrics[start : start + AT_ONCE])
    client.set_terminated(run)


def _new_run(client: Any, experiment: str, study: StudyLog, name: str, tags: Mapping[str, str]) -> str:
    """Start a run that belongs to a study; return its id."""
    run = client.create_run(experiment, _now(), run_name=name, tags={STUDY: study.id, **tags})
    return run.info.run_id


def _name(name: str) -> str:
    """Return a name with the characters that MLflow allows.

    >>> _name("top-5 accuracy/mean"), _name("f1(macro)")
    ('top-5 accuracy/mean', 'f1_macro_')
    """
    return re.sub(r"[^\w\-. /:]", "_", name)


def _now() -> int:
    return int(1000 * time.time())
