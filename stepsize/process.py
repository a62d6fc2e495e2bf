"""Child processes that answer pickled requests through their pipes; the parent survives if one dies.

The parent has a `Child` and asks it; the child calls `serve`. An answer is one of four pairs:
`("progress", value)`, any number of times, then `("answer", value)`, `("refused", error)` for bad input, or
`("raised", (summary, path))` for any other error, with the path of its traceback. A progress report that is a
`Notice` is for people. If the parent's listener raises `Stop`, the child leaves the request at its next
report.

A child may run the code of a user, which forks, reads standard input, or starts processes that live on. So
the pipes of a child have descriptors of their own, which no fork of it can read or keep open; its standard
input is empty; its death is seen although a process that it started lives on; and ending it ends those too.
A child that is silent for much longer than usual counts as dead (`stepsize.hangs`). The files of the working
folder come after Python's own modules, and are not imported at its start.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from stepsize.errors import EngineError, InputError, MissingExtra, first_line, save_traceback
from stepsize.hangs import Patience, Silence
from stepsize.pipes import Reader, Writer
from stepsize.process_group import end_group
from stepsize.user_modules import search_path

BROKEN = (EOFError, OSError, pickle.UnpicklingError)
"""The errors that `Child.send` and `Child.ask` raise when the process has died."""

NESTED = "a training process cannot run a study; write the code that does under if __name__ == '__main__':"

DEATH_CHECK = 1.0  # seconds between looks at a process that does not answer
HANG_CHECK = 5.0  # seconds between looks at what it does

FOLDER = str(Path(__file__).parents[1])  # where this package lies
START = """
import importlib, sys
module, hidden, *path = sys.argv[1:]
del sys.argv[1:]
sys.path = [entry for entry in path if entry != hidden]
main = importlib.import_module(module).main
sys.path = path
main()
"""

is_child = False  # whether `serve` runs in this process

Progress = Callable[[Any], None]
"""Called with each progress report of a request."""


class Stop(Exception):
    """Raised by a listener to progress, for nobody waits for the answer; the child is sent this class."""


class Notice(NamedTuple):
    """A progress report that is a message for people; the request goes on."""

    text: str


class WorkerError(Exception):
    """A request failed in the child with an error that is not the caller's input."""

    def __init__(self, summary: str, traceback_path: str) -> None:
        super().__init__(summary)
        self.summary, self.traceback_path = summary, traceback_path


class ProcessDied(EngineError):
    """A process has died, hung or run out of memory each time that it was given a request."""


