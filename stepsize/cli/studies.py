"""`stepsize compare` and `stepsize report`: run a study, and show its answer."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepsize.cli import options
from stepsize.cli.messages import in_options, result_in_options, typed_options
from stepsize.cli.optimizer_text import read_optimizer
from stepsize.cli.terminal import ascii_only, say, width
from stepsize.errors import OutputError, StoreError, require
from stepsize.output_files import REPORT, RESULTS, check_output, study_of

if TYPE_CHECKING:
    from stepsize.comparison import Result
    from stepsize.study.store import Store
    from stepsize.study.study import Study

ALL_DIVERGED = 3  # the exit code
PRINTING = ("--json", "--quiet", "-q")  # options that change only what is printed
TO_REPORT = ("scipy", "sklearn", "altair", "vl_convert", "jinja2")  # packages


def compare(
    problem: options.ProblemName,
    candidates: Annotated[
        list[str] | None,
        typer.Option("--schedule", "-s", help="A schedule to compare, such as 'cosine(lr)'; repeatable."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds for the verdict.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Schedule that the others are compared with.")] = None,
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
    until: Annotated[
        str | None, typer.Option(help="decided: add seeds until every question is decided; needs --budget.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="The most that --until may cost: a time (60s, 10m, 2h) or a number of runs."),
    ] = None,
    updates_per_epoch: options.UpdatesPerEpoch = None,
    folder: options.Folder = None,
    name: options.Name = None,
    store: options.Store = None,
    executor: options.Executor = "local",
    address: options.Address = None,
    report: Annotated[Path | None, typer.Option(help="File for the HTML report.")] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train every schedule on many seeds, and report which ones can be told apart.

    Example: stepsize compare ionosphere
    """
    from stepsize.engine.client import Engine

    may_be_function = ":" in problem or problem.lower().endswith(".toml")
    training = () if may_be_function else ("jax", "keras")
    require("all", *training, *TO_REPORT)
    # The training process takes longest to start, so it starts before anything else is even imported.
    with nullcontext() if may_be_function or executor != "local" else Engine() as engine:
        from stepsize import comparison
        from stepsize.report import html

        def page_of(name: str) -> Path:
            return report or RESULTS / f"{name}.html"

        def prepare_report(study: Study) -> None:
            page = page_of(study.name)
            if store is not None and page.absolute() == store.absolute():
                raise OutputError(f"report={str(page)!r} is also the store; choose another file")
            check_output("report", page, REPORT)
            threading.Thread(target=html.prepare, daemon=True).start()

        result = comparison.compare(
            problem, candidates, seeds, baseline=baseline, target=target, header=header, kind=kind,
            drop=drop or None, groups=groups, order=order, part=part, weights=weights, prepare=prepare,
            model=model, loss=loss, optimizer=read_optimizer(optimizer),
            epochs=epochs, batch_size=batch_size, split=split, validation=validation, folds=folds,
            metric=metric, mode=mode, margin=margin, until=until, budget=budget,
            updates_per_epoch=updates_per_epoch, folder=folder, name=name, store=store,
            executor=executor, address=address, quiet=quiet, engine=engine, command=command_text(),
            on_start=prepare_report,
            on_message=lambda message: say(in_options(message, typed_options(compare, sys.argv))),
        )  # fmt: skip
        _show(result, page_of(result.answer["study"]["name"]), as_json)
        if result.store is not None:
            say(f"Runs: {result.store}")
    if result.verdict["status"] == "all_diverged":
        raise typer.Exit(ALL_DIVERGED)


def report(
    store: Annotated[Path, typer.Argument(help="File that keeps the runs of studies.")],
    study: Annotated[
        str | None, typer.Option(help="The study to show, by its id or name; the latest by default.")
    ] = None,
    list_studies: Annotated[
        bool, typer.Option("--list", help="List the finished studies of the file and nothing else.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="File for the HTML report.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Show the answer of a finished study again, from its store alone.

    Example: stepsize report stepsize-results/ionosphere.sqlite
    """
    require("all", *TO_REPORT)
    from stepsize.comparison import stored_result
    from stepsize.study.store import Store

    _check_store(store)
    with Store(store) as opened:
        if list_studies:
            typer.echo(_list(opened, as_json))
            return
        page = output or _page_beside(store, None if study is None else opened.saved_study(study).id)
        check_output("output", page, REPORT)
        result = stored_result(opened, study)
    _show(result, page, as_json)


def _check_store(path: Path) -> None:
    """Raise StoreError unless the path is that of a file."""
    if path.is_dir():
        stores = ", ".join(sorted(map(str, path.glob("*.sqlite"))))
        raise StoreError(
            f"store {str(path)!r} is a folder; give a file{f', such as {stores}' if stores else ''}"
        )
    if not path.is_file():
        raise StoreError(f"store {str(path)!r} does not exist; stepsize compare creates one")


def _page_beside(store: Path, study: str | None) -> Path:
    """Return where the report of a store is written; that of a chosen study gets a name of its own."""
    return store.with_suffix(".html") if study is None else store.with_name(f"{store.stem}-{study}.html")


def _list(store: Store, as_json: bool) -> str:
    """Return the finished studies of a store as text, the latest first."""
    rows = []
    for each in store.studies():
        names = [candidate["name"] for candidate in each.definition["candidates"]]
        facts = each.definition["facts"]
        rows.append(
            {
                "id": each.id,
                "saved": each.saved,
                "name": each.definition["name"],
                "model": facts["protocol"]["model"],
                "candidates": names,
                "seeds": each.definition["seeds"],
                "command": facts["command"],
            }
        )
    if as_json:
        return json.dumps(rows, indent=1, ensure_ascii=False)
    return "\n\n".join(
        f"{row['id']}  {row['name']}, saved {row['saved'][:16].replace('T', ' ')} UTC\n"
        f"  {row['model']}; candidates: {len(row['candidates'])}, seeds: {len(row['seeds'])}\n"
        f"  {row['command']}"
        for row in rows
    )


def _show(result: Result, page: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(result.to_json())
    result = result_in_options(result, compare)
    if not as_json:
        from stepsize.report import terminal

        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        typer.echo(terminal.render(result.answer, result.details, width(), colour, ascii_only()))
    earlier = study_of(page, REPORT)
    result.report(page)
    replaced = f", which replaces that of study {earlier}" if earlier not in (None, "", result.study) else ""
    say(f"Report: {page}{replaced}")
    if replaced:
        say(f"{_where_it_is(result.store, earlier)} To keep every report, give each study its own --name.")


def _where_it_is(store: Path | str | None, study: str | None) -> str:
    """Return how to show the study whose report was replaced."""
    from stepsize.study.store import Store

    if store is not None and Path(store).is_file():
        with Store(Path(store)) as opened:
            if any(each.id == study for each in opened.studies()):
                command = f"stepsize report {shlex.quote(str(store))} --study {study}"
                return f"To see the replaced study, run {command}."
    return "The replaced study is in another store; stepsize report STORE shows it."


def command_text() -> str:
    """Return the command that was typed, without the options that change only what is printed."""
    return shlex.join(["stepsize", *(word for word in sys.argv[1:] if word not in PRINTING)])
