"""`stepsize studies`: the built-in studies, and what each is about."""

from __future__ import annotations

import typer

from stepsize.cli.terminal import width

GAP = 2  # columns between a name and its sentence


def studies() -> None:
    """List the built-in studies: problems, the classic lessons, and claims about learning rates.

    Each name is a PROBLEM for compare, find, scale and explore. As a schedule, it stands for the candidates
    of that study: stepsize compare table.csv --target kind -s claim-decay
    """
    from stepsize.problems.built_in import BUILT_IN, built_in_study
    from stepsize.report.terminal_text import wrap

    room = max(map(len, BUILT_IN)) + GAP
    for name in BUILT_IN:
        about = built_in_study(name)["about"]
        typer.echo("\n".join(wrap(about, width(), f"{name:<{room}}", " " * room)))
