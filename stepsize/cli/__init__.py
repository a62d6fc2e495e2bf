"""The command `stepsize`: parse, call, print. One command is one function of the library."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated, NoReturn

import typer

import stepsize
from stepsize.cli import live_page, rates, scaling, schedules, stores, studies
from stepsize.cli.messages import in_options, typed_options
from stepsize.errors import EngineError, StepsizeError

ANSWERED, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130  # and studies.ALL_DIVERGED

app = typer.Typer(
    help="Which learning rate, and which schedule, should I use on my model and my data?",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> NoReturn:
    """Run the command line and exit with its code; bad input is one line on standard error."""
    try:
        code = app(standalone_mode=False) or ANSWERED  # typer turns Ctrl-C into 130
    except typer.TyperException as error:
        _exit(error.format_message(), BAD_INPUT)
    except StepsizeError as error:
        code = FAILED if isinstance(error, EngineError) else BAD_INPUT
        _exit(in_options(str(error), _options()), code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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


COMMANDS = (
    studies.compare,
    rates.find,
    scaling.scale,
    live_page.explore,
    studies.report,
    schedules.preview,
    schedules.export,
    stores.check,
    stores.merge,
)
for command in COMMANDS:
    app.command()(command)


def _options() -> dict[str, str]:
    """Return the options of the command that was typed, by the name of the argument."""
    commands = {each.__name__: each for each in COMMANDS}
    command = next((commands[word] for word in sys.argv[1:] if word in commands), None)
    return {} if command is None else typed_options(command, sys.argv)


def _exit(message: str, code: int) -> NoReturn:
    typer.echo(f"stepsize: {' '.join(message.split())}", err=True)
    sys.exit(code)
