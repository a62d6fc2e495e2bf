"""`stepsize check` and `stepsize merge`: is a store sound, and how to join several."""

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
        typer.Option("--repair", help="Keep what is intact in this file, and the damaged file beside it."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check a store for damage: the structure of the file, and a checksum for every run.

    Example: stepsize check stepsize-results/ionosphere.sqlite
    """
    from stepsize.study.store_check import check_store, repair_store

    found = check_store(store)
    damaged = None if found.is_sound or not repair else repair_store(store)
    if as_json:
        typer.echo(json.dumps(_document(found, damaged), indent=1))
    else:
        typer.echo("\n".join(_lines(found, damaged)))
    if not found.is_sound:
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
    from stepsize.study.store_merge import merge_stores

    if target in others:
        raise StoreError(f"store={str(target)!r} is given twice")
    result = merge_stores(target, others)
    typer.echo(f"{target}: {counted(result.runs, 'run')}, {result.added:,} of them added")


def _lines(found: Any, damaged: Path | None) -> list[str]:
    content = f"{counted(found.runs, 'run')} and {_studies(found.studies)}"
    if found.is_sound:
        return [f"{found.path} is sound: {content}, each as it was saved"]
    lines = [f"{found.path} is damaged"]
    lines += [f"- the file: {problem}" for problem in found.file_problems[:SHOWN]]
    if found.damaged_runs:
        names = [f"{candidate} with seed {seed}" for candidate, seed in found.damaged_runs[:SHOWN]]
        more = ", ..." if len(found.damaged_runs) > SHOWN else ""
        are = "is" if len(found.damaged_runs) == 1 else "are"
        number = counted(len(found.damaged_runs), "run")
        lines.append(f"- {number} {are} not as saved: {', '.join(names)}{more}")
    if found.damaged_studies:
        lines.append(f"- {_studies(found.damaged_studies)} not as saved")
    if found.damaged_looks:
        lines.append(f"- {counted(found.damaged_looks, 'earlier verdict')} not as saved")
    if damaged is None:
        command = shlex.join(["stepsize", "check", str(found.path), "--repair"])
        return [*lines, f"Intact: {content}. To keep these: {command}"]
    return [
        *lines,
        f"Repaired: it has {content}. The damaged file is {damaged}.",
        "Run the same commands again to train what is missing.",
    ]


def _studies(number: int) -> str:
    return f"{number:,} {'study' if number == 1 else 'studies'}"


def _document(found: Any, damaged: Path | None) -> dict[str, Any]:
    return {
        "store": str(found.path),
        "sound": found.is_sound,
        "format": found.format,
        "runs": found.runs,
        "studies": found.studies,
        "damaged_runs": [{"candidate": candidate, "seed": seed} for candidate, seed in found.damaged_runs],
        "damaged_studies": found.damaged_studies,
        "damaged_looks": found.damaged_looks,
        "file_problems": found.file_problems,
        "damaged_file": None if damaged is None else str(damaged),
    }
