"""Which runs each process is making, kept in the store, so that several processes can share a study.

A process claims the runs of a call before it makes them, and leaves out what another live process has
claimed. On the same machine, a process is alive while it runs and its number of heartbeats grows; on another
machine, the heartbeats alone count. No clock is compared with that of another machine.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from stepsize.errors import StoreError
from stepsize.study.jobs import Job
from stepsize.study.stores.store import Run, Store

BEAT = 2.0  # seconds between heartbeats
LIMIT = 30.0  # seconds without a heartbeat, after which a process counts as dead
POLL = 0.1  # seconds between looks at what others have finished

Key = tuple[str, int]


class Claims:
    """The runs of a fingerprint that this process claims; use it as a context manager.

    `runs` is brought up to date with what other processes have finished; `taken_over` counts those runs.
    """

    def __init__(self, store: Store, fingerprint: str, runs: dict[Key, Run]) -> None:
        self._store, self._fingerprint, self._runs = store, fingerprint, runs
        self._process, self._machine = uuid4().hex, this_machine()
        self._heart: Heart | None = None
        self._beats: dict[str, tuple[int, float]] = {}  # of other processes, and when each was new
        self._refused = False
        self.taken_over = 0

    def __enter__(self) -> Claims:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._heart is None:
            return
        self._heart.stop()
        with suppress(StoreError), self._store.transaction() as database:  # it may be what failed
            _forget(database, self._process)

    def claim(self, jobs: Sequence[Job]) -> bool:
        """Claim the missing runs among `jobs`; return False if there are none, or another process has one."""
        keys = [job.key for job in jobs if job.key not in self._runs]
        if not keys:
            return False
        with self._store.transaction() as database:
            self._register(database)
            if not self._claimed_by_others(database).isdisjoint(keys):
                self._refused = True
                return False
            rows = [(self._fingerprint, *key, self._process) for key in keys]
            database.executemany("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?)", rows)
        # A run and its claim change in one transaction, so what is finished by now can be read.
        return self._take_over(keys) < len(keys)

    def wait(self, jobs: Iterable[Job], listen: Callable[[], None] = lambda: None) -> bool:
        """Wait until all of `jobs` are finished, or one is free that another process was making.

        `listen` is called now and then. Return False, at once, if no claim was refused since the last call.
        """
        if not self._refused:
            return False
        self._refused = False
        with self._store.transaction() as database:
            database.execute("DELETE FROM claim WHERE process = ?", (self._process,))
        left = {job.key for job in jobs if job.key not in self._runs}
        while True:
            with self._store.transaction() as database:
                free = left - self._claimed_by_others(database)
            left -= free
            if self._take_over(free) < len(free) or not left:
                return True
            listen()
            time.sleep(POLL)

    def _take_over(self, keys: Iterable[Key]) -> int:
        """Add those runs that are in the store by now to `runs`; return how many there are."""
        finished = self._store.runs(self._fingerprint, keys)
        self._runs.update(finished)
        self.taken_over += len(finished)
        return len(finished)

    def _register(self, database: sqlite3.Connection) -> None:
        """Say once that this process is alive, and keep saying so."""
        if self._heart is None:
            self._heart = Heart(self._store, self._process, self._machine)
            self._heart.beat(database)
            self._heart.start()

    def _claimed_by_others(self, database: sqlite3.Connection) -> set[Key]:
        """Return the runs that other live processes have claimed; forget processes that are dead."""
        alive = set()
        for process, machine, pid, beats in database.execute("SELECT * FROM process").fetchall():
            if process == self._process:
                continue
            if self._is_alive(process, machine, pid, beats):
                alive.add(process)
            else:
                _forget(database, process)
        query = "SELECT candidate, seed, process FROM claim WHERE fingerprint = ?"
        rows = database.execute(query, (self._fingerprint,))
        return {(candidate, seed) for candidate, seed, process in rows if process in alive}

    def _is_alive(self, process: str, machine: str, pid: int, beats: int) -> bool:
        """Return whether a process runs, and its heartbeats have grown within the limit."""
        if machine == self._machine and not is_running(pid):
            return False
        now = time.monotonic()
        known, since = self._beats.get(process, (None, now))
        if beats != known:
            self._beats[process] = beats, now
            return True
        return now - since < LIMIT


class Heart(threading.Thread):
    """A thread that counts heartbeats in the store, through a connection of its own."""

    def __init__(self, store: Store, process: str, machine: str) -> None:
        super().__init__(daemon=True)
        self._store, self._row = store, (process, machine, os.getpid())
        self._stopped = threading.Event()

    def run(self) -> None:
        """Beat until the thread is stopped."""
        while not self._stopped.wait(BEAT):
            # A full disk or a lost file is reported by the main thread, whose next claim meets it, too.
            with suppress(sqlite3.Error), closing(self._store.connect()) as database:
                self.beat(database)
                while not self._stopped.wait(BEAT):
                    self.beat(database)

    def beat(self, database: sqlite3.Connection) -> None:
        """Count one heartbeat."""
        database.execute(
            "INSERT INTO process VALUES (?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET beats = beats + 1",
            self._row,
        )

    def stop(self) -> None:
        """Stop the thread, and wait until it has ended."""
        self._stopped.set()
        self.join()


def this_machine() -> str:
    """Return what tells this machine from others, and from containers that number their processes anew."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def is_running(pid: int) -> bool:
    """Return whether a process of this machine runs; one that has ended and is not reaped does not."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it is another user's
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state not in "ZX"


def _forget(database: sqlite3.Connection, process: str) -> None:
    """Remove a process and its claims."""
    database.execute("DELETE FROM claim WHERE process = ?", (process,))
    database.execute("DELETE FROM process WHERE id = ?", (process,))
