"""`stepsize check` and `stepsize merge`: check and repair a store, and merge several."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from stepsize.errors import StoreError
from stepsize.number_format import counted

SHOWN = 5  # damaged runs that are named, and problems of the file
DAMAGED = 1  # the exit code


def check(
    store: Annotated[Path, typer.Argument(help="The file with the runs.")],
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Keep what is intact in a new file, and the damaged file beside it."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check a store for damage: the structure of the file, and a checksum for every run.

    Example: stepsize check stepsize-results/ionosphere.sqlite
    """
    from stepsize.study.stores.check import check_store, repair_store

    state = check_store(store)
    damaged = None if state.is_sound or not repair else repair_store(store)
    if as_json:
        typer.echo(json.dumps(_document(state, damaged), indent=1))
    else:
        typer.echo("\n".join(_lines(state, damaged)))
    if not state.is_sound:
        raise typer.Exit(DAMAGED)


def merge(
    target: Annotated[
        Path, typer.Argument(help="The store that gets all runs; created if it does not exist.")
    ],
    others: Annotated[list[Path], typer.Argument(help="The stores to add.")],
) -> None:
    """Add the runs of other stores to a store; a run that is in two of them must be the same in both.

    Example: stepsize merge all.sqlite one.sqlite two.sqlite
    """
    from stepsize.study.stores.merge import merge_stores

    if target in others:
        raise StoreError(f"store={str(target)!r} is given twice; name each store once")
    result = merge_stores(target, others)
    typer.echo(f"{target}: {counted(result.runs, 'run')}, {result.added:,} of them added")


def _lines(state: Any, damaged: Path | None) -> list[str]:
    content = f"{counted(state.runs, 'run')} and {_studies(state.studies)}"
    if state.is_sound:
        return [f"{state.path} is sound: {content}, each as it was saved"]
    lines = [f"{state.path} is damaged"]
    lines += [f"- the file: {problem}" for problem in state.file_problems[:SHOWN]]
    if state.damaged_runs:
        names = [f"{candidate} with seed {seed}" for candidate, seed in state.damaged_runs[:SHOWN]]
        more = ", ..." if len(state.damaged_runs) > SHOWN else ""
        are = "is" if len(state.damaged_runs) == 1 else "are"
        number = counted(len(state.damaged_runs), "run")
        lines.append(f"- {number} {are} not as saved: {', '.join(names)}{more}")
    if state.damaged_studies:
        lines.append(f"- {_studies(state.damaged_studies)} not as saved")
    if state.damaged_looks:
        lines.append(f"- {counted(state.damaged_looks, 'earlier verdict')} not as saved")
    if damaged is None:
        command = shlex.join(["stepsize", "check", str(state.path), "--repair"])
        return [*lines, f"Intact: {content}. To keep these, run: {command}"]
    return [
        *lines,
        f"Repaired: the store now has {content}. The damaged file was kept as {damaged}.",
        "Run the same commands again to train what is missing.",
    ]


def _studies(number: int) -> str:
    return f"{number:,} {'study' if number == 1 else 'studies'}"


def _document(state: Any, damaged: Path | None) -> dict[str, Any]:
    return {
        "store": str(state.path),
        "sound": state.is_sound,
        "format": state.format,
        "runs": state.runs,
        "studies": state.studies,
        "damaged_runs": [{"candidate": candidate, "seed": seed} for candidate, seed in state.damaged_runs],
        "damaged_studies": state.damaged_studies,
        "damaged_looks": state.damaged_looks,
        "file_problems": state.file_problems,
        "damaged_file": None if damaged is None else str(damaged),
    }
