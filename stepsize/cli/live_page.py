"""`stepsize explore`: the live page on loopback."""

from __future__ import annotations

import shlex
import sys
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from stepsize.cli import options
from stepsize.cli.messages import shared_words
from stepsize.cli.optimizer_text import read_optimizer
from stepsize.cli.terminal import say
from stepsize.errors import require

if TYPE_CHECKING:
    from stepsize.study.candidates import Candidate

OWN = {"--schedule", "-s", "--baseline", "--seeds", "--port"}
SWITCHES = {"--no-open", "--open"}


def explore(
    problem: Annotated[str, typer.Argument(help="As for compare; ionosphere by default.")] = "ionosphere",
    candidates: Annotated[
        list[str] | None,
        typer.Option("--schedule", "-s", help="A schedule to begin with, such as 'cosine(0.1)'; repeatable."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds of every answer.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Schedule that others are compared with.")] = None,
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
    metric: options.Metric = None,
    mode: options.Mode = None,
    margin: options.Margin = None,
    folder: options.Folder = None,
    name: options.Name = None,
    port: Annotated[int, typer.Option(help="Port of the page; a free one by default.")] = 0,
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Drag a schedule on a page, and see what it does to the model, with the verdict of real runs.

    Example: stepsize explore ionosphere
    """
    from stepsize.engine.client import Engine

    require("all", "jax", "keras", "scipy", "sklearn")
    with Engine() as engine:  # it starts up while the data are loaded
        from stepsize.live_page.desks import Desks
        from stepsize.live_page.server import PageServer

        def confirm(name: str) -> Callable[[Candidate, Candidate], str | None]:
            return confirming(name, sys.argv[2:] if name == problem else ())

        desks = Desks(
            problem, engine, candidates, seeds, confirming=confirm,
            baseline=baseline, target=target, header=header, kind=kind, drop=drop or None, groups=groups,
            order=order, part=part, weights=weights, prepare=prepare, model=model, loss=loss,
            optimizer=read_optimizer(optimizer), epochs=epochs, batch_size=batch_size, split=split,
            validation=validation, folds=folds, metric=metric, mode=mode, margin=margin, folder=folder,
            name=name,
        )  # fmt: skip
        for note in desks.first.session.problem.notes:
            say(f"Data: {note}.")
        server = PageServer(desks.answer, f"stepsize · {desks.first.session.study.name}", port)
        typer.echo(server.url)
        say("Press Ctrl-C to stop.")
        if opens:
            webbrowser.open(server.url)
        with server, suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.2)


def confirming(problem: str, words: Sequence[str]) -> Callable[[Candidate, Candidate], str | None]:
    """Return what writes the command that compares two candidates on fresh seeds.

    The command has the options that were typed. It is None for candidates with settings of their own, which
    the command line cannot write.
    """
    shared = shared_words(words, OWN, SWITCHES)
    if problem not in shared:
        shared.insert(0, problem)

    def command(chosen: Candidate, baseline: Candidate) -> str | None:
        if chosen.settings or baseline.settings:
            return None
        named = [f"--schedule={each.schedule}" for each in (baseline, chosen)]
        return shlex.join(["stepsize", "compare", *shared, *named, f"--baseline={baseline.schedule}"])

    return command
