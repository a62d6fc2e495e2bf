"""Weights & Biases: a group per study; in it a run for the study and one per candidate.

A run has an id of its own, made of the study and a digest of what is logged. W&B keeps the history of a run
for ever, so a study with more seeds becomes a new group.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from stepsize.number_format import counted
from stepsize.trackers.study_log import CandidateLog, Point, StudyLog, Value

DONE = "written-by-stepsize"  # a file in the folder of a run that was logged to its end


def write(study: StudyLog, place: str) -> bool:
    """Write a study to a project, `PROJECT` or `TEAM/PROJECT`; return whether anything was missing."""
    runs = [
        _write_candidate(study, place, number, each) for number, each in enumerate(study.candidates, start=1)
    ]
    return any([_write_study(study, place), *runs])


def _write_study(study: StudyLog, place: str) -> bool:
    wandb: Any = import_module("wandb")
    summary = {"sentence": study.sentence, "notes": "\n".join(study.notes)}
    table = {"seeds": wandb.Table(columns=study.columns, data=study.rows)}
    return _write_run(study, place, 0, study.title, study.config, [], summary, table)


def _write_candidate(study: StudyLog, place: str, number: int, each: CandidateLog) -> bool:
    summary = {f"result/{name}": value for name, value in each.summary.items()}
    return _write_run(
        study, place, number, each.name, {**study.config, **each.config}, each.points, summary, {}
    )


def _write_run(
    study: StudyLog,
    place: str,
    number: int,
    name: str,
    config: Mapping[str, Value],
    points: Sequence[Point],
    summary: Mapping[str, Value],
    tables: Mapping[str, Any],
) -> bool:
    """Write one run unless this machine has written it; go on with one that was stopped."""
    wandb: Any = import_module("wandb")
    team, _, project = place.rpartition("/")
    identity = f"{study.id}-{study.digest}-{number}"
    if _is_done(identity):
        return False
    run = wandb.init(
        entity=team or None,
        project=project,
        id=identity,
        name=name,
        group=f"{study.title}, {counted(len(study.seeds), 'seed')}",
        job_type="candidate" if number else "study",
        config=dict(config),
        resume="allow",
        settings=wandb.Settings(
            silent=True, console="off", reinit="create_new", x_disable_stats=True, disable_git=True
        ),
    )
    with run:
        for point in points:
            if point.step >= run.step:  # W&B has the steps before
                run.log({"epoch": point.epoch, **point.values}, step=point.step)
        if tables and not run.resumed:
            run.log(dict(tables))
        run.summary.update(summary)
    folder = Path(run.dir).parent
    if folder.is_dir():
        (folder / DONE).touch()
    return True


def _is_done(identity: str) -> bool:
    """Return whether a run is there; remove what is left of one that was stopped offline."""
    folders = list(Path(os.environ.get("WANDB_DIR") or ".", "wandb").glob(f"*run-*-{identity}"))
    if any((folder / DONE).exists() for folder in folders):
        return True
    for folder in folders:
        if folder.name.startswith("offline-"):
            shutil.rmtree(folder)
    return False
