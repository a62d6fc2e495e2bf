"""Write docs/command-line.md: every command of `stepsize` with its arguments and options.

python docs/make_command_line.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from stepsize.cli import app

PAGE = Path(__file__).parent / "command-line.md"


def page() -> str:
    """Return the page, as Typer writes it."""
    command: Any = get_command(app)
    text = get_docs_for_click(obj=command, ctx=Context(command), name="stepsize", title="Command line")
    for name, each in command.commands.items():  # Typer shortens what they do to 45 characters
        summary = (each.help or "").partition("\n\n")[0]
        text = re.sub(rf"^\* `{name}`: .*$", f"* `{name}`: {summary}", text, count=1, flags=re.M)
    return text.rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
