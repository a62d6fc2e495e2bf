"""The folder of compiled programs, which later processes load instead of compiling them again.

JAX writes and reads it. If it cannot, it issues a Python warning, which nobody sees in the training process.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WARNING = re.compile(
    r"Error (writing|reading) persistent compilation cache entry for '(.*?)': (.*)", re.DOTALL
)
_SYSTEM_ERROR = re.compile(r"\[Errno \d+\] ([^:]+)")
_LONGEST = 0.2  # seconds of compilation that are not worth a file


class CompiledPrograms:
    """The programs that are kept in the user's cache, and why one could not be."""

    def __init__(self) -> None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.folder = Path(home, "stepsize", "compiled")
        self._problem = ""
        self._is_reported = False

    def keep(self, config: Any) -> None:
        """Set JAX's `config` so that programs are kept, and note from now on what goes wrong."""
        try:
            if not self.folder.is_absolute():
                raise FileNotFoundError(0, "there is no home directory")
            self.folder.mkdir(parents=True, exist_ok=True)
            config.update("jax_compilation_cache_dir", str(self.folder))
            config.update("jax_persistent_cache_min_compile_time_secs", _LONGEST)
        except OSError as error:
            self._problem = str(error.strerror)
        show = warnings.showwarning

        def note(message: Any, *details: Any, **more: Any) -> None:
            problem = _WARNING.match(str(message))
            if problem is None:
                show(message, *details, **more)
            elif problem[1] == "writing":
                self._note(problem[3])
            else:
                self._remove(problem[2])

        warnings.showwarning = note

    def report(self, send: Callable[[str], None]) -> None:
        """Send a message for people if programs cannot be kept, once in the life of this process."""
        if self._problem and not self._is_reported:
            self._is_reported = True
            send(
                f"Compiled programs cannot be kept in {self.folder}: {self._problem}. Training continues, "
                "but every command compiles again. Free some space, or set XDG_CACHE_HOME to a folder that "
                "can be written."
            )

    def _remove(self, program: str) -> None:
        """Remove the files of a program; a kill or a full disk has cut one off, which JAX never replaces."""
        try:
            for path in self.folder.glob(f"{program}-*"):
                path.unlink(missing_ok=True)
        except OSError as error:
            self._note(str(error))

    def _note(self, reason: str) -> None:
        system = _SYSTEM_ERROR.search(reason)
        self._problem = self._problem or (system[1] if system else reason.splitlines()[0][:100])
