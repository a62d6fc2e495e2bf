"""The terminal that the commands write to: its width, its letters, and where messages go."""

from __future__ import annotations

import os
import shutil
import sys

import typer


def width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size((100, 24)).columns


def ascii_only() -> bool:
    """Return whether standard output can encode only ASCII."""
    try:
        "█→≈".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return True
    return False


def colours() -> bool:
    """Return whether standard output is a terminal that shows colours, and nobody asked for none."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def say(message: str) -> None:
    """Print a message for people on standard error; if that is a file on a full disk, the study goes on."""
    try:
        typer.echo(message, err=True)
    except BrokenPipeError:
        raise
    except OSError:
        pass
