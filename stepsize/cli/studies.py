"""`stepsize compare` and `stepsize report`: make a study, and show its answer."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stepsize.cli.terminal import plain, say, width
from stepsize.errors import StudyError, require

if TYPE_CHECKING:
    from stepsize.comparison import Result

ALL_DIVERGED = 3  # the exit code


def compare(
    problem: Annotated[
        str,
        typer.Argument(
            help="A built-in name, such as ionosphere, data (table.csv), a study file (study.toml), or a "
            "training function (package.module:train)."
        ),
    ],
    schedule: Annotated[
        list[str] | None,
        typer.Option("--schedule", "-s", help="A candidate, such as 'cosine(lr)'; repeat it."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of the verdict.")] = None,
    baseline: Annotated[str | None, typer.Option(help="The candidate to compare with.")] = None,
    target: Annotated[str | None, typer.Option(help="The column to predict; several as a,b.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="binary, multiclass, multilabel or regression, if not as recognised.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column to leave out; repeat it.")] = None,
    groups: Annotated[str | None, typer.Option(help="Column of rows that stay on one side.")] = None,
    order: Annotated[str | None, typer.Option(help="Column of time: judge on the latest rows.")] = None,
    part: Annotated[str | None, typer.Option(help="Column that says train, valid or test.")] = None,
    weights: Annotated[str | None, typer.Option(help="Column of weights in the training loss.")] = None,
    model: Annotated[
        str | None, typer.Option(help="mlp(128, 64, dropout=0.2) or package.module:function.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows of a batch.")] = None,
    split: Annotated[
        str | None, typer.Option(help="stratified, random, groups, time, column, kfold, lesson or test.")
    ] = None,
    validation: Annotated[float | None, typer.Option(help="Share of rows to judge on: 0.25.")] = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validate; seeds are a multiple of it.")] = None,
    metric: Annotated[str | None, typer.Option(help="What scores a run, such as accuracy or auc.")] = None,
    mode: Annotated[str | None, typer.Option(help="max or min: which metric is better.")] = None,
    margin: Annotated[float | None, typer.Option(help="The smallest difference that matters.")] = None,
    updates_per_epoch: Annotated[
        int | None, typer.Option(help="Optimizer updates of an epoch of a training function.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Folder with the IDX files of Fashion-MNIST.")] = None,
    store: Annotated[Path | None, typer.Option(help="File that keeps the runs.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write the HTML report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Train every schedule on many seeds and say what can and cannot be told apart.

    Example: stepsize compare ionosphere
    """
    from stepsize.engine.client import Engine

    require("all", "jax", "keras", "scipy", "sklearn", "altair", "vl_convert", "jinja2")
    flags = {
        "target": target, "kind": kind, "drop": drop or None, "groups": groups, "order": order,
        "part": part, "weights": weights, "split": split, "validation": validation, "folds": folds,
        "model": model, "epochs": epochs, "batch_size": batch_size, "folder": data, "metric": metric,
        "mode": mode, "updates_per_epoch": updates_per_epoch, "candidates": schedule, "seeds": seeds,
        "baseline": baseline, "margin": margin,
    }  # fmt: skip
    given = {key: value for key, value in flags.items() if value is not None}
    with ExitStack() as stack:
        # The training process takes longest to get ready, so it starts before anything else is even imported.
        engine = None if _may_be_a_function(problem) else stack.enter_context(Engine())
        from stepsize import comparison
        from stepsize.report import html
        from stepsize.report.progress import ProgressLine
        from stepsize.study.description import describe, keep_resolved, problem_of, study_of
        from stepsize.study.store import Store

        said = describe(problem, given)
        if engine is None and "train" not in said:
            engine = stack.enter_context(Engine())
        chosen = problem_of(said)
        trainer = engine or stack.enter_context(comparison.trainer_of(chosen))
        study = study_of(said, chosen, _command())
        for note in () if quiet else getattr(getattr(chosen, "data", None), "notes", ()):
            say(f"Data: {note}.")
        page = report or comparison.RESULTS / f"{chosen.name}.html"
        _check_writable(page)
        threading.Thread(target=html.prepare, daemon=True).start()
        with Store(store or comparison.default_store(chosen)) as opened:
            keep_resolved(opened.path.with_suffix(".toml"), problem, said, chosen, study)
            _tell_what_is_there(opened, study)
            with ProgressLine(sys.stderr, quiet) as line:
                result = comparison.complete(study, chosen, opened, trainer, line.show)
            _show(result, page, as_json)
            say(f"Runs: {opened.path}")
    if result.verdict["status"] == "all_diverged":
        raise typer.Exit(ALL_DIVERGED)


def report(
    store: Annotated[Path, typer.Argument(help="The file that keeps a study's runs.")],
    output: Annotated[Path | None, typer.Option(help="Where to write the HTML report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")] = False,
) -> None:
    """Show the answer of a finished study again, from its store alone.

    Example: stepsize report stepsize-results/ionosphere.sqlite
    """
    from stepsize.comparison import judged
    from stepsize.study.store import Store
    from stepsize.study.study import Study

    if not store.is_file():
        raise StudyError(f"store {str(store)!r} does not exist; stepsize compare makes one")
    with Store(store) as opened:
        definition, cost = opened.latest_study()
        result = judged(Study.from_definition(definition), opened, cost or {})
    _show(result, output or store.with_suffix(".html"), as_json)


def _may_be_a_function(problem: str) -> bool:
    """Say whether training may need no engine, as far as the text tells: a function or a study file."""
    return ":" in problem or problem.lower().endswith(".toml")


def _show(result: Result, page: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(result.to_json())
    else:
        from stepsize.report import terminal

        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        typer.echo(terminal.render(result.answer, result.details, width(), colour, plain()))
    result.report(page)
    say(f"Report: {page}")


def _tell_what_is_there(store: Any, study: Any) -> None:
    """Say on screen what the store already holds, and when settings have changed since."""
    from stepsize.study.protocol import finished_runs, total_runs

    runs = store.runs(study.fingerprint)
    found, total = finished_runs(study, runs), total_runs(study, runs)
    if found:
        more = "nothing is left to train" if found == total else "continuing"
        say(f"{found:,} of {total:,} runs are in {store.path}; {more}.")
    elif store.fingerprints(study.name) - {study.fingerprint}:
        say(f"Settings or versions have changed since the runs in {store.path}; they stay, new ones come.")


def _check_writable(page: Path) -> None:
    """Fail before training, not after it, when the report could not be written."""
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=page.parent).close()
    except OSError as error:
        raise StudyError(
            f"report {str(page)!r} cannot be written: {error.strerror}; give another place with --report"
        ) from None
    if page.is_dir():
        raise StudyError(f"report {str(page)!r} is a folder; give a file with --report")


def _command() -> str:
    return shlex.join(["stepsize", *(arg for arg in sys.argv[1:] if arg not in ("--json", "--quiet", "-q"))])
