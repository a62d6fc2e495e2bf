"""Run a contender as a process: what it says, how long it is there, and the memory it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

EVERY = 0.1  # seconds between two looks at a process
CONTENDERS = Path(__file__).parent / "contenders"


class Failed(Exception):
    """A process that ended with a status other than 0."""


def contend(script: str, *arguments: Any, **environment: str) -> dict[str, Any]:
    """Run a script of `contenders/` as `run` does; what it has to complain of is shown."""
    output = run([sys.executable, str(CONTENDERS / script), *map(str, arguments)], environment)
    sys.stderr.write(output.pop("messages"))
    return output


def run(
    command: list[str], environment: Mapping[str, str], look: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Run a command and give what it says, one JSON document, with the `wall_seconds` that it took.

    `environment` replaces variables of our own; `look` is called ten times a second meanwhile. `peak_mib`
    adds up the most that each process of its tree ever held (VmHWM): pages that they share count for each,
    and their peaks may not meet, so together they never held more; None without /proc. `messages` is what
    it writes to standard error.

    Raises: Failed, with the end of its messages.
    """
    start, peaks = time.perf_counter(), dict[int, int]()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},  # as an installed package starts
    )
    while True:
        try:
            said, messages = process.communicate(timeout=EVERY)
            break
        except subprocess.TimeoutExpired:
            look()
            for pid in tree(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), held(pid))
    wall = time.perf_counter() - start
    if process.returncode:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}: {messages[-2000:]}")
    peak = sum(peaks.values()) / 1024 or None
    return {**json.loads(said), "wall_seconds": wall, "peak_mib": peak, "messages": messages}


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all that it started and that are still there."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    waiting = [pid]
    while waiting:
        yield (each := waiting.pop())
        waiting += children.get(each, [])


def held(pid: int) -> int:
    """Give the most memory that a process ever held, in KiB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(next(lines, "VmHWM: 0 kB").split()[1])
