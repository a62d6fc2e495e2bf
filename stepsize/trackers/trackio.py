"""trackio: a project with a group per study; in it a run for the study and one per candidate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

from stepsize.trackers.study_log import StudyLog, Value

STUDY, DIGEST = "study_id", "digest"  # in the configuration of a run; the second in that of the study's own


def write(study: StudyLog, place: str) -> bool:
    """Write a study to the project `place`; return whether it was missing."""
    trackio: Any = import_module("trackio")
    with redirect_stdout(StringIO()):  # trackio prints what it does
        earlier = _runs_of(study, place)
        if any(run.config.get(DIGEST) == study.digest for run in earlier):
            return False
        for run in earlier:
            run.delete()
        for each in study.candidates:
            config = {**study.config, **each.config}
            config |= {f"result/{name}": value for name, value in each.summary.items()}
            rows = ((point.step, {"epoch": point.epoch, **point.values}) for point in each.points)
            _write_run(study, place, f"{each.name} ({study.id})", config, rows)
        notes = "\n".join(study.notes)
        about = {**study.config, "sentence": study.sentence, "notes": notes, DIGEST: study.digest}
        tables = {
            "candidates": _results(study),
            "seeds": trackio.Table(columns=study.columns, data=study.rows),
        }
        _write_run(study, place, study.title, about, [(0, tables)])  # last: now all is written
    return True


def _results(study: StudyLog) -> Any:
    """Return the summaries of the candidates as a table, for trackio shows them nowhere side by side."""
    trackio: Any = import_module("trackio")
    fullest_first = sorted((each.summary for each in study.candidates), key=len, reverse=True)
    columns = list(dict.fromkeys(name for summary in fullest_first for name in summary))
    rows = [[each.name, *map(each.summary.get, columns)] for each in study.candidates]
    return trackio.Table(columns=["candidate", *columns], data=rows)


def _runs_of(study: StudyLog, project: str) -> list[Any]:
    """Return the runs of a project that belong to a study."""
    trackio: Any = import_module("trackio")
    try:
        runs = list(trackio.Api().runs(project))
    except ValueError:  # there is no such project yet
        return []
    return [run for run in runs if (run.config or {}).get(STUDY) == study.id]


def _write_run(
    study: StudyLog,
    project: str,
    name: str,
    config: Mapping[str, Value],
    rows: Iterable[tuple[int, Mapping[str, Any]]],
) -> None:
    trackio: Any = import_module("trackio")
    run = trackio.init(
        project=project,
        name=name,
        group=study.title,
        config={**config, STUDY: study.id},
        embed=False,
        auto_log_cpu=False,
        auto_log_gpu=False,
    )
    for step, values in rows:
        run.log(dict(values), step=step)
    trackio.finish()
