"""A process of our own that is spoken to by pickles through its pipes; it may die without taking us along."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from typing import Any

from stepsize.errors import EngineError

BROKEN = (EOFError, OSError, pickle.UnpicklingError)
"""What speaking to a process raises when it has died."""


class Child:
    """The process of a module of this package; what it writes to standard error is kept.

    Raises: EngineError if no process can be started.
    """

    def __init__(self, module: str, **environment: str) -> None:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the process
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._messages,
                env={**os.environ, **environment, "PYTHONPATH": paths},
                start_new_session=True,  # Ctrl-C is for the caller, who ends this process
            )
        except OSError as error:
            self._messages.close()
            raise EngineError(
                f"cannot start a training process by {sys.executable!r}: {error.strerror}"
            ) from None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, message: Any) -> None:
        """Hand a message over; one of `BROKEN` is raised if nobody is there."""
        assert self._process.stdin is not None
        pickle.dump(message, self._process.stdin, protocol=5)
        self._process.stdin.flush()

    def receive(self) -> Any:
        """Wait for a message; one of `BROKEN` is raised if none will come."""
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._messages.close()

    def last_words(self) -> str:
        """End a process that broke off; give its status and the last line that it wrote."""
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = None
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        self.end()
        hint = ", probably out of memory" if status == -9 else ""
        said = f"its last words: {lines[-1][:200]}" if lines else "it said nothing"
        return f"(status {status}{hint}); {said}"
