"""What a notebook shows while something runs: messages as plain output, and progress that rewrites itself."""

from __future__ import annotations

import io
import sys
from typing import TextIO


def in_notebook() -> bool:
    """Return whether this code runs in a kernel of Jupyter, Colab or VS Code."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def message_stream() -> TextIO:
    """Return where messages for people go: standard error, which notebooks show in red, so not there."""
    return sys.stdout if in_notebook() else sys.stderr


def progress_stream() -> TextIO:
    """Return where progress goes: standard error, or an output of the notebook's cell that is rewritten."""
    return NotebookLine() if in_notebook() else sys.stderr


class NotebookLine(io.StringIO):
    """A terminal of one line: whatever is written takes the place of what was there before."""

    def __init__(self) -> None:
        super().__init__()
        self._output = None

    def isatty(self) -> bool:
        """Return True: what is written may begin with a return to the start of the line."""
        return True

    def write(self, text: str) -> int:
        """Show `text` instead of what is shown."""
        from IPython.display import display

        shown = {"text/plain": text.removeprefix("\r\x1b[K")}
        if self._output is None:
            self._output = display(shown, raw=True, display_id=True)
        else:
            self._output.update(shown, raw=True)
        return len(text)
