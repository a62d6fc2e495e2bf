"""`stepsize scale`: how the best learning rate moves with the batch size, the epochs, or another value."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from stepsize.cli import options
from stepsize.cli.messages import in_options, typed_options
from stepsize.cli.optimizer_text import read_optimizer
from stepsize.cli.rates import read_settings
from stepsize.cli.studies import command_text
from stepsize.cli.terminal import ascii_only, say, width
from stepsize.errors import StudyError, require


def scale(
    problem: options.ProblemName,
    along: Annotated[
        str,
        typer.Option(
            help="What to vary, and its values: 'batch_size=8,16,32', 'epochs=...', 'rows=...', 'width=...', "
            "'depth=...', or a number of the optimizer, such as 'momentum=...'."
        ),
    ],
    hold: Annotated[
        str,
        typer.Option(
            help="What to hold fixed when the batch size or the rows change: epochs, updates or both."
        ),
    ] = "epochs",
    setting: Annotated[
        str | None,
        typer.Option("--with", help="Settings of every run, such as 'momentum=0.8' or 'loss_reduction=sum'."),
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
    folder: options.Folder = None,
    name: options.Name = None,
    store: options.Store = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the picture of the law: .png or .svg.")
    ] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Show how the best learning rate moves with the batch size or another value, and fit the law.

    Example: stepsize scale ionosphere --along batch_size=8,16,32,64,128
    """
    from stepsize.engine.client import Engine

    require("all", "jax", "keras", "scipy", "sklearn")
    values = read_values(along)
    if output is not None:
        from stepsize.report.pictures.picture import check_picture

        check_picture("output", output)
    with Engine() as engine:
        from stepsize import scaling_law
        from stepsize.report.terminal import scaling

        result = scaling_law.scale(
            problem, values, hold=cast(Any, hold),
            settings=None if setting is None else read_settings(setting),
            seeds=seeds, target=target, header=header, kind=kind,
            drop=drop or None, groups=groups, order=order, part=part, weights=weights, prepare=prepare,
            model=model, loss=loss, optimizer=read_optimizer(optimizer), epochs=epochs,
            batch_size=batch_size, split=split, validation=validation, folds=folds, rows=rows,
            metric=metric, mode=mode, margin=margin, folder=folder, name=name, store=store, quiet=quiet,
            engine=engine, command=command_text(),
            on_message=lambda message: say(in_options(message, typed_options(scale, sys.argv))),
        )  # fmt: skip
    picture = None if output is None else result.plot()
    typer.echo(
        result.to_json() if as_json else scaling.render(result.answer, width(), ascii_only()).rstrip("\n")
    )
    if picture is not None and output is not None:
        say(f"Picture: {picture.save(output)}")
    elif output is not None:
        say("There is no picture: fewer than two values have a rate.")


def read_values(text: str) -> dict[str, list[float]]:
    """Return a name and numbers written as `name=1,2,3`.

    >>> read_values("batch_size=8,16,32")
    {'batch_size': [8, 16, 32]}
    """
    name, equals, numbers = (part.strip() for part in text.partition("="))
    try:
        values = [_number(part) for part in numbers.split(",")]
    except ValueError:
        values = []
    if not equals or not name.isidentifier() or not values:
        raise StudyError(f"--along {text!r} must be a name and numbers, such as 'batch_size=8,16,32'")
    return {name: values}


def _number(text: str) -> float:
    number = float(text)
    return int(text) if text.strip().isdigit() else number
