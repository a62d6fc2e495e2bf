"""`stepsize find`: what every learning rate does to a model."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.cli import options
from stepsize.cli.messages import in_options, shared_words, typed_options
from stepsize.cli.optimizer_text import read_optimizer
from stepsize.cli.studies import ALL_DIVERGED, PRINTING, command_text
from stepsize.cli.terminal import ascii_only, colours, say, width
from stepsize.errors import OutputError, StudyError, require
from stepsize.output_files import REPORT, RESULTS, check_output, study_of

OWN = {"--with", "--rate", "--seeds", "--report", *PRINTING}  # options that `compare` does not share


def find(
    problem: options.ProblemName,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            help="Also map the rates with these settings of the optimizer, such as 'momentum=0.9' or "
            "'optimizer=adam'; repeatable.",
        ),
    ] = None,
    rates: Annotated[
        list[float] | None,
        typer.Option("--rate", help="A learning rate to try, in place of the usual ones; repeatable."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds for each rate.")] = None,
    target: options.Target = None,
    header: options.Header = None,
    kind: options.Kind = None,
    drop: options.Drop = None,
    groups: options.Groups = None,
    order: options.Order = None,
    part: options.Part = None,
    weights: options.Weights = None,
    prepare: options.Prepare = None,
    model: options.Model = None,
    loss: options.Loss = None,
    optimizer: options.Optimizer = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    split: options.Split = None,
    validation: options.Validation = None,
    folds: options.Folds = None,
    rows: options.Rows = None,
    metric: options.Metric = None,
    mode: options.Mode = None,
    margin: options.Margin = None,
    updates_per_epoch: options.UpdatesPerEpoch = None,
    folder: options.Folder = None,
    name: options.Name = None,
    store: options.Store = None,
    report: Annotated[Path | None, typer.Option(help="File for the HTML report.")] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what every learning rate does to a model, from too small to too large.

    Example: stepsize find ionosphere
    """
    from stepsize.engine.client import Engine

    may_be_function = ":" in problem or problem.lower().endswith(".toml")
    require("all", *(() if may_be_function else ("jax", "keras")), "scipy", "sklearn", "jinja2")
    if report is not None:
        check_output("report", report, REPORT)
        if store is not None and report.absolute() == store.absolute():
            raise OutputError(f"report={str(report)!r} is also the store; choose another file")
    # The training process takes longest to start, so it starts before anything else is even imported.
    with nullcontext() if may_be_function else Engine() as engine:
        from stepsize import finding

        result = finding.find(
            problem, seeds=seeds, settings=_maps(settings), rates=rates, target=target, header=header,
            kind=kind, drop=drop or None, groups=groups, order=order, part=part, weights=weights,
            prepare=prepare, model=model, loss=loss,
            optimizer=read_optimizer(optimizer), epochs=epochs, batch_size=batch_size, split=split,
            validation=validation, folds=folds, rows=rows, metric=metric, mode=mode, margin=margin,
            updates_per_epoch=updates_per_epoch, folder=folder, name=name, store=store, quiet=quiet,
            engine=engine,
            command=command_text(),
            following=shlex.join(["stepsize", "compare", *shared_words(sys.argv[2:], OWN, PRINTING)]),
            on_message=lambda message: say(in_options(message, typed_options(find, sys.argv))),
        )  # fmt: skip
    if as_json:
        typer.echo(result.to_json())
    else:
        from stepsize.report.terminal import rate_map

        typer.echo(rate_map.render(result.answer, width(), colours(), ascii_only()), nl=False)
    page = report or RESULTS / f"{result.answer['study']['name']}-rates.html"
    earlier = study_of(page, REPORT)
    result.report(page)
    is_another = earlier not in (None, "", result.answer["study"]["fingerprint"])
    more = ", which replaces that of another problem; to keep both, give each its own --name"
    say(f"Report: {page}{more if is_another else ''}")
    if result.store is not None:
        say(f"Runs: {result.store}")
    if all(each["status"] == "all_diverged" for each in result.answer["maps"]):
        raise typer.Exit(ALL_DIVERGED)


def _maps(texts: list[str] | None) -> list[dict[str, Any]] | None:
    """Return the settings of every map: those of the problem, and those that were asked for."""
    return None if not texts else [{}, *map(read_settings, texts)]


def read_settings(text: str) -> dict[str, Any]:
    """Return settings written as `name=value`, with commas between them.

    >>> read_settings("optimizer=adam, beta_1=0.8")
    {'optimizer': 'adam', 'beta_1': 0.8}
    >>> read_settings("nesterov=false")
    {'nesterov': False}
    """
    settings: dict[str, Any] = {}
    for part in re.split(r",(?![^(]*\))", text):  # commas inside brackets belong to a schedule
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier() or not value:
            raise StudyError(f"--with {text!r} must be settings such as 'momentum=0.9' or 'optimizer=adam'")
        if name in settings:
            raise StudyError(f"--with {text!r} sets {name} twice")
        settings[name] = _value(value)
    return settings


def _value(text: str) -> Any:
    """Return a number, true or false, None, or else text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
