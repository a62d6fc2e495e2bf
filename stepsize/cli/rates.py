"""`stepsize find`: what every learning rate does to a model."""

from __future__ import annotations

import ast
import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.cli.messages import in_options, options_of
from stepsize.cli.studies import ALL_DIVERGED
from stepsize.cli.terminal import ascii_only, say, width
from stepsize.errors import StudyError, require

OWN = {"--with", "--rate", "--seeds", "--json", "--quiet", "-q"}  # options that `compare` does not share


def find(
    problem: Annotated[
        str,
        typer.Argument(
            help="A built-in name (ionosphere), data (table.csv), a study file (study.toml), or a training "
            "function (package.module:train)."
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            help="Settings of the optimizer to map as well, such as 'momentum=0.9' or 'optimizer=adam'; "
            "repeatable.",
        ),
    ] = None,
    rates: Annotated[
        list[float] | None, typer.Option("--rate", help="A learning rate to try instead; repeatable.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds for each rate.")] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict: its name, or its number.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first row holds names.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="binary, multiclass, multilabel or regression.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out; repeatable.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="mlp(128, 64, dropout=0.2), package.module:factory, or a .keras file."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per batch.")] = None,
    split: Annotated[str | None, typer.Option(help="How rows are split, as for compare.")] = None,
    metric: Annotated[str | None, typer.Option(help="Metric that scores a run, such as auc.")] = None,
    margin: Annotated[float | None, typer.Option(help="Smallest difference that matters.")] = None,
    folder: Annotated[
        str | None, typer.Option("--data", help="Folder with the IDX files of Fashion-MNIST.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study and its store.")] = None,
    store: Annotated[Path | None, typer.Option(help="File that keeps the runs.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")] = False,
) -> None:
    """Say what every learning rate does to a model, from too small to too large.

    Example: stepsize find ionosphere
    """
    from stepsize.engine.client import Engine

    may_be_function = ":" in problem or problem.lower().endswith(".toml")
    require("all", *(() if may_be_function else ("jax", "keras")), "scipy", "sklearn")
    # The training process takes longest to start, so it starts before anything else is even imported.
    with nullcontext() if may_be_function else Engine() as engine:
        from stepsize import finding

        found = finding.find(
            problem, seeds=seeds, settings=_maps(settings), rates=rates, target=target, header=header,
            kind=kind, drop=drop or None, model=model, epochs=epochs, batch_size=batch_size, split=split,
            metric=metric, margin=margin, folder=folder, name=name, store=store, quiet=quiet, engine=engine,
            command=shlex.join(["stepsize", *(word for word in sys.argv[1:] if word not in _PRINTING)]),
            following=shlex.join(["stepsize", "compare", *_shared(sys.argv[2:])]),
            on_message=lambda message: say(in_options(message, options_of(find))),
        )  # fmt: skip
    if as_json:
        typer.echo(found.to_json())
    else:
        from stepsize.report import rate_map

        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        typer.echo(rate_map.render(found.answer, width(), colour, ascii_only()), nl=False)
    say(f"Runs: {found.store}")
    if all(each["status"] == "all_diverged" for each in found.answer["maps"]):
        raise typer.Exit(ALL_DIVERGED)


_PRINTING = ("--json", "--quiet", "-q")


def _maps(texts: list[str] | None) -> list[dict[str, Any]] | None:
    """Return the settings of every map: those of the problem, and those that were asked for."""
    return None if not texts else [{}, *map(read_settings, texts)]


def read_settings(text: str) -> dict[str, Any]:
    """Return settings written as `name=value`, with commas between them.

    >>> read_settings("optimizer=adam, beta_1=0.8")
    {'optimizer': 'adam', 'beta_1': 0.8}
    """
    settings: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name.isidentifier() or not value:
            raise StudyError(f"--with {text!r} must be settings such as 'momentum=0.9' or 'optimizer=adam'")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name] = value
    return settings


def _shared(words: list[str]) -> list[str]:
    """Return the words of the command line that `compare` takes as well."""
    kept, skip = [], False
    for word in words:
        option, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif option in OWN:
            skip = not equals and option not in _PRINTING
        else:
            kept.append(word)
    return kept
