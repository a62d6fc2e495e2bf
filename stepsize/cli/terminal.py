"""What the commands know of the terminal: its width, its letters, and where messages go."""

from __future__ import annotations

import shutil
import sys

import typer


def width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size((100, 24)).columns


def plain() -> bool:
    """Tell whether standard output knows the letters of ASCII only."""
    try:
        "█→≈".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return True
    return False


def say(message: str) -> None:
    """Write a message for people, on standard error."""
    typer.echo(message, err=True)
