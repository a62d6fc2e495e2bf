"""`stepsize compare`: run a study, and show its answer."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stepsize.cli import options
from stepsize.cli.help import examples
from stepsize.cli.knob_text import read_knobs
from stepsize.cli.messages import in_options, result_in_options, typed_options
from stepsize.cli.optimizer_text import read_optimizer
from stepsize.cli.terminal import ascii_only, colours, say, width
from stepsize.errors import OutputError, require
from stepsize.output_files import REPORT, RESULTS, check_output, study_of

if TYPE_CHECKING:
    from stepsize.engine.trainer import Trainer
    from stepsize.result import Result
    from stepsize.study.study import Study
    from stepsize.study.trainable import Trainable

ALL_DIVERGED = 3  # the exit code, also if every repeat of a cross-validation lost a run
STUDY = "Candidates and seeds"  # the panel of the help
PRINTING = ("--json", "--quiet", "-q", "--dry-run")  # options that change only what is printed
TO_REPORT = ("scipy", "sklearn", "jinja2")  # packages


def compare(
    problem: options.ProblemName,
    candidates: Annotated[
        list[str] | None,
        typer.Option(
            "--schedule",
            "-s",
            help="A schedule to compare, such as 'cosine(lr)', or the name of a built-in study; repeatable.",
            rich_help_panel=STUDY,
        ),
    ] = None,
    knobs: Annotated[
        list[str] | None,
        typer.Option(
            "--knob",
            help="Range of another free name than lr, such as 'w=0,0.3' or 'f=0.001,1,log'; repeatable.",
            rich_help_panel=STUDY,
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Number of seeds for the verdict.", rich_help_panel=STUDY)
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Schedule that the others are compared with.", rich_help_panel=STUDY),
    ] = None,
    target: options.Target = None,
    header: options.Header = None,
    kind: options.Kind = None,
    drop: options.Drop = None,
    groups: options.Groups = None,
    order: options.Order = None,
    part: options.Part = None,
    weights: options.Weights = None,
    prepare: options.Prepare = None,
    model: options.Models = None,
    loss: options.Loss = None,
    optimizer: options.Optimizers = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    split: options.Split = None,
    validation: options.Validation = None,
    folds: options.Folds = None,
    rows: options.Rows = None,
    metric: options.Metric = None,
    mode: options.Mode = None,
    margin: options.Margin = None,
    until: Annotated[
        str | None,
        typer.Option(
            help="decided: add seeds until every question is decided; needs --budget.", rich_help_panel=STUDY
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="The most that --until may cost: a time (60s, 10m, 2h) or a number of runs.",
            rich_help_panel=STUDY,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what the study will cost, and stop.", rich_help_panel=STUDY),
    ] = False,
    updates_per_epoch: options.UpdatesPerEpoch = None,
    folder: options.Folder = None,
    name: options.Name = None,
    store: options.Store = None,
    executor: options.Executor = "local",
    address: options.Address = None,
    report: Annotated[
        Path | None, typer.Option(help="File for the HTML report.", rich_help_panel=options.OUTPUT)
    ] = None,
    log_to: options.LogTo = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train every schedule on many seeds, and report which ones can be told apart."""
    from stepsize.engine.client import Engine

    may_be_function = ":" in problem or problem.lower().endswith(".toml")
    training = () if may_be_function else ("jax", "keras")
    require("all", *training, *TO_REPORT)
    # The training process takes longest to start, so it starts before anything else is even imported.
    with nullcontext() if may_be_function or executor != "local" else Engine() as engine:
        from stepsize import comparison

        def page_of(name: str) -> Path:
            return report or RESULTS / f"{name}.html"

        def prepare_report(problem: Trainable, study: Study, trainer: Trainer | None) -> None:
            page = page_of(study.name)
            if store is not None and page.absolute() == store.absolute():
                raise OutputError(f"report={str(page)!r} is also the store; choose another file")
            is_new = not RESULTS.exists()
            check_output("report", page, REPORT)
            if dry_run:
                comparison.check_study(problem, study, trainer, store)
                _show_cost(problem, study, as_json)
                if is_new and RESULTS.is_dir():
                    RESULTS.rmdir()
                raise typer.Exit

        result = comparison.compare(
            problem, candidates, seeds, knobs=read_knobs(knobs), baseline=baseline, target=target,
            header=header, kind=kind, drop=drop or None, groups=groups, order=order, part=part,
            weights=weights, prepare=prepare, model=one_or_several(model), loss=loss,
            optimizer=one_or_several([*map(read_optimizer, optimizer or ())]),
            epochs=epochs, batch_size=batch_size, split=split, validation=validation, folds=folds, rows=rows,
            metric=metric, mode=mode, margin=margin, until=until, budget=budget,
            updates_per_epoch=updates_per_epoch, folder=folder, name=name, store=store,
            executor=executor, address=address, log_to=log_to, quiet=quiet, engine=engine,
            command=command_text(), on_start=prepare_report,
            on_message=lambda message: say(in_options(message, typed_options(compare, sys.argv))),
        )  # fmt: skip
        show(result, report or _own_page(page_of(result.answer["study"]["name"]), result), as_json)
        if result.store is not None:
            say(f"Runs: {result.store}")
    if result.verdict["recommended"] is None:
        raise typer.Exit(ALL_DIVERGED)


