"""A process of our own that is spoken to by pickles through its pipes; it may die without taking us along.

`Child` is the caller's side; `answers` and `requests` are those of the process itself.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
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


def answers() -> Callable[..., None]:
    """Give the function by which this process answers; what else it prints goes to standard error."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(*answer: Any) -> None:
        pickle.dump(answer, pipe, protocol=5)
        pipe.flush()

    return send


def requests() -> queue.SimpleQueue[Any]:
    """Give the requests to this process as they come; it ends when the caller is gone, whatever it does."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def receive() -> None:
        while True:
            try:
                waiting.put(pickle.load(sys.stdin.buffer))
            except EOFError:
                os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    return waiting


def cores() -> int:
    """Give the processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def second_level_cache() -> int:
    """Give the bytes of a core's second-level cache; 1 MiB where the system does not say."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 1 << 20
