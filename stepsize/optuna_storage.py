"""A finished study in an Optuna storage, where Optuna's dashboard and plots read it.

It becomes two studies. In `NAME ID, verdict` each candidate is one trial with its fresh seeds; in `NAME ID,
tuning` each value that was tried is one. They are apart because the best trial of a search is a lucky one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from stepsize.comparison import stored_result
from stepsize.errors import OutputError, require
from stepsize.number_format import plain
from stepsize.output_files import require_folder
from stepsize.study.knobs.proposals import quiet
from stepsize.study.protocol import rounds
from stepsize.study.search.chosen_rates import last_tuned
from stepsize.study.search.knob_search import KnobSearch
from stepsize.study.stores.store import Run, Runs, Store
from stepsize.study.study import Study
from stepsize.verdict.answer import Answer, CandidateAnswer
from stepsize.verdict.scores import counted_scores, final_runs, run_scores

TABLES = {"studies", "trials", "version_info"}  # of every Optuna storage
WRITER, COMPLETE = "written by", "complete"
OURS = "stepsize"
CANDIDATE = "candidate"


def export_to_optuna(store: Store, output: str | Path, which: str | None = None) -> list[str]:
    """Write a finished study of a store into an Optuna storage; return the names of the studies written.

    `output` is an SQLite file: a new one, or an Optuna storage, whose other studies stay as they are. `which`
    is the id or name of the study, by default the latest. A study that is there already is not written again.

    Raises: OutputError for another kind of file, or another study with this name; StoreError if the store has
    no such study.
    """
    require("knobs", "optuna")
    import optuna

    path = Path(output)
    _check_storage(path)
    result = stored_result(store, which)
    assert result.planned is not None
    study, runs = result.planned, store.runs(result.planned.fingerprint)
    parts = {
        "verdict": _verdict_trials(study, runs, result.answer),
        "tuning": _tuning_trials(study, runs),
    }
    written = []
    with quiet(optuna):
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
        try:
            for part, trials in parts.items():
                name = f"{study.name} {result.study}, {part}"
                if trials and _is_missing(optuna, storage, name):
                    _write(optuna, storage, name, result.answer, trials)
                    written.append(name)
        finally:
            storage.engine.dispose()
    return written


def _check_storage(path: Path) -> None:
    """Raise OutputError unless a file is an Optuna storage, or can be made."""
    require_folder("output", path)
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        tables = set()
    if not tables >= TABLES:
        raise OutputError(f"output={str(path)!r} exists and is not an Optuna storage; choose another file")


def _is_missing(optuna: Any, storage: Any, name: str) -> bool:
    """Return whether a study has to be written; remove one whose writing was interrupted.

    Raises: OutputError for a study of that name that is not ours.
    """
    if name not in optuna.get_all_study_names(storage):
        return True
    attributes = optuna.load_study(study_name=name, storage=storage).user_attrs
    if attributes.get(WRITER) != OURS:
        raise OutputError(f"output has a study {name!r} that stepsize did not write; choose another file")
    if attributes.get(COMPLETE):
        return False
    optuna.delete_study(study_name=name, storage=storage)
    return True


def _write(optuna: Any, storage: Any, name: str, answer: Answer, trials: Sequence[dict[str, Any]]) -> None:
    higher = answer["study"]["protocol"]["higher_is_better"]
    direction = "maximize" if higher else "minimize"
    study = optuna.create_study(storage=storage, study_name=name, direction=direction)
    study.set_user_attr(WRITER, OURS)
    study.set_user_attr("sentence", answer["verdict"]["sentence"])
    study.set_user_attr("study", plain(answer["study"]))
    study.set_user_attr("notes", [*answer["notes"], *answer["warnings"]])
    space = _distributions(optuna, trials)
    study.add_trials([_trial(optuna, space, **trial) for trial in trials])
    study.set_user_attr(COMPLETE, True)


def _trial(
    optuna: Any,
    space: Mapping[str, Any],
    params: dict[str, Any],
    runs: Sequence[Run],
    facts: dict[str, Any],
    folds: int | None = None,
) -> Any:
    """Return the trial of runs with the same values: their mean score, and their mean curve by epoch.

    Both are over the runs that finished; with `folds`, over the repeats that finished whole.
    """
    scores = run_scores(runs)
    counted = counted_scores(runs, folds)
    finished = [run.curves[2] for run, score in zip(runs, counted, strict=True) if not np.isnan(score)]
    states, attributes = optuna.trial.TrialState, {"seeds": [run.seed for run in runs], **facts}
    attributes |= {"scores": [None if np.isnan(score) else float(score) for score in scores]}
    attributes |= {"diverged": int(np.isnan(scores).sum())}
    curve: np.ndarray = np.mean(np.array(finished, np.float64), axis=0) if finished else np.zeros(0)
    return optuna.create_trial(
        state=states.COMPLETE if finished else states.FAIL,
        value=float(np.nanmean(counted)) if finished else None,
        params=params,
        distributions={name: space[name] for name in params},
        user_attrs=plain(attributes),
        intermediate_values={
            epoch: float(value) for epoch, value in enumerate(curve, start=1) if np.isfinite(value)
        },
    )


def _distributions(optuna: Any, trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a distribution for each name, wide enough for all of its values."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    values: dict[str, list[Any]] = {}
    for trial in trials:
        for name, value in trial["params"].items():
            values.setdefault(name, []).append(value)
    return {
        name: CategoricalDistribution(tuple(dict.fromkeys(every)))
        if name == CANDIDATE
        else FloatDistribution(min(every), max(every), log=name == "lr")
        for name, every in values.items()
    }


def _verdict_trials(study: Study, runs: Runs, answer: Answer) -> list[dict[str, Any]]:
    """Return what is known of each candidate on the seeds of the verdict."""
    answers: dict[str, CandidateAnswer] = {each["name"]: each for each in answer["candidates"]}
    trials, tuned = [], last_tuned(study, runs)
    for step, candidate in study.last_steps:
        found = answers[candidate.name]
        facts = {
            key: found[key] for key in ("spec", "settings", "ci95", "promised", "vs_baseline", "in_best_set")
        }
        facts |= {"recommended": candidate.name == answer["verdict"]["recommended"]}
        values = found["knobs"] or ({} if found["lr"] is None else {"lr": found["lr"]})
        params = {CANDIDATE: candidate.name, **values}
        final = final_runs(step, tuned[candidate.name], runs)
        folds = answer["study"]["protocol"]["folds"]
        trials.append({"params": params, "runs": final, "facts": facts, "folds": folds})
    return trials


def _tuning_trials(study: Study, runs: Runs) -> list[dict[str, Any]]:
    """Return what is known of everything that was tried in tuning."""
    trials: dict[str, dict[str, Any]] = {}
    for step in study.steps:
        values = {each.name: KnobSearch(step, each).tried(runs) for each in step.joint}
        for job in _tuning_jobs(step, runs):
            name = job.candidate.name
            chosen = values[name][job.name] if name in values else {"lr": job.rate}
            made = trials.setdefault(
                job.name,
                {
                    "params": {CANDIDATE: name, **chosen},
                    "runs": {},
                    "facts": {
                        "spec": str(job.candidate.at(job.rate)),
                        "settings": dict(job.candidate.settings),
                    },
                },
            )
            made["runs"][job.seed] = runs[job.key]
    return [{**trial, "runs": list(trial["runs"].values())} for trial in trials.values()]


def _tuning_jobs(study: Study, runs: Runs) -> Iterator[Any]:
    for stage in rounds(study, runs):
        if not stage.judge:
            yield from (job for job in stage.jobs if not job.again)
