"""`compare`: from a problem and schedules to a result, the library's main call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Unpack

from stepsize.engine.client import Engine
from stepsize.engine.trainer import Trainer
from stepsize.errors import OutputError, StoreError
from stepsize.notebook_output import progress_stream
from stepsize.number_format import counted
from stepsize.output_files import RESOLVED_STUDY, require_folder, study_of
from stepsize.problems.problem import Problem
from stepsize.problems.references import references, target_spreads
from stepsize.report.selection import shown_candidates
from stepsize.report.terminal.progress import ProgressLine, describe_cost
from stepsize.resources import (
    check_executor,
    checked_store,
    default_store,
    kept_store,
    on_its_road,
    open_executor,
    print_message,
    stored_runs,
    with_updates,
)
from stepsize.result import Result
from stepsize.schedules import Schedule
from stepsize.study.candidates import Candidate
from stepsize.study.executor import Executor
from stepsize.study.expected_cost import expected_cost
from stepsize.study.few_seeds import few_seeds_of
from stepsize.study.looks import look_of, looks_from
from stepsize.study.more_seeds import Budget, next_step, read_budget
from stepsize.study.populations.executor import check_candidates
from stepsize.study.protocol import finished_runs, rounds
from stepsize.study.road import road_note
from stepsize.study.runner import Cost, Progress, run_candidates
from stepsize.study.stores.saved_study import study_id
from stepsize.study.stores.store import Store
from stepsize.study.study import Study
from stepsize.study.study_files.description import (
    describe_study,
    make_problem,
    plan_study,
    write_resolved_study,
)
from stepsize.study.study_files.keys import StudyKeys
from stepsize.study.study_files.options import call_text, study_options
from stepsize.study.study_files.several import with_each
from stepsize.study.trainable import Trainable, is_trainable
from stepsize.study.user_functions.torch_series import TorchSeries
from stepsize.study.user_functions.training import Training
from stepsize.trackers.destinations import log_study, read_destinations
from stepsize.trackers.study_log import StudyLog, study_log
from stepsize.verdict.picture_data import picture_data
from stepsize.verdict.recommendation import judge_step
from stepsize.verdict.summary import summarise_study


def compare(
    problem: Any,
    schedules: Iterable[Schedule | Candidate | str] | None = None,
    seeds: int | Sequence[int] | None = None,
    *,
    store: str | Path | None = None,
    quiet: bool = False,
    executor: str = "local",
    address: str | None = None,
    log_to: str | Sequence[str] | None = None,
    engine: Trainer | None = None,
    command: str | None = None,
    on_start: Callable[[Trainable, Study, Trainer | None], None] = lambda problem, study, trainer: None,
    on_message: Callable[[str], None] = print_message,
    **keys: Unpack[StudyKeys],
) -> Result:
    """Train every schedule on every seed, and report which ones can be told apart.

    `problem` is a `Problem`, a `Training`, or what one is made of: the name of a problem, a table
    (`"table.csv"`) or other data that `load` takes, a study file (`"study.toml"`), a training function or
    its path (`"package.module:train"`). `schedules` are schedules, their text, or `Candidate`s (default:
    those of the problem); `seeds` is their number (default: 30) or the seeds themselves.

    With `until="decided"` and a `budget`, such as `"10m"` or 5000 runs, the study doubles its seeds until
    every question is decided or the next step does not fit into the budget, and leaves out candidates that
    are shown to be behind.

    `keys` are the keys of a study file: `target`, `model`, `optimizer`, `epochs`, `batch_size`, `split`,
    `folds`, `metric`, `baseline`, `margin`, `tuning` and the others of `StudyKeys`. A list of models or
    optimizers compares them: every schedule is trained with each, by default the best constant rate. A
    `Problem` or `Training` takes only `candidates`, `baseline`, `margin`, `tuning`, `until` and `budget`.

    Finished runs are kept in `store` (default: `stepsize-results/NAME.sqlite`), so the same call resumes
    after a stop; the study with all defaults written out is saved beside it as `NAME.toml`, if its values
    can be written to a file. With `executor="ray"`, the Ray cluster at `address`, or Ray on this machine,
    trains the runs; see `docs/cluster.md`. `log_to` names the experiment trackers that get the finished
    study, as `"tensorboard:runs"` or `["mlflow", "wandb:project"]`; see `docs/trackers.md`.

    Progress goes to standard error unless `quiet`. `engine` is a started `Engine` to use, which saves its
    start; `command` is the command that the report shows; `on_start` is called with the problem, its study
    and the engine, if there is one, before anything is trained, and `on_message` with every message that is
    not progress.

    Raises: InputError for arguments that cannot be used, EngineError if training fails.

    >>> compare("table.csv", target="y", epoch=5)
    Traceback (most recent call last):
    stepsize.errors.StudyError: unknown argument 'epoch'; did you mean 'epochs'?
    """
    options = study_options(keys, schedules, seeds)
    check_executor(executor, address)
    destinations = read_destinations(log_to)
    ready = problem if is_trainable(problem) else None
    description = with_each(describe_study(problem, options))
    with ExitStack() as stack:
        is_function = isinstance(ready, Training) or "train" in description
        if engine is None and executor == "local" and not is_function:
            engine = stack.enter_context(Engine())  # it starts up while the data are loaded
        trainable = make_problem(description) if ready is None else ready
        if isinstance(trainable, Training) and trainable.updates_per_epoch is None:
            trainable = with_updates(trainable, store)
            if not quiet:
                count = trainable.updates_per_epoch
                on_message(f"Function {trainable.name}: updates_per_epoch={count}, as counted.")
        other = None if executor == "local" else executor
        call = call_text(problem, options, store=store, executor=other, address=address)

        def plan(problem: Trainable) -> Study:
            planned = plan_study(description, problem, command or call)
            return replace(planned, facts={**planned.facts, "call": call})

        trainable, study = on_its_road(trainable, plan, engine, store)
        if not quiet:
            for note in trainable.notes:
                on_message(f"Data: {note}.")
            if note := road_note(trainable):
                on_message(f"Model: {note}.")
            for warning in study.facts["protocol"].get("model_warnings", []):
                on_message(f"Model: {warning}.")
        on_start(trainable, study, engine)
        study = _with_references(study, trainable)
        file = checked_store(store or default_store(study.name))
        line = ProgressLine(progress_stream(), quiet)
        trains = stack.enter_context(
            open_executor(trainable, study, engine, file, executor, address, line.above(on_message))
        )
        opened = stack.enter_context(Store(file))
        if ready is None and str(store) != ":memory:":
            path = opened.path.with_suffix(".toml")
            for message in _keep_resolved_study(path, problem, description, trainable, study):
                on_message(message)
        for message in stored_runs(study, opened, quiet):
            on_message(message)
        if not quiet and not finished_runs(study, opened.runs(study.fingerprint)):
            on_message(f"{study.name}: {describe_cost(expected_cost(trainable, study))}.")
            if few := few_seeds_of(study):
                on_message(few)
        with line:
            result = complete(study, opened, trains, line.show)
        if destinations:
            for message in log_study(_log_of(result, opened), destinations):
                on_message(message)
        return replace(result, store=kept_store(opened, on_message), problem=trainable)


def check_study(
    problem: Trainable, study: Study, trainer: Trainer | None, store: str | Path | None = None
) -> None:
    """Raise what would end a study before its first run; nothing is trained, and no store is made.

    Without a `trainer`, models and optimizers are not looked at.

    Raises: InputError for a store, a model, an optimizer or settings that cannot be used.
    """
    file = Path(checked_store(store or default_store(study.name)))
    if file.exists():
        with Store(file):
            pass
    else:
        require_folder("store", file)
    if isinstance(problem, Problem) and problem.series is not None:
        TorchSeries.of(problem, study)
    elif trainer is not None and isinstance(problem, Problem):
        check_candidates(trainer, problem, study)


def _with_references(study: Study, problem: Trainable) -> Study:
    """Return the study with what simple models score on its splits, and the spreads of its target."""
    if not isinstance(problem, Problem):
        return study
    known = {
        "references": references(problem, study.seeds),
        "target_spreads": target_spreads(problem, study.seeds),
    }
    return replace(study, facts={**study.facts, "data": {**study.facts["data"], **known}})


def complete(
    study: Study,
    store: Store,
    executor: Executor,
    listen: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """Train the runs that `store` lacks and return the result; stored runs are not trained again.

    A study with a budget goes on with more seeds until it is decided or the budget is spent.
    """
    budget, cost = study.facts["protocol"].get("budget"), Cost()
    step: Study | None = study
    while step is not None:
        study = step
        cost += run_candidates(study, store, executor, listen)
        look = look_of(study)
        store.add_look(study.fingerprint, look.candidates, look.seeds)
        step = None if budget is None else _next_step(study, store, read_budget(budget))
    store.save_study(study.definition(), asdict(cost))
    return judge(study, store, asdict(cost))


def _next_step(study: Study, store: Store, budget: Budget) -> Study | None:
    runs = store.runs(study.fingerprint)
    decision = judge_step(study, runs, looks_from(store.looks(study.fingerprint)))[1]
    return next_step(study, decision, runs, budget)


def judge(study: Study, store: Store, cost: Mapping[str, Any]) -> Result:
    """Return the result of a study whose runs are all in the store."""
    runs = store.runs(study.fingerprint)
    answer = summarise_study(study, runs, cost, looks_from(store.looks(study.fingerprint)))
    names = {candidate["name"] for candidate in shown_candidates(answer)}
    details = picture_data(study, runs, names)
    return Result(answer, details, store.path, study_id(study.definition()), planned=study)


def _log_of(result: Result, store: Store) -> StudyLog:
    """Return what trackers get of a finished study."""
    assert result.planned is not None
    return study_log(result.planned, store.runs(result.planned.fingerprint), result.answer, result.study)


def stored_result(store: Store, which: str | None = None) -> Result:
    """Return the result of a finished study of a store, by default the latest; `which` is its id or name.

    Raises: StoreError if there is no such study, or if runs of it are missing or damaged.
    """
    saved = store.saved_study(which)
    study = Study.from_definition(saved.definition)
    runs = store.runs(study.fingerprint)
    jobs = (job for step in study.steps for each in rounds(step, runs) for job in each.jobs)
    missing = sum(job.key not in runs for job in jobs)
    if missing:
        damaged, proposer = store.damaged(study.fingerprint), study.facts["versions"].get("optuna")
        raise StoreError(
            f"store={str(store.path)!r} lacks {counted(missing, 'run')} of study {saved.id}"
            f"{f', and {damaged} of its runs are damaged' if damaged else ''}"
            f"{f' (Optuna {proposer} proposed its knobs)' if study.joint else ''}; to train them again, run "
            f"{saved.definition['facts']['command']}"
        )
    return judge(study, store, saved.cost or {})


def _keep_resolved_study(
    path: Path, source: Any, description: Mapping[str, Any], problem: Trainable, study: Study
) -> Iterator[str]:
    """Write the resolved study beside its store; yield why that cannot be done, or what it replaces."""
    earlier = study_of(path, RESOLVED_STUDY)
    try:
        if not write_resolved_study(path, source, description, problem, study):
            return
    except OutputError as error:
        yield f"The resolved study was not saved: {error}."
        return
    if earlier and earlier != study_id(study.definition()):
        yield (
            f"{path} held study {earlier} and now holds this one; give each study a name of its own to keep "
            "both."
        )
