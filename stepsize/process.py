"""Child processes that answer pickled requests through their pipes; the parent survives if one dies.

The parent has a `Child` and asks it; the child calls `serve`. An answer is one of four pairs:
`("progress", value)`, any number of times, then `("answer", value)`, `("refused", error)` for bad input, or
`("raised", (summary, path))` for any other error, with the path of its traceback.
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

from stepsize.errors import EngineError, InputError, MissingExtra, first_line, save_traceback

BROKEN = (EOFError, OSError, pickle.UnpicklingError)
"""The errors that `Child.send` and `Child.ask` raise when the process has died."""

Progress = Callable[[Any], None]
"""Called with each progress report of a request."""


class WorkerError(Exception):
    """A request failed in the child with an error that is not the caller's input."""

    def __init__(self, summary: str, traceback_path: str) -> None:
        super().__init__(summary)
        self.summary, self.traceback_path = summary, traceback_path


class Child:
    """A process that runs a module of this package; what it writes to standard error is kept.

    Raises: EngineError if the process cannot be started.
    """

    def __init__(self, module: str, **environment: str) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the process
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**os.environ, **environment, "PYTHONPATH": paths},
                start_new_session=True,  # Ctrl-C goes to the parent, which ends this process
            )
        except OSError as error:
            self._stderr.close()
            raise EngineError(
                f"cannot start a training process with {sys.executable!r}: {error.strerror}"
            ) from None

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def send(self, request: Any) -> None:
        """Send a request. Raise one of `BROKEN` if the process has died."""
        assert self._process.stdin is not None
        pickle.dump(request, self._process.stdin, protocol=5)
        self._process.stdin.flush()

    def receive(self, on_progress: Progress = lambda value: None) -> Any:
        """Return the answer to the oldest request, passing progress reports to `on_progress`.

        Raises: the error that the child refused the request with, WorkerError for any other error in the
        child, one of `BROKEN` if the process has died.
        """
        assert self._process.stdout is not None
        while True:
            kind, value = pickle.load(self._process.stdout)
            if kind == "answer":
                return value
            if kind == "refused":
                raise value
            if kind == "raised":
                raise WorkerError(*value)
            on_progress(value)

    def ask(self, request: Any, on_progress: Progress = lambda value: None) -> Any:
        """Send a request and return its answer, as `receive` does."""
        self.send(request)
        return self.receive(on_progress)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._stderr.close()

    def reap(self) -> str:
        """End a process whose pipe broke; return its exit status and the last line that it wrote."""
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = None
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        self.end()
        hint = ", probably out of memory" if status == -9 else ""
        output = f"its last message: {lines[-1][:200]}" if lines else "it wrote no message"
        return f"(exit status {status}{hint}); {output}"


def serve(answer: Callable[[Any, Progress], Any], prepare: Callable[[], None] = lambda: None) -> None:
    """Answer requests from standard input until the parent is gone, then end this process.

    `answer(request, progress)` returns the answer to one request; bad input and other errors are sent to
    the parent, and the next request is served. `prepare()` runs first. What this process prints goes to
    standard error.
    """
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    waiting = _requests()

    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), pipe, protocol=5)
        pipe.flush()

    prepare()
    while True:
        request = waiting.get()
        try:
            send("answer", answer(request, lambda value: send("progress", value)))
        except (InputError, MissingExtra) as error:
            send("refused", error)
        except Exception as error:
            send("raised", (f"{type(error).__name__}: {first_line(error)}", save_traceback()))


def _requests() -> queue.SimpleQueue[Any]:
    """Return the queue of incoming requests; when the parent is gone, the process ends at once."""
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
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def second_level_cache() -> int:
    """Return the size of a core's second-level cache in bytes; 1 MiB if the system does not report it."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 1 << 20
