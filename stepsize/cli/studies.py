"""`stepsize compare` and `stepsize report`: run a study, and show its answer."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepsize.cli.terminal import ascii_only, say, width
from stepsize.errors import StudyError, require

if TYPE_CHECKING:
    from stepsize.comparison import Result
    from stepsize.study.study import Study

ALL_DIVERGED = 3  # the exit code


def compare(
    problem: Annotated[
        str,
        typer.Argument(
            help="A built-in name (ionosphere), data (table.csv), a study file (study.toml), or a training "
            "function (package.module:train)."
        ),
    ],
    candidates: Annotated[
        list[str] | None,
        typer.Option("--schedule", "-s", help="A schedule to compare, such as 'cosine(lr)'; repeatable."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds for the verdict.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Schedule that the others are compared with.")] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Column to predict: its name, or its number (-1 is the last); several with commas."
        ),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first row holds the names of the columns; recognised by default.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="binary, multiclass, multilabel or regression; recognised by default."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="Column to leave out, by name or number; repeatable.")
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(help="Column naming groups that must not be split between training and validation."),
    ] = None,
    order: Annotated[str | None, typer.Option(help="Column of times; the latest rows validate.")] = None,
    part: Annotated[str | None, typer.Option(help="Column with the values train, valid and test.")] = None,
    weights: Annotated[str | None, typer.Option(help="Column of row weights in the training loss.")] = None,
    prepare: Annotated[
        bool | None,
        typer.Option(
            "--prepare/--no-prepare",
            help="Fill missing numbers and scale inputs; by default only for a model given as text.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="mlp(128, 64, dropout=0.2), package.module:factory, or a .keras file."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per batch.")] = None,
    split: Annotated[
        str | None, typer.Option(help="stratified, random, groups, time, column, kfold, lesson or test.")
    ] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the rows used for validation, such as 0.25.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Folds of a cross-validation; the number of seeds must be a multiple.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Metric that scores a run, such as auc.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="max or min: which direction of the metric is better.")
    ] = None,
    margin: Annotated[float | None, typer.Option(help="Smallest difference that matters.")] = None,
    updates_per_epoch: Annotated[
        int | None, typer.Option(help="Optimizer updates per epoch, for a training function.")
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--data", help="Folder with the IDX files of Fashion-MNIST.")
    ] = None,
    store: Annotated[Path | None, typer.Option(help="File that keeps the runs.")] = None,
    report: Annotated[Path | None, typer.Option(help="File for the HTML report.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Train every schedule on many seeds, and report which ones can be told apart.

    Example: stepsize compare ionosphere
    """
    from stepsize.engine.client import Engine

    may_be_function = ":" in problem or problem.lower().endswith(".toml")
    training = () if may_be_function else ("jax", "keras")
    require("all", *training, "scipy", "sklearn", "altair", "vl_convert", "jinja2")
    # The training process takes longest to start, so it starts before anything else is even imported.
    with nullcontext() if may_be_function else Engine() as engine:
        from stepsize import comparison
        from stepsize.report import html

        def page_of(name: str) -> Path:
            return report or comparison.RESULTS / f"{name}.html"

        def prepare_report(study: Study) -> None:
            _check_writable(page_of(study.name))
            threading.Thread(target=html.prepare, daemon=True).start()

        result = comparison.compare(
            problem, candidates, seeds, baseline=baseline, target=target, header=header, kind=kind,
            drop=drop or None, groups=groups, order=order, part=part, weights=weights, prepare=prepare,
            model=model,
            epochs=epochs, batch_size=batch_size, split=split, validation=validation, folds=folds,
            metric=metric, mode=mode, margin=margin, updates_per_epoch=updates_per_epoch, folder=folder,
            store=store, quiet=quiet, engine=engine, command=_command(), on_start=prepare_report,
        )  # fmt: skip
        _show(result, page_of(result.answer["study"]["name"]), as_json)
        say(f"Runs: {result.store}")
    if result.verdict["status"] == "all_diverged":
        raise typer.Exit(ALL_DIVERGED)


def report(
    store: Annotated[Path, typer.Argument(help="File that keeps the runs of a study.")],
    output: Annotated[Path | None, typer.Option(help="File for the HTML report.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Show the answer of a finished study again, from its store alone.

    Example: stepsize report stepsize-results/ionosphere.sqlite
    """
    from stepsize.comparison import judge
    from stepsize.study.store import Store
    from stepsize.study.study import Study

    if not store.is_file():
        raise StudyError(f"store {str(store)!r} does not exist; stepsize compare creates one")
    with Store(store) as opened:
        definition, cost = opened.latest_study()
        result = judge(Study.from_definition(definition), opened, cost or {})
    _show(result, output or store.with_suffix(".html"), as_json)


def _show(result: Result, page: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(result.to_json())
    else:
        from stepsize.report import terminal

        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        typer.echo(terminal.render(result.answer, result.details, width(), colour, ascii_only()))
    result.report(page)
    say(f"Report: {page}")


def _check_writable(page: Path) -> None:
    """Raise StudyError before training, not after it, if the report cannot be written."""
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=page.parent).close()
    except OSError as error:
        raise StudyError(
            f"report={str(page)!r} cannot be written: {error.strerror}; choose another file"
        ) from None
    if page.is_dir():
        raise StudyError(f"report={str(page)!r} is a directory; give the path of a file")


def _command() -> str:
    return shlex.join(["stepsize", *(arg for arg in sys.argv[1:] if arg not in ("--json", "--quiet", "-q"))])