class Child:
    """A process that runs `main()` of a module; what it writes to standard error is kept.

    Raises: EngineError if the process cannot be started, InputError in a child: one that imports a module
    which runs a study would start children without end.
    """

    def __init__(self, module: str, **environment: str) -> None:
        if is_child:
            raise InputError(NESTED)
        hidden = os.getcwd() if os.getcwd() != FOLDER else ""
        try:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the process
        except OSError as error:
            raise EngineError(f"cannot start a training process: {first_line(error)}; set TMPDIR") from None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", START, module, hidden, *search_path(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**os.environ, **environment},
                bufsize=0,
                start_new_session=True,  # Ctrl-C goes to the parent, which ends this process
            )
        except OSError as error:
            self._stderr.close()
            raise EngineError(
                f"cannot start a training process with {sys.executable!r}: {error.strerror}"
            ) from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._reader = Reader(self._answers.fileno(), self._wait)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        self._receiving = threading.Lock()
        self._killed = False
        self._silence, self._patience, self._hung = Silence(self._process.pid), Patience(), ""

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def send(self, request: Any) -> None:
        """Send a request. Raise one of `BROKEN` if the process has died."""
        pickle.dump(request, Writer(self._requests.fileno()), protocol=5)

    def receive(self, on_progress: Progress = lambda value: None, patience: Patience | None = None) -> Any:
        """Return the answer to the oldest request, passing progress reports to `on_progress`.

        `patience` learns how long requests like this one take, and decides when the process is hung.

        Raises: the error that the child refused the request with, WorkerError for any other error in the
        child, one of `BROKEN` if the process has died or is hung, `Stop` after the listener has raised it.
        """
        self._patience, stopped = patience or Patience(), None
        while True:
            began = time.monotonic()
            with self._receiving:
                kind, value = pickle.load(self._reader)
            self._silence.end()
            self._patience.heard_after(time.monotonic() - began)
            if stopped is not None and kind != "progress":
                raise stopped
            if kind == "answer":
                return value
            if kind == "refused":
                raise value
            if kind == "raised":
                raise WorkerError(*value)
            try:
                if stopped is None:
                    on_progress(value)
            except Stop as error:
                stopped = error
                self.send(Stop)

    def ask(
        self,
        request: Any,
        on_progress: Progress = lambda value: None,
        patience: Patience | None = None,
    ) -> Any:
        """Send a request and return its answer, as `receive` does."""
        self.send(request)
        return self.receive(on_progress, patience)

    def end(self) -> None:
        """End the process and those that it started."""
        self._kill()
        with self._receiving:  # a thread that still receives sees the death first
            self._selector.close()
            self._requests.close()
            self._answers.close()
            self._stderr.close()

    def reap(self) -> str:
        """End a process whose pipe broke; return its exit status and the last line that it wrote."""
        if self._hung:
            self._kill()
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = None
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        self.end()
        hint = ", probably out of memory" if status == -9 else ""
        output = f"its last message: {lines[-1][:200]}" if lines else "it wrote no message"
        return f"({self._hung or f'exit status {status}{hint}'}); {output}"

    def _wait(self) -> None:
        """Wait for more of an answer. Raise EOFError if the process dies first, or is hung."""
        waited = 0.0
        while not self._selector.select(timeout=DEATH_CHECK):
            if self._process.poll() is not None and not self._selector.select(timeout=0):
                raise EOFError
            waited += DEATH_CHECK
            if waited >= HANG_CHECK:
                self._silence.wait(waited)
                waited = 0.0
                if self._silence.is_hung(self._patience):
                    self._hung = f"ended, because it had not answered for {self._silence.seconds:.0f} seconds"
                    raise EOFError

    def _kill(self) -> None:
        """Kill the process, and end those of its group: once, for later its number may be another's."""
        if self._killed:
            return
        self._killed = True
        self._process.kill()
        self._process.wait()
        end_group(self._process.pid)


def serve(answer: Callable[[Any, Progress], Any], prepare: Callable[[], None] = lambda: None) -> NoReturn:
    """Answer requests of the parent until it is gone, then end this process.

    `answer(request, progress)` returns the answer to one request; bad input and other errors are sent to
    the parent, and the next request is served. `prepare()` runs first. What this process prints goes to
    standard error.
    """
    global is_child
    is_child = True
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.register_at_fork(after_in_child=lambda: _redirect((requests, answers), nothing))
    stopped = threading.Event()
    waiting = _requests(requests, stopped)

    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), Writer(answers), protocol=5)

    def report(value: Any) -> None:
        if stopped.is_set():
            raise Stop
        send("progress", value)

    gc.disable()  # imports make no garbage, and looking for it takes a quarter of their time
    prepare()
    gc.freeze()
    gc.enable()
    while True:
        request = waiting.get()
        stopped.clear()
        try:
            send("answer", answer(request, report))
        except Stop:
            send("answer", None)
        except (InputError, MissingExtra) as error:
            send("refused", error)
        except BaseException as error:  # such as the SystemExit of a user's function
            send("raised", (f"{type(error).__name__}: {first_line(error)}", save_traceback()))


def _redirect(descriptors: Iterable[int], target: int) -> None:
    for descriptor in descriptors:
        os.dup2(target, descriptor)


def _requests(descriptor: int, stopped: threading.Event) -> queue.SimpleQueue[Any]:
    """Return the queue of incoming requests, but for `Stop`, which sets an event.

    When the parent is gone, this process ends at once.
    """
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def receive() -> None:
        try:
            while True:
                request = pickle.load(Reader(descriptor))
                if request is Stop:
                    stopped.set()
                else:
                    waiting.put(request)
        except BROKEN:
            pass
        except BaseException:
            traceback.print_exc()
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGTERM)  # with what this process started, which would live on
        os._exit(1)

    threading.Thread(target=receive, daemon=True).start()
    return waiting
