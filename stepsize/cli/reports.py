"""`stepsize report`: show the answer of a finished study again, in any format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepsize.cli.help import examples
from stepsize.cli.messages import result_in_options
from stepsize.cli.studies import TO_REPORT, compare, show
from stepsize.cli.terminal import say
from stepsize.errors import OutputError, StoreError, require, unknown
from stepsize.output_files import PICTURE, REPORT, check_output

if TYPE_CHECKING:
    from stepsize.result import Result
    from stepsize.study.stores.store import Store

FILES = ("html", "png")  # formats that are written to a file; the others are printed
FORMATS = (*FILES, "markdown", "json", "csv")


def report(
    store: Annotated[Path, typer.Argument(help="File that keeps the runs of studies.")],
    study: Annotated[
        str | None, typer.Option(help="The study to show, by its id or name; the latest by default.")
    ] = None,
    list_studies: Annotated[
        bool, typer.Option("--list", help="List the finished studies of the file and nothing else.")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="html or png: write this file and nothing else; markdown, csv or json: print it.",
            autocompletion=lambda incomplete: [each for each in FORMATS if each.startswith(incomplete)],
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File for the HTML report, or the picture.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Show the answer of a finished study again, from its store alone."""
    require("all", *TO_REPORT)
    from stepsize.comparison import stored_result
    from stepsize.study.stores.store import Store

    _check_store(store)
    _check_format(form, output, as_json)
    with Store(store) as opened:
        if list_studies:
            typer.echo(_list(opened, as_json))
            return
        ending = ".png" if form == "png" else ".html"
        page = output or _beside(store, None if study is None else opened.saved_study(study).id, ending)
        if form in (None, *FILES):
            check_output("output", page, PICTURE if form == "png" else REPORT)
        result = stored_result(opened, study)
    if form is None:
        show(result, page, as_json)
    else:
        _write(result_in_options(result, compare), form, page)


report.__doc__ = f"{report.__doc__}\n\n" + examples(
    "stepsize report stepsize-results/ionosphere.sqlite",
    "stepsize report stepsize-results/ionosphere.sqlite --list",
    "stepsize report stepsize-results/ionosphere.sqlite --format markdown",
    "stepsize report stepsize-results/ionosphere.sqlite --format png --output picture.png",
)


def export_optuna(
    store: Annotated[Path, typer.Argument(help="File that keeps the runs of studies.")],
    study: Annotated[
        str | None, typer.Option(help="The study to write, by its id or name; the latest by default.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="SQLite file: a new one or an Optuna storage; by default beside the store."),
    ] = None,
) -> None:
    """Write a finished study into an Optuna storage: its candidates, and everything that tuning tried."""
    require("all", *TO_REPORT)
    from stepsize.optuna_storage import export_to_optuna
    from stepsize.study.stores.store import Store

    _check_store(store)
    path = output or store.with_suffix(".optuna.db")
    with Store(store) as opened:
        written = export_to_optuna(opened, path, study)
    for name in written:
        say(f"Written: {name}")
    if not written:
        say("The study is there already; nothing was written.")
    say(f"Optuna storage: {path}; look at it with optuna-dashboard sqlite:///{path}")


export_optuna.__doc__ = f"{export_optuna.__doc__}\n\n" + examples(
    "stepsize export-optuna stepsize-results/ionosphere.sqlite",
    "stepsize export-optuna stepsize-results/ionosphere.sqlite --output study.db",
)


def _check_format(form: str | None, output: Path | None, as_json: bool) -> None:
    """Raise OutputError for a format that does not exist, or options that do not fit it."""
    if form is None:
        return
    if form not in FORMATS:
        raise OutputError(unknown("format", form, FORMATS))
    if as_json and form != "json":
        raise OutputError(f"format={form!r} is not JSON; leave out one of --format and --json")
    if output is not None and form not in FILES:
        raise OutputError(f"format={form!r} is printed; write {form} to a file with > {output}")


def _write(result: Result, form: str, page: Path) -> None:
    """Write an answer in one format."""
    if form == "html":
        say(f"Report: {result.report(page)}")
    elif form == "png":
        say(f"Picture: {result.plot().save(page)}")
    elif form == "json":
        typer.echo(result.to_json())
    else:
        from stepsize.report import markdown

        text = (
            markdown.candidates_csv(result.answer)
            if form == "csv"
            else markdown.render(result.answer, result.details)
        )
        typer.echo(text, nl=False)


def _check_store(path: Path) -> None:
    """Raise StoreError unless the path is that of a file."""
    if path.is_dir():
        stores = ", ".join(sorted(map(str, path.glob("*.sqlite"))))
        raise StoreError(
            f"store {str(path)!r} is a folder; give a file{f', such as {stores}' if stores else ''}"
        )
    if not path.is_file():
        raise StoreError(f"store {str(path)!r} does not exist; stepsize compare creates one")


def _beside(store: Path, study: str | None, ending: str) -> Path:
    """Return where the report of a store is written; that of a chosen study gets a name of its own."""
    return store.with_suffix(ending) if study is None else store.with_name(f"{store.stem}-{study}{ending}")


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
