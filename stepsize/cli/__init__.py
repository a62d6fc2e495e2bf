"""The command `stepsize`: parse, call, print. One command is one function of the library."""

from __future__ import annotations

import errno
import gc
import os
import shlex
import sys
from typing import Annotated, NoReturn

import typer

import stepsize
from stepsize.cli import built_in, live_page, rates, reports, scaling, schedules, stores, studies
from stepsize.cli.help import Command, Group
from stepsize.cli.messages import in_options, typed_options
from stepsize.errors import EngineError, StepsizeError

ANSWERED, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130  # and studies.ALL_DIVERGED

HELP = """Which learning rate, and which schedule, should I use on my model and my data?

Start with:

\b
  stepsize find ionosphere               what every learning rate does
  stepsize compare ionosphere            which schedules can be told apart
  stepsize compare table.csv --target y  the same on your own data
  stepsize preview "cosine(0.1)"         a schedule before any training

Documentation: https://github.com/stepsize/stepsize/tree/main/docs"""

app = typer.Typer(
    cls=Group,
    help=HELP,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> NoReturn:
    """Run the command line and exit with its code; bad input is one line on standard error."""
    gc.set_threshold(50_000, 20, 100)  # imported modules are not garbage: a tenth of a short command
    try:
        code = app(standalone_mode=False) or ANSWERED  # typer turns Ctrl-C into 130
        sys.stdout.flush()
    except typer.TyperException as error:
        _exit(error.format_message(), BAD_INPUT)
    except StepsizeError as error:
        code = FAILED if isinstance(error, EngineError) else BAD_INPUT
        _exit(in_options(str(error), _options()), code)
    except OSError as error:
        if not isinstance(error, BrokenPipeError) and not _is_full(error):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if _is_full(error):
            _exit(f"the answer cannot be written to standard output: {error.strerror}", FAILED)
        code = FAILED
    if code == INTERRUPTED:
        again = shlex.join(["stepsize", *sys.argv[1:]])
        _exit(f"interrupted; finished runs are kept. To resume, run the same command again: {again}", code)
    sys.exit(code)


def _version(show: bool) -> None:
    if show:
        typer.echo(stepsize.__version__)
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(BAD_INPUT)


PANELS = {
    "Find an answer": {
        studies.compare: "Compare schedules on many seeds: which can be told apart?",
        rates.find: "Show what every learning rate does to a model.",
        scaling.scale: "Show how the best rate moves with batch size, length or width.",
        built_in.studies: "List the built-in studies: problems, lessons, and claims to test.",
        live_page.explore: "Drag a schedule in the browser, and watch the verdict of thirty runs.",
    },
    "Use it": {
        schedules.preview: "Show a schedule before training with it.",
        schedules.export: "Write a schedule as code for Keras, PyTorch, optax, ...",
        reports.report: "Show the answer of a finished study again, in any format.",
        reports.export_optuna: "Write a finished study for Optuna's dashboard and plots.",
    },
    "Look after stores": {
        stores.check: "Check a store for damage, and repair it.",
        stores.merge: "Add the runs of other stores to a store.",
    },
}
COMMANDS = tuple(command for commands in PANELS.values() for command in commands)
for panel, commands in PANELS.items():
    for command, summary in commands.items():
        app.command(cls=Command, rich_help_panel=panel, short_help=summary)(command)


def _is_full(error: OSError) -> bool:
    """Return whether a stream, which has no file name, is on a full disk."""
    return error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _options() -> dict[str, str]:
    """Return the options of the command that was typed, by the name of the argument."""
    commands = {each.__name__.replace("_", "-"): each for each in COMMANDS}
    command = next((commands[word] for word in sys.argv[1:] if word in commands), None)
    return {} if command is None else typed_options(command, sys.argv)


def _exit(message: str, code: int) -> NoReturn:
    typer.echo(f"stepsize: {' '.join(message.split())}", err=True)
    sys.exit(code)