compare.__doc__ = f"{compare.__doc__}\n\n" + examples(
    "stepsize compare ionosphere",
    "stepsize compare table.csv --target price",
    "stepsize compare ionosphere -s 'constant(lr)' -s 'cosine(lr)' --seeds 60",
    "stepsize compare table.csv --target y --model package.module:make_model",
    "stepsize compare table.csv --target y --model logistic --model 'mlp(64)'",
    "stepsize compare package.module:train --epochs 20 --until decided --budget 10m",
)


def one_or_several(values: Sequence[Any] | None) -> Any:
    """Return the value of an option that was given once, a list if more often, None if it was not given.

    >>> one_or_several(["mlp(64)"]), one_or_several(["mlp(64)", "logistic"]), one_or_several([])
    ('mlp(64)', ['mlp(64)', 'logistic'], None)
    """
    return values[0] if values and len(values) == 1 else values or None


def _show_cost(problem: Trainable, study: Study, as_json: bool) -> None:
    """Print what a study will cost."""
    from stepsize.report.terminal.progress import describe_cost
    from stepsize.study.expected_cost import expected_cost
    from stepsize.study.few_seeds import few_seeds_of
    from stepsize.study.road import road_note

    cost, road = expected_cost(problem, study), road_note(problem)
    if as_json:
        facts = {"runs": cost.runs, **asdict(cost)}
        typer.echo(json.dumps(facts if road is None else {**facts, "road": road}, indent=1))
    else:
        typer.echo(f"{study.name}: {describe_cost(cost)}{'' if road is None else f'; {road}'}.")
        if few := few_seeds_of(study):
            typer.echo(few)


def _own_page(page: Path, result: Result) -> Path:
    """Return where a report goes that was given no name: beside that of another study, never in its place."""
    is_free = study_of(page, REPORT) in (None, "", result.study)
    return page if is_free else page.with_name(f"{page.stem}-{result.study}{page.suffix}")


def show(result: Result, page: Path, as_json: bool) -> None:
    """Print an answer, and write its report."""
    if as_json:
        typer.echo(result.to_json())
    result = result_in_options(result, compare)
    if not as_json:
        from stepsize.report.terminal import answer as terminal

        typer.echo(terminal.render(result.answer, result.details, width(), colours(), ascii_only()))
    earlier = study_of(page, REPORT)
    result.report(page)
    replaced = f", which replaces that of study {earlier}" if earlier not in (None, "", result.study) else ""
    say(f"Report: {page}{replaced}")
    if replaced:
        say(f"{_where_it_is(result.store, earlier)} To keep every report, give each study its own --name.")


def _where_it_is(store: Path | str | None, study: str | None) -> str:
    """Return how to show the study whose report was replaced."""
    from stepsize.study.stores.store import Store

    if store is not None and Path(store).is_file():
        with Store(Path(store)) as opened:
            if any(each.id == study for each in opened.studies()):
                command = f"stepsize report {shlex.quote(str(store))} --study {study}"
                return f"To see the replaced study, run {command}."
    return "The replaced study is in another store; stepsize report STORE shows it."


def command_text() -> str:
    """Return the command that was typed, without the options that change only what is printed."""
    return shlex.join(["stepsize", *(word for word in sys.argv[1:] if word not in PRINTING)])
